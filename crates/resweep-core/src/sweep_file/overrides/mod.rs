//! `--set KEY=VALUE`: reads each value by the type of its key, and inserts it into the tree.

pub mod apply;
mod meant;
mod target;
mod typed;
