//! The keys of a sweep file: names, kinds of values, defaults, meanings, synonyms.
//!
//! A new key is a variant in `key` and a row in `table`.

mod example;
pub mod key;
pub mod kind;
pub mod options;
pub mod synonyms;
pub mod table;
