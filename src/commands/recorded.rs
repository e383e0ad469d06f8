//! Reads a sweep as it was last started from the database, without its file and images.

use std::path::Path;

use anyhow::bail;

use super::known_images::KnownImages;
use super::source::{Source, recorded_sweep_text};
use resweep_core::domain::{Configuration, RunConfig, RunId, Sweep};
use resweep_core::sweep_file::DataFolders;
use resweep_store::{Member, RecordedRun, Store};

/// A recorded sweep with its runs.
pub struct Record {
    pub source: Source,
    pub sweep: Sweep,
    pub last_started_unix_ms: i64,
    /// In the order of the sweep.
    pub members: Vec<RecordedMember>,
}

/// A run of a recorded sweep.
pub struct RecordedMember {
    pub id: RunId,
    /// Index into the sweep's configurations.
    pub configuration: usize,
    pub started: bool,
    pub run: RecordedRun,
}

impl Record {
    /// The sweep of this name; `None` if it was never started.
    ///
    /// # Errors
    /// The database cannot be read, or this version resolves the sweep differently from the one
    /// that started it.
    pub fn load(name: &str, store: &Store, database: &Path) -> anyhow::Result<Option<Self>> {
        let Some(recorded) = store.recorded_sweep(name)? else {
            return Ok(None);
        };
        let source = Source {
            text: recorded_sweep_text(name, recorded.spec_toml, database),
            overrides: recorded.overrides,
            recorded_as: Some(name.to_owned()),
            is_made: false,
        };
        let results = database.parent().unwrap_or(Path::new(""));
        let sweep = source.sweep(DataFolders::NeedNotExist, results)?;
        Ok(Some(Self {
            members: members(&sweep, store)?,
            source,
            sweep,
            last_started_unix_ms: recorded.last_started_unix_ms,
        }))
    }

    /// Whether any of its runs has started.
    pub fn any_started(&self) -> bool {
        self.members.iter().any(|member| member.started)
    }

    /// The images that each configuration was trained on; `None` without a recorded run.
    pub fn images(&self) -> Vec<Option<KnownImages>> {
        let mut images = vec![None; self.sweep.configurations.len()];
        for member in &self.members {
            let of_configuration = &mut images[member.configuration];
            if of_configuration.is_none() {
                *of_configuration = Some(KnownImages::recorded(&member.run));
            }
        }
        images
    }
}

impl RecordedMember {
    /// See [`determinants`].
    pub fn determinants(&self) -> Determinants<'_> {
        determinants(&self.run.config, &self.run.data_fingerprint)
    }
}

/// Identifies a run independently of its id: the settings that determine the result as JSON, the
/// seed, and the fingerprint of the images.
pub type Determinants<'a> = (String, u64, &'a str);

/// The determinants of a run.
pub fn determinants<'a>(config: &RunConfig, fingerprint: &'a str) -> Determinants<'a> {
    let configuration = resweep_core::domain::determining(&config.configuration);
    // Plain data always serialise to JSON.
    let json = serde_json::to_string(&configuration).unwrap_or_default();
    (json, config.seed, fingerprint)
}

/// The runs that the database lists for the sweep, each with its configuration. Both lists are in
/// the order of the sweep; a run belongs to the next configuration that determines the same result,
/// and all runs of a configuration have the same images.
fn members(sweep: &Sweep, store: &Store) -> anyhow::Result<Vec<RecordedMember>> {
    let wanted: Vec<Configuration> = sweep
        .configurations
        .iter()
        .map(resweep_core::domain::determining)
        .collect();
    let listed = store.members(&sweep.name)?;
    let ids: Vec<_> = listed.iter().map(|member| member.id.clone()).collect();
    let mut recorded = store.recorded_runs(&ids)?;
    let mut members: Vec<RecordedMember> = Vec::with_capacity(listed.len());
    for Member { id, status, .. } in listed {
        let Some(run) = recorded.remove(&id) else {
            bail!("the database lacks a run of the sweep `{}`", sweep.name);
        };
        let own = resweep_core::domain::determining(&run.config.configuration);
        let before = members.last();
        let same = before.filter(|before| {
            wanted[before.configuration] == own
                && before.run.data_fingerprint == run.data_fingerprint
        });
        let next = before.map_or(0, |before| before.configuration + 1);
        let following = || (next..wanted.len()).find(|&index| wanted[index] == own);
        let Some(configuration) = same.map(|before| before.configuration).or_else(following) else {
            bail!(
                "this program reads the sweep `{}` differently from the one that started it; \
                 start it again with `resweep run` and its sweep file",
                sweep.name
            );
        };
        members.push(RecordedMember {
            id,
            configuration,
            started: status.is_some(),
            run,
        });
    }
    Ok(members)
}
