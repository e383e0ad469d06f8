//! The paper's curves and errors on CIFAR-10, and the differences between a configuration and the
//! paper's setting.
//!
//! Sources of `numbers.csv`: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition"
//! (arXiv 1512.03385), table 6 for the test error of residual nets; its figure 6, whose curves were
//! extracted from the vector graphics to about 0.03 percentage points, for the test error of plain
//! nets (end of the curve) and for all training errors (mean from 54,000 iterations on); and the
//! sequel, "Identity Mappings in Deep Residual Networks" (arXiv 1603.05027), table 1, for option C.

mod curves;
mod numbers;
mod setting;

pub use curves::{Curve, Series, curves};
pub use numbers::{NUMBERS, Number, Source, reference};
pub use setting::departures;
