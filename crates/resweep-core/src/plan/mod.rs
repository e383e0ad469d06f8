//! Plans a sweep: expands it into runs, estimates their costs and compares them with the store.
//! Pure: the same input gives the same runs in the same order.

mod diff;
mod estimate;
mod expand;

pub use crate::domain::DataIdentity;
pub use diff::{Diff, RetryPolicy, RunState, Stored};
pub use estimate::{ObservedTime, Times, Work, makespan};
pub use expand::{run_label, runs, without_seed};
