//! Runs the pending trainings on worker threads, one run each.
//!
//! [`policy`] decides and knows no threads; [`dispatch`] sends and receives. Everything that
//! happens goes to the [`EventSink`]s from one thread, the recorder first. The scheduler knows
//! the [`Trainer`] trait and nothing of training, storing or showing.
//!
//! [`EventSink`]: crate::domain::EventSink
//! [`Trainer`]: crate::domain::Trainer

mod dispatch;
mod panics;
mod policy;

pub use dispatch::{ScheduleError, run};
pub use panics::install_hook;
pub use policy::{Workforce, longest_first};
