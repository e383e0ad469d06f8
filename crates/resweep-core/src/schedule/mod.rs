//! Runs the pending trainings on worker threads, one run each.
//!
//! [`policy`] decides and knows no threads; [`dispatch`] sends and receives. Everything that
//! happens goes from one thread to the [`Ledger`], which also says who may work on what, and then
//! to the [`EventSink`]s. The scheduler knows these traits and the [`Trainer`], and nothing of
//! training, storing or showing.
//!
//! [`Ledger`]: crate::domain::Ledger
//! [`EventSink`]: crate::domain::EventSink
//! [`Trainer`]: crate::domain::Trainer

mod dispatch;
mod panics;
mod policy;
mod worker;

pub use dispatch::{Batch, ScheduleError, run};
pub use panics::{caught, install_hook, worker_name};
pub use policy::{Limits, Resources, Workforce, longest_first};
