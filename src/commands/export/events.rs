//! Exports TensorBoard event files, one folder per run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Exported;
use crate::export::tensorboard::{self, RunLog};
use crate::export::{ExportError, Folder};
use resweep_core::files::Place;
use resweep_store::{AttemptStatus, Store};

/// TensorBoard looks for `tfevents` in the file name.
const FILE: &str = "events.out.tfevents.resweep";

/// Writes a file for each run. Returns their paths. Appends to a file of an earlier export if it is
/// a prefix of the new one; otherwise replaces it by a file with another name, because a running
/// TensorBoard keeps the file open and does not notice changes in the part that it has read.
pub fn write(runs: &[Exported<'_>], store: &Store, to: &Place) -> anyhow::Result<Vec<PathBuf>> {
    let exported = Folder::exported(to)?;
    let logs: Vec<Names> = runs.iter().map(|run| Names::of(run, &exported)).collect();
    let names: Vec<String> = logs.iter().flat_map(Names::claimed).collect();
    let folder = Folder::take(to, &names)?;
    let mut written = Vec::new();
    for (run, names) in runs.iter().zip(&logs) {
        let mut bytes = Vec::new();
        tensorboard::write(
            &mut bytes,
            &RunLog {
                configuration: &run.settings(),
                measurements: &store.measurements(&run.run.id)?,
                started_unix_s: started(run),
                ended: ended(run),
            },
        )?;
        written.push(names.write(&folder, &bytes)?);
    }
    Ok(written)
}

/// The file names of one run.
struct Names {
    /// The run's folder, relative to that of the export.
    folder: String,
    /// Numbers of the files from earlier exports, ascending.
    earlier: Vec<u64>,
}

impl Names {
    fn of(run: &Exported<'_>, exported: &BTreeSet<String>) -> Self {
        let folder = run.file_stem();
        let first = format!("{folder}/{FILE}");
        let numbered = exported.range(first.clone()..);
        let earlier = numbered.map_while(|name| {
            let number = name.strip_prefix(&first)?;
            match number.strip_prefix('.') {
                Some(number) => number.parse().ok(),
                None => number.is_empty().then_some(1),
            }
        });
        let mut earlier: Vec<u64> = earlier.collect();
        earlier.sort_unstable();
        Self { folder, earlier }
    }

    /// `events.out.tfevents.resweep`, `events.out.tfevents.resweep.2` and so on.
    fn numbered(&self, number: u64) -> String {
        match number {
            0 | 1 => format!("{}/{FILE}", self.folder),
            number => format!("{}/{FILE}.{number}", self.folder),
        }
    }

    /// The names to try: the last file, and the next one if that cannot be continued.
    fn claimed(&self) -> Vec<String> {
        let earlier = self.earlier.iter().map(|number| self.numbered(*number));
        let next = self.earlier.last().map_or(1, |last| last + 1);
        earlier.chain([self.numbered(next)]).collect()
    }

    fn write(&self, folder: &Folder, bytes: &[u8]) -> Result<PathBuf, ExportError> {
        let Some((last, older)) = self.earlier.split_last() else {
            return folder.write(&self.numbered(1), |out| out.write_all(bytes));
        };
        let (path, replaced) = match folder.append(&self.numbered(*last), bytes)? {
            Some(path) => (path, older),
            None => {
                let next = self.numbered(last + 1);
                let path = folder.write(&next, |out| out.write_all(bytes))?;
                (path, self.earlier.as_slice())
            }
        };
        for number in replaced {
            folder.remove(&self.numbered(*number))?;
        }
        Ok(path)
    }
}

/// The start of the current training, which does not change when it resumes.
fn started(run: &Exported<'_>) -> f64 {
    let last = run.attempts.last().map(|attempt| attempt.training);
    let mut attempts = run.attempts.iter();
    let first = attempts.find(|attempt| Some(attempt.training) == last);
    first.map_or(0.0, |attempt| s(attempt.started_unix_ms))
}

/// The end of the last attempt, and whether it has a result; `None` while the run is unfinished.
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
