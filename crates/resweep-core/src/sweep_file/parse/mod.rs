//! Parses TOML into a tree whose values know their positions.
//!
//! Nothing here knows a key.

pub mod repair;
pub mod split;
pub mod syntax;
pub mod tree;
