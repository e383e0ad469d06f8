//! TensorBoard event files, in a folder for each run.

use std::path::{Path, PathBuf};

use super::Exported;
use crate::export::Folder;
use crate::export::tensorboard::{self, RunLog};
use resweep_store::{AttemptStatus, Store};

/// TensorBoard looks for `tfevents` in the name.
const FILE: &str = "events.out.tfevents.resweep";

/// Writes a file for each run, and returns their paths.
pub fn write(runs: &[Exported<'_>], store: &Store, to: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = |run: &Exported<'_>| format!("{}/{FILE}", run.file_stem());
    let names: Vec<String> = runs.iter().map(name).collect();
    let folder = Folder::take(to, &names)?;
    let mut written = Vec::new();
    for (run, name) in runs.iter().zip(&names) {
        let id = &run.run.id;
        let log = RunLog {
            configuration: &run.settings(),
            measurements: &store.measurements(id)?,
            started_unix_s: run.attempts.last().map_or(0.0, |a| s(a.started_unix_ms)),
            ended: ended(run),
        };
        written.push(folder.write(name, |out| tensorboard::write(out, &log))?);
    }
    Ok(written)
}

/// When the last attempt ended, and whether with a result; `None` where it goes on.
fn ended(run: &Exported<'_>) -> Option<(f64, bool)> {
    let ended = run.attempts.last()?.ended_unix_ms?;
    match run.status.status {
        AttemptStatus::Finished | AttemptStatus::Diverged => Some((s(ended), true)),
        AttemptStatus::Failed => Some((s(ended), false)),
        AttemptStatus::Running | AttemptStatus::Stopped | AttemptStatus::Interrupted => None,
    }
}

fn s(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
