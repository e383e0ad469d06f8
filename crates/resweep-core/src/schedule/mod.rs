//! Runs the pending trainings on worker threads, one run per thread.
//!
//! `policy` decides and has no threads; `dispatch` sends and receives. One thread passes every
//! event to the [`Ledger`], which also arbitrates runs between processes, and then to the
//! [`EventSink`]s. The scheduler depends on these traits and the [`Trainer`]; it must not depend on
//! training, storage or display.
//!
//! [`Ledger`]: crate::domain::Ledger
//! [`EventSink`]: crate::domain::EventSink
//! [`Trainer`]: crate::domain::Trainer

mod dispatch;
mod panics;
mod policy;
mod worker;

pub use dispatch::{RunBatch, ScheduleError, run};
pub use panics::{caught, install_hook, worker_name};
pub use policy::{Limits, Resources, WorkerPool, longest_first};
