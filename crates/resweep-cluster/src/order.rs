//! The files that `resweep submit` writes for the tasks: `order.json`, and `runs.json` for each task.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ClusterError;
use resweep_core::domain::TaskRun;
use resweep_core::files::Place;

/// Raised when the meaning of a file changes.
const FORMAT: u32 = 1;

/// The settings that all tasks of a submission share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub format: u32,
    /// The unique name of the job.
    pub name: String,
    pub program: Program,
    /// In the form of `--device`.
    pub device: String,
    pub threads: usize,
    pub runs_per_gpu: usize,
    /// Runs that train at once; `None` for as many as the cores allow.
    pub workers: Option<usize>,
    pub checkpoint_every_s: f64,
    pub isolate: bool,
    pub max_attempts: u32,
    /// Seconds between the signal and the time limit.
    pub grace_s: u64,
    /// How many tasks there are.
    pub tasks: usize,
    /// The site's folder: decoded images go into `cache` there.
    pub site_folder: PathBuf,
}

/// The program that may train the runs: another one could give other bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub version: String,
    pub git_commit: Option<String>,
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commit = self.git_commit.as_deref().unwrap_or("unknown");
        write!(f, "version {}, commit {commit}", self.version)
    }
}

impl Order {
    pub const FORMAT: u32 = FORMAT;

    pub(super) fn write(&self, path: &Place) -> Result<(), ClusterError> {
        let json = json(path, self)?;
        path.write(&[&json])
            .map_err(|source| ClusterError::write(path, source))
    }

    pub(super) fn read(path: &Place) -> Result<Self, ClusterError> {
        let order: Self = read_json(path)?;
        if order.format == FORMAT {
            return Ok(order);
        }
        Err(ClusterError::Damaged {
            path: path.to_path_buf(),
            what: format!(
                "it has version {} of the format, this program reads {FORMAT}",
                order.format
            ),
        })
    }
}

/// Writes the runs of a task, without waiting for the disk.
pub(super) fn write_runs(path: &Place, runs: &[TaskRun]) -> Result<(), ClusterError> {
    let json = json(path, &runs)?;
    path.write_unsynced_with(|file| file.write_all(&json))
        .map_err(|source| ClusterError::write(path, source))
}

pub(super) fn read_runs(path: &Place) -> Result<Vec<TaskRun>, ClusterError> {
    read_json(path)
}

fn json(path: &Place, value: &impl Serialize) -> Result<Vec<u8>, ClusterError> {
    serde_json::to_vec(value).map_err(|error| ClusterError::write(path, error.into()))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Place) -> Result<T, ClusterError> {
    let bytes = path
        .read()
        .map_err(|source| ClusterError::read(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| ClusterError::Damaged {
        path: path.to_path_buf(),
        what: error.to_string(),
    })
}
