//! From a sweep to its runs: what identifies each, what it costs, and how that compares with
//! what is stored. Pure: the same input gives the same runs in the same order.

mod diff;
mod estimate;
mod expand;
mod identity;

pub use diff::{Again, Diff, Standing, Stored, StoredStatus};
pub use estimate::{ObservedSpeed, Speeds, makespan};
pub use expand::{DataFacts, runs};
pub use identity::{determining, run_id};
