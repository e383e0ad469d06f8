//! `--isolate`: each run trains in a process of its own, a child of this program, so that what
//! ends it, an abort, a segmentation fault or the system for want of memory, ends nothing else.
//!
//! The child gets one [`Order`](message::Order) on its standard input and answers with lines of
//! JSON on its standard output. When its input ends, its parent has died, and so does it.

mod child;
mod message;
mod parent;

pub use child::execute;
pub use message::Setting;
pub use parent::ChildTrainer;
