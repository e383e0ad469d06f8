//! The store: one SQLite database with every sweep, run, attempt and measurement.
//!
//! [`Recorder`] is the only writer, an [`EventSink`](resweep_core::domain::EventSink) that the
//! scheduler calls first. [`Store`] reads, at any time and from any process, also while a sweep
//! runs. `docs/database.md` describes the schema and what survives a crash. This crate must not
//! train, schedule or draw.
//!
//! | modules | contents |
//! |---|---|
//! | `database`, `place`, `lock`, `migrations` | opens the file: its path, its schema, the lock during set-up |
//! | `recorder`, `register`, `waiting` | writes sweeps, runs, attempts and measurements |
//! | `claims`, `process`, `presence` | which process trains which run, and whether it is alive |
//! | `points`, `layers`, `images`, `checkpoints` | the rows of one kind each |
//! | `sums`, `soundness`, `examine` | checksums of measurements, and all other checks |
//! | `queries`, `rows`, `origins` | reads, at any time |
//! | `starts`, `restarts`, `pasts` | where runs start: checkpoints, and results that they share |
//! | `submissions`, `submit_runs`, `replay` | runs on a cluster |
//! | `removal`, `gc`, `garbage`, `usage` | removes results and unneeded files |
//! | `recovery`, `retrace` | reads damaged databases; migrates old ones |

mod checkpoints;
mod claims;
mod database;
mod error;
mod examine;
mod garbage;
mod gc;
mod images;
mod layers;
mod lock;
mod machine;
mod origins;
mod pasts;
mod place;
mod points;
mod presence;
mod process;
mod queries;
mod recorder;
mod recovery;
mod register;
mod removal;
mod replay;
mod restarts;
mod retrace;
mod rows;
mod soundness;
mod starts;
mod submissions;
mod submit_runs;
mod sums;
mod usage;
mod values;
mod waiting;

use std::path::Path;

use resweep_core::files::Place;

pub use database::Migrated;
pub use error::StoreError;
pub use examine::{BadCheckpoint, Examination, Fault, LivingProcess};
pub use garbage::{GarbageFile, Reason};
pub use gc::{Collected, collect_garbage, find_garbage};
pub use images::RunImages;
pub use origins::{RecordedRun, RecordedSweep};
pub use place::{check_folder, is_on_network, network_file_system};
pub use presence::{Change, Kept};
pub use queries::Store;
pub use recorder::{Participation, Recorder};
pub use recovery::{Recovered, RecoveredTable, RecoveryError, Repairs, recover, recoverable};
pub use register::{Provenance, RunRecord, SweepRecord};
pub use removal::{Removal, RemovedRun, Target, removal, remove, rename};
pub use replay::{Replayed, TaskJournal};
pub use rows::{Attempt, AttemptStatus, Member, ObservedTime, RunStatus, SweepSummary};
pub use starts::{Nearest, Start};
pub use submissions::{
    Engine, OpenTask, Submission, SubmissionState, Submissions, SubmittedRun, TaskInQueue,
};
pub use submit_runs::NewSubmission;
pub use sums::ChangedMeasurements;
pub use usage::{Room, Usage};

/// The folder that holds the database: the results folder.
fn beside(database: &Path) -> Place {
    Place::of_file(database).folder()
}
