//! Implements `--isolate`: each run trains in a child process, so that an abort, a segmentation
//! fault or the out-of-memory killer ends only that run.
//!
//! The child reads one [`Order`](message::Order) from standard input and writes JSON lines to
//! standard output. When its input ends, its parent has died, and it exits.

mod child;
mod message;
mod parent;

pub use child::execute;
pub use message::Setting;
pub use parent::ChildTrainer;

/// The command of a child.
const CHILD: &str = "train-run";

/// Whether this process is a child.
pub fn is_child() -> bool {
    std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == CHILD)
}
