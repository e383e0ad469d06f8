//! Sweeps on a cluster: a folder that every node sees is the contract between `resweep submit`,
//! the tasks and `resweep sync`.
//!
//! [`SubmissionFolder`] names the files. A task trains its runs with the usual scheduler and a
//! [`TaskLedger`], which writes a [`Journal`](JournalWriter); [`read_journal`] reads it back for
//! `sync`. Each start of a task has folders of its own, made by `mkdir`, so that two processes
//! never write the same file. [`slurm`] writes job scripts and runs Slurm's commands. Nothing here
//! opens the database, trains or draws.
//!
//! | module | contents |
//! |---|---|
//! | `folder` | the folder of a submission, its files and marks |
//! | `order` | `order.json` and the runs of each task |
//! | `packing` | runs packed into tasks |
//! | `journal`, `history` | what a task did, written, and read back by its next start |
//! | `task_ledger` | gives runs to a task's scheduler, writes its events to the journal |
//! | [`slurm`] | job scripts, and Slurm's commands |

mod folder;
mod history;
mod journal;
mod order;
mod packing;
pub mod slurm;
mod task_ledger;

pub use folder::{Start, SubmissionFolder};
pub use history::{FinalState, History};
pub use journal::{JournalRead, JournalWriter, Tail, read_journal};
pub use order::{Order, Program};
pub use packing::{Packing, pack};
pub use task_ledger::TaskLedger;

use std::io;
use std::path::{Path, PathBuf};

/// Why a submission's folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not as `resweep submit` wrote it: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot run `{command}`; is {program} installed on this machine?")]
    Missing {
        program: &'static str,
        command: String,
        source: io::Error,
    },
    #[error("`{command}` failed: {said}")]
    Command { command: String, said: String },
}

impl ClusterError {
    fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Read { path, source }
    }

    fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, source }
    }
}
