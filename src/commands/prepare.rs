//! From a sweep file, or the name of a recorded sweep, to its runs: what every command on a sweep
//! begins with.
//!
//! [`to_train`] needs the images, [`to_plan`] does without them where their number is known, and
//! [`to_read`] takes what the runs depend on from the record.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::archive::Archive;
use super::changes::{self, Current, short};
use super::ending::UsageError;
use super::known_images::{KnownImages, Place, Survey};
use super::recorded::{Record, RecordedMember, determinants};
use super::records::Records;
use super::results::{cache, database};
use super::source::Source;
use crate::cli::SweepArgs;
use resweep_core::analysis::{Growth, grow};
use resweep_core::domain::{Configuration, Run, RunId, Sweep};
use resweep_core::plan;
use resweep_core::sweep_file::DataFolders;
use resweep_data::DataError;
use resweep_store::{Store, StoreError};
use resweep_train::Datasets;

/// A sweep and its runs.
pub struct Prepared {
    pub source: Source,
    pub sweep: Sweep,
    /// Where seeds are added until the order is decided: those that the records call for so far.
    pub runs: Vec<Run>,
    /// Every run that the sweep may come to, where that is not fixed.
    all: Vec<Run>,
    /// What the records say about the seeds, where they decide.
    pub growth: Option<Growth>,
    /// Of each configuration.
    pub images: Vec<KnownImages>,
    /// What has changed since the sweep was recorded, and which images were not seen.
    notes: Vec<String>,
}

/// Prepares a sweep whose images are loaded next.
///
/// # Errors
/// Every problem of the sweep file, or the first data set that cannot be read.
pub fn to_train(args: &SweepArgs, results: &Path) -> anyhow::Result<Prepared> {
    let source = Source::find(args, results)?;
    let sweep = source.sweep(DataFolders::Exist)?;
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let configurations = sweep.configurations.iter();
    let images: Result<Vec<KnownImages>, _> = configurations.map(|c| survey.look(c)).collect();
    let mut prepared = assemble(source, sweep, images?)?;
    prepared.select(results)?;
    prepared.announce(results)?;
    Ok(prepared)
}

/// Prepares a sweep to say what it would train. Images that are not there are taken to be those that
/// earlier runs were trained on, or the published ones; a note says so.
///
/// # Errors
/// Every problem of the sweep file, or the first data set whose size is not known.
pub fn to_plan(args: &SweepArgs, results: &Path) -> anyhow::Result<Prepared> {
    let source = Source::find(args, results)?;
    let sweep = source.sweep(DataFolders::NeedNotExist)?;
    let store = current_store(results)?;
    let record = record(&sweep, store.as_ref(), results);
    let archive = Archive::new(&sweep, record.as_ref(), store.as_ref());
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let mut images = Vec::with_capacity(sweep.configurations.len());
    let mut notes: Vec<String> = Vec::new();
    for configuration in &sweep.configurations {
        images.push(match survey.look(configuration) {
            Ok(seen) => seen,
            Err(error) if !error.is_missing() => return Err(error.into()),
            Err(error) => {
                let place = Place::of(configuration);
                let Some((expected, note)) = expected(configuration, &place, &archive)? else {
                    return Err(unavailable(&source, error));
                };
                if !notes.contains(&note) {
                    notes.push(note);
                }
                expected
            }
        });
    }
    let mut prepared = assemble(source, sweep, images)?;
    prepared.notes = notes;
    prepared.select(results)?;
    prepared.announce(results)?;
    Ok(prepared)
}

/// The images that a configuration will have, as far as that is known without them, and a note.
fn expected(
    configuration: &Configuration,
    place: &Place,
    archive: &Archive<'_>,
) -> Result<Option<(KnownImages, String)>, StoreError> {
    let name = place.name();
    let recorded = match archive.of_sweep(place) {
        Some(images) => Some(images.clone()),
        None => archive.of_others(place)?,
    };
    if let Some(images) = recorded {
        let fingerprint = short(&images.fingerprint);
        let note = format!(
            "the images of {name} are not there and were not seen; planned with those that earlier \
             runs were trained on (fingerprint {fingerprint})"
        );
        return Ok(Some((images, note)));
    }
    let published = KnownImages::published(configuration);
    let note = format!(
        "the images of {name} are not there and were not seen; planned with the published number \
         of images"
    );
    Ok(published.map(|images| (images, note)))
}

/// Prepares what the arguments name to be shown, as [`to_read`], and prints what has changed since it
/// was recorded.
///
/// # Errors
/// As [`Source::find`] and [`to_read`].
pub fn to_show(args: &SweepArgs, results: &Path, follow: bool) -> anyhow::Result<Prepared> {
    let mut prepared = to_read(Source::find(args, results)?, results, follow)?;
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let changed = changes::of_images(&prepared.sweep, &prepared.images, &mut survey);
    prepared.notes.extend(changed);
    prepared.print_notes();
    Ok(prepared)
}

/// Prepares a sweep to show what is recorded of it; its images need not be there. With `follow`, the
/// sweep is shown as its file has it even if none of its runs was started; otherwise, the sweep as
/// it was recorded takes its place.
///
/// # Errors
/// Every problem of the sweep file; the database cannot be read; or nothing is recorded and the
/// images are not there either.
pub fn to_read(source: Source, results: &Path, follow: bool) -> anyhow::Result<Prepared> {
    let sweep = source.sweep(DataFolders::NeedNotExist)?;
    read_sweep(source, sweep, results, follow)
}

fn read_sweep(
    source: Source,
    sweep: Sweep,
    results: &Path,
    follow: bool,
) -> anyhow::Result<Prepared> {
    let database = database(results);
    let store = Store::open_read_only(&database)?;
    let mut record = match Record::load(&sweep.name, &store, &database) {
        // A file can be shown whatever this program makes of the recorded text.
        Err(_) if !source.is_recorded => None,
        record => record?,
    };
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let (images, missing) = recorded_or_seen(&sweep, record.as_ref(), &store, &mut survey)?;
    let mut prepared = assemble(source, sweep, images)?;
    if let Some(record) = &record {
        let images = prepared.images.clone();
        adopt(prepared.possible_mut(), &images, record);
    }
    let ids = prepared.possible().iter().map(|run| &run.id);
    if !follow && !store.any_started(ids)? {
        match (record, missing) {
            (Some(record), _) if record.any_started() => {
                return as_recorded(&prepared, record, results);
            }
            (_, Some(error)) => return Err(unavailable(&prepared.source, error)),
            _ => {}
        }
        record = None;
    }
    prepared.select(results)?;
    if let Some(record) = &record {
        prepared
            .notes
            .extend(changes::since_recorded(prepared.current(), record));
    }
    Ok(prepared)
}

/// The sweep as it was recorded, in place of one of whose runs none is; it is drawn as the latter says
/// where that is possible.
fn as_recorded(prepared: &Prepared, record: Record, results: &Path) -> anyhow::Result<Prepared> {
    let note = changes::replaced(prepared.current(), &record);
    let wanted = &prepared.source;
    let recorded = &record.source;
    let figures = (&wanted.text, wanted.overrides.as_slice());
    let sweep = (recorded.text)
        .sweep_with_figures_of(&recorded.overrides, figures)
        .unwrap_or(record.sweep);
    let mut shown = read_sweep(record.source, sweep, results, true)?;
    shown.notes.insert(0, note);
    Ok(shown)
}

/// The images that each configuration was trained on, else those that are there now. An error says
/// which images are neither recorded nor there.
fn recorded_or_seen(
    sweep: &Sweep,
    record: Option<&Record>,
    store: &Store,
    survey: &mut Survey<'_>,
) -> Result<(Vec<KnownImages>, Option<Arc<DataError>>), StoreError> {
    let archive = Archive::new(sweep, record, Some(store));
    let mut missing = None;
    let mut images = Vec::with_capacity(sweep.configurations.len());
    for configuration in &sweep.configurations {
        let place = Place::of(configuration);
        images.push(match archive.of_sweep(&place) {
            Some(recorded) => recorded.clone(),
            None => match survey.look(configuration) {
                Ok(seen) => seen,
                Err(error) => {
                    let others = archive.of_others(&place)?;
                    others.unwrap_or_else(|| {
                        missing.get_or_insert(error);
                        KnownImages::unknown(configuration)
                    })
                }
            },
        });
    }
    Ok((images, missing))
}

/// Why images cannot be used: the place in the sweep file where it is at fault.
fn unavailable(source: &Source, error: Arc<DataError>) -> anyhow::Error {
    match source.sweep(DataFolders::Exist) {
        Err(mistakes) => mistakes.into(),
        Ok(_) => error.into(),
    }
}

/// Gives runs the identity under which they are recorded, where that is another than this program
/// gives: a database may come from a program with other numerics, or from repair.
fn adopt(runs: &mut [Run], images: &[KnownImages], record: &Record) {
    let planned: HashSet<&RunId> = runs.iter().map(|run| &run.id).collect();
    let others = record
        .members
        .iter()
        .filter(|member| !planned.contains(&member.id));
    let others: HashMap<_, &RecordedMember> = others
        .map(|member| (member.determinants(), member))
        .collect();
    if others.is_empty() {
        return;
    }
    let mut renamed = HashMap::new();
    for run in runs.iter_mut() {
        let fingerprint = &images[run.configuration].fingerprint;
        if let Some(member) = others.get(&determinants(&run.config, fingerprint)) {
            let id = std::mem::replace(&mut run.id, member.id.clone());
            run.cost = member.run.cost;
            renamed.insert(id, member.id.clone());
        }
    }
    for origin in runs.iter_mut().filter_map(|run| run.origin.as_mut()) {
        if let Some(id) = renamed.get(&origin.run) {
            origin.run = id.clone();
        }
    }
}

/// Plans the runs of a sweep on these images.
fn assemble(
    source: Source,
    sweep: Sweep,
    images: Vec<KnownImages>,
) -> Result<Prepared, UsageError> {
    check_sizes(&sweep, &images)?;
    let for_plan: Vec<_> = images.iter().map(KnownImages::for_plan).collect();
    let runs = plan::runs(&sweep, &for_plan);
    check_distinct(&runs)?;
    Ok(Prepared {
        source,
        all: sweep.adaptive.map_or_else(Vec::new, |_| runs.clone()),
        runs,
        growth: None,
        sweep,
        images,
        notes: Vec::new(),
    })
}

/// The record of the sweep of this name, where this program can read it.
fn record(sweep: &Sweep, store: Option<&Store>, results: &Path) -> Option<Record> {
    Record::load(&sweep.name, store?, &database(results)).ok()?
}

/// The store; `None` where its schema is older, which `run` changes.
fn current_store(results: &Path) -> Result<Option<Store>, StoreError> {
    match Store::open_read_only(&database(results)) {
        Err(StoreError::Older { .. }) => Ok(None),
        store => store.map(Some),
    }
}

impl Prepared {
    /// Prints what has changed since the record and what was not seen.
    pub fn print_notes(&self) {
        for note in &self.notes {
            errln!("note: {note}");
        }
    }

    /// Every run that the sweep may come to.
    pub fn possible(&self) -> &[Run] {
        match self.sweep.adaptive {
            Some(_) => &self.all,
            None => &self.runs,
        }
    }

    fn possible_mut(&mut self) -> &mut [Run] {
        match self.sweep.adaptive {
            Some(_) => &mut self.all,
            None => &mut self.runs,
        }
    }

    /// What is compared with the record.
    fn current(&self) -> Current<'_> {
        Current {
            sweep: &self.sweep,
            possible: self.possible(),
            images: &self.images,
        }
    }

    /// Notes if the sweep of this name was started with runs that it no longer has.
    fn announce(&mut self, results: &Path) -> Result<(), StoreError> {
        let store = current_store(results)?;
        let record = record(&self.sweep, store.as_ref(), results);
        let note = record.and_then(|record| changes::other_runs(self.current(), &record, results));
        self.notes.extend(note);
        Ok(())
    }

    /// Asks the store which runs the sweep needs; nothing to ask where their number is fixed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn select(&mut self, results: &Path) -> anyhow::Result<()> {
        let Some(rule) = self.sweep.adaptive else {
            return Ok(());
        };
        // `run` brings an older database up to date, and asks again after each round.
        let records = match current_store(results)? {
            None => Records::default(),
            Some(store) => Records::read(&self.all, &store)?,
        };
        let growth = grow(rule, &self.sweep, &records.of(&self.all));
        let enough = |run: &&Run| {
            let seeds = growth.seeds[run.configuration].used;
            self.sweep.seeds[..seeds].contains(&run.config.seed)
        };
        let chosen = self.all.iter().filter(enough);
        let needed: HashSet<&RunId> = chosen.filter_map(Run::needs).collect();
        let all = self.all.iter();
        let kept = all.filter(|run| enough(run) || needed.contains(&run.id));
        self.runs = kept.cloned().collect();
        self.sweep.seeds_note = Some(growth.summary());
        self.growth = Some(growth);
        Ok(())
    }
}

/// What the sweep file asks of a class folder, whose size it cannot know.
fn check_sizes(sweep: &Sweep, images: &[KnownImages]) -> Result<(), UsageError> {
    for (configuration, images) in sweep.configurations.iter().zip(images) {
        let Some(facts) = &images.seen else {
            continue;
        };
        let held_out = configuration.data.validation.images();
        let (batch_size, left) = (
            configuration.train.batch_size,
            facts.train_images.saturating_sub(held_out),
        );
        if batch_size > left {
            return Err(UsageError(format!(
                "`train.batch_size` is {batch_size} and `data.validation` {held_out}, but the \
                 data set has only {} training images",
                facts.train_images
            )));
        }
    }
    Ok(())
}

/// Two configurations can differ in words and be the same run, as copies of one folder are.
fn check_distinct(runs: &[Run]) -> Result<(), UsageError> {
    let mut labels = HashMap::new();
    for run in runs {
        if let Some(other) = labels.insert(&run.id, &run.label) {
            return Err(UsageError(format!(
                "`{other}` and `{}` are the same run, because their images are the same; remove \
                 one of them from the sweep",
                run.label
            )));
        }
    }
    Ok(())
}

/// Loads the data of some configurations.
///
/// # Errors
/// The first data set that cannot be loaded.
pub fn load_data<'a>(
    configurations: impl Iterator<Item = &'a Configuration>,
    results: &Path,
) -> anyhow::Result<Datasets> {
    Ok(Datasets::load(configurations, &cache(results))?)
}
