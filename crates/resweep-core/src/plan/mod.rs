//! From a sweep to its runs: what each costs, and how that compares with what is stored. Pure: the same input gives the same runs in the same order.

mod diff;
mod estimate;
mod expand;

pub use crate::domain::DataFacts;
pub use diff::{Again, Diff, Standing, Stored, StoredStatus};
pub use estimate::{ObservedTime, Times, Work, makespan};
pub use expand::runs;
