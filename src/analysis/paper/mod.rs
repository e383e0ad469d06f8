//! What the paper reports, as reference data.

mod curves;

pub use curves::{Curve, Series, curves};
