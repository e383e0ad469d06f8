//! The store: one SQLite database with every sweep, run, attempt and measurement.
//!
//! [`Recorder`] is the only writer while a sweep runs, an
//! [`EventSink`](resweep_core::domain::EventSink) that the scheduler calls first. [`Submissions`]
//! writes what tasks on a cluster did. [`Store`] reads, at any time and from any process, also while
//! a sweep runs. `docs/database.md` describes the schema and what survives a crash. This crate must not
//! train, schedule or draw.
//!
//! | modules | contents |
//! |---|---|
//! | `database`, `place`, `lock`, `machine`, `migrations` | opens the file: its path, its schema, the locks |
//! | `recorder`, `register`, `waiting` | writes sweeps, runs, attempts and measurements; claims runs |
//! | `claims`, `process` | whether a run is free, and which processes are alive |
//! | `file_identity` | whether the open database was moved, replaced or removed |
//! | `points`, `layers`, `images`, `checkpoints` | the rows of one kind each |
//! | `sums`, `soundness`, `examine` | checksums of measurements, and all other checks |
//! | `queries`, `rows`, `recorded_sweeps` | reads, at any time |
//! | `values`, `error` | conversions for SQLite, errors |
//! | `start_points`, `shared_results` | where runs start: checkpoints, and results that they share |
//! | `submissions`, `submit_runs`, `replay` | runs on a cluster |
//! | `removal`, `gc`, `garbage`, `usage` | removes results and unneeded files |
//! | `recovery`, `trajectory_migration` | reads damaged databases; migrates old ones |

mod checkpoints;
mod claims;
mod database;
mod error;
mod examine;
mod file_identity;
mod garbage;
mod gc;
mod images;
mod joint_figures;
mod layers;
mod lock;
mod machine;
mod place;
mod points;
mod process;
mod queries;
mod recorded_sweeps;
mod recorder;
mod recovery;
mod register;
mod removal;
mod replay;
mod rows;
mod shared_results;
mod soundness;
mod start_points;
mod submissions;
mod submit_runs;
mod sums;
mod trajectory_migration;
mod usage;
mod values;
mod waiting;

use std::path::Path;

use resweep_core::files::Place;

pub use database::Migrated;
pub use error::StoreError;
pub use examine::{BadCheckpoint, Examination, Fault, LivingProcess};
pub use file_identity::{Change, Kept};
pub use garbage::{GarbageFile, Reason};
pub use gc::{Collected, collect_garbage, find_garbage};
pub use images::RunImages;
pub use place::{check_folder, is_on_network, network_file_system};
pub use queries::Store;
pub use recorded_sweeps::{RecordedRun, RecordedSweep};
pub use recorder::{Participation, Recorder};
pub use recovery::{Recovered, RecoveredTable, RecoveryError, Repairs, recover, recoverable};
pub use register::{Provenance, RunRecord, SweepRecord};
pub use removal::{Removal, RemovedRun, Target, removal, remove, rename};
pub use replay::{Replayed, TaskJournal};
pub use rows::{Attempt, AttemptStatus, Member, ObservedTime, RunStatus, SweepSummary};
pub use start_points::{Nearest, Start};
pub use submissions::{
    Engine, FailedTask, OpenTask, Submission, SubmissionState, Submissions, SubmittedRun,
    TaskInQueue,
};
pub use submit_runs::NewSubmission;
pub use sums::ChangedMeasurements;
pub use usage::{Room, Usage};

/// The folder that holds the database: the results folder.
fn beside(database: &Path) -> Place {
    Place::of_file(database).folder()
}
