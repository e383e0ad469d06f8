//! Resolves a sweep file, or the name of a recorded sweep, to its runs: the first step of every
//! command on a sweep.
//!
//! [`to_train`] needs the images; [`to_plan`] does without them if their number is known;
//! [`to_read`] takes the images' properties from the record.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::changes::{self, Current, short};
use super::counter::Counter;
use super::exit_code::UsageError;
use super::known_images::{ImageFolder, KnownImages, Survey};
use super::recorded::{Record, RecordedMember, determinants};
use super::recorded_images::RecordedImages;
use super::records::Records;
use super::results::{self, cache, database};
use super::source::Source;
use crate::cli::SweepArgs;
use crate::progress::{Mode, Waiting};
use resweep_core::analysis::{SeedGrowth, grow};
use resweep_core::domain::{Configuration, DataConfig, Run, RunId, Sweep, shell_quoted};
use resweep_core::plan;
use resweep_core::sweep_file::DataFolders;
use resweep_data::DataError;
use resweep_store::{Store, StoreError};
use resweep_train::Datasets;

/// A sweep and its runs.
#[derive(Clone)]
pub struct Prepared {
    pub source: Source,
    /// The text that declares the figures, if it is not that of the recorded sweep.
    pub figures: Source,
    pub sweep: Sweep,
    /// With adaptive repeats: the runs that the results require so far.
    pub runs: Vec<Run>,
    /// With adaptive repeats: every run that the sweep may train.
    all: Vec<Run>,
    /// The state of adaptive repeats.
    pub growth: Option<SeedGrowth>,
    /// One for each configuration.
    pub images: Vec<KnownImages>,
    /// Notes: what has changed since the sweep was recorded, and which images are missing.
    notes: Vec<String>,
}

/// Prepares a sweep for training. `fresh`: whether every run trains again.
///
/// # Errors
/// Every problem of the sweep file, or the first data set that cannot be read.
pub fn to_train(
    args: &SweepArgs,
    results: &Path,
    mode: Mode,
    fresh: bool,
) -> anyhow::Result<Prepared> {
    let source = Source::find_or_make(args, results)?;
    let sweep = source.sweep(DataFolders::Exist, results)?;
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let configurations = sweep.configurations.iter();
    let images: Result<Vec<KnownImages>, _> = {
        let _waiting = Waiting::show(mode, "reading the images");
        configurations.map(|c| survey.read(c)).collect()
    };
    let mut prepared = assemble(source, sweep, images?)?;
    let store = results::store(results, fresh)?;
    prepared.select(&store)?;
    prepared.announce(&store, results);
    Ok(prepared)
}

/// Prepares a sweep for planning. Missing images are assumed to be those of earlier runs, or the
/// published ones; a note says so.
///
/// # Errors
/// Every problem of the sweep file, or the first data set of unknown size.
pub fn to_plan(args: &SweepArgs, results: &Path, fresh: bool) -> anyhow::Result<Prepared> {
    let source = Source::find_or_make(args, results)?;
    let sweep = source.sweep(DataFolders::NeedNotExist, results)?;
    let store = results::store(results, fresh)?;
    let record = record(&sweep, &store, results);
    let archive = RecordedImages::new(&sweep, record.as_ref(), &store);
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let mut images = Vec::with_capacity(sweep.configurations.len());
    let mut notes: Vec<String> = Vec::new();
    for configuration in &sweep.configurations {
        images.push(match survey.read(configuration) {
            Ok(seen) => seen,
            Err(error) if !error.is_missing() => return Err(error.into()),
            Err(error) => {
                let place = ImageFolder::of(configuration);
                let Some((expected, note)) = expected(configuration, &place, &archive)? else {
                    return Err(unavailable(&source, error, results));
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
    prepared.select(&store)?;
    prepared.announce(&store, results);
    Ok(prepared)
}

/// The expected images of a configuration, without reading them, and a note.
fn expected(
    configuration: &Configuration,
    place: &ImageFolder,
    archive: &RecordedImages<'_>,
) -> Result<Option<(KnownImages, String)>, StoreError> {
    let name = place.name();
    let recorded = match archive.of_sweep(place) {
        Some(images) => Some(images.clone()),
        None => archive.of_others(place)?,
    };
    if let Some(images) = recorded {
        let fingerprint = short(&images.fingerprint);
        let note = format!(
            "the images of {name} are missing; the plan assumes those that earlier \
             runs were trained on (fingerprint {fingerprint})"
        );
        return Ok(Some((images, note)));
    }
    let published = KnownImages::published(configuration);
    let note = format!(
        "the images of {name} are missing; the plan assumes the published number \
         of images"
    );
    Ok(published.map(|images| (images, note)))
}

/// Prepares a sweep for display, as [`to_read`], and prints what has changed since it was recorded.
///
/// # Errors
/// As [`Source::find`] and [`to_read`].
pub fn to_show(args: &SweepArgs, results: &Path, follow: bool) -> anyhow::Result<Prepared> {
    show(Source::find(args, results)?, results, follow)
}

/// [`to_show`] for each of the sweeps that the arguments name, at least one.
///
/// # Errors
/// Those of the first sweep that cannot be shown.
pub fn all_to_show(args: &SweepArgs, results: &Path) -> anyhow::Result<Vec<Prepared>> {
    if args.sweeps.len() < 2 {
        return Ok(vec![to_show(args, results, false)?]);
    }
    let sources = args.sweeps.iter();
    let sources = sources.map(|sweep| Source::of(sweep, &args.overrides, results));
    sources
        .map(|source| show(source?, results, false))
        .collect()
}

fn show(source: Source, results: &Path, follow: bool) -> anyhow::Result<Prepared> {
    let mut prepared = to_read(source, results, follow)?;
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let changed = changes::of_images(&prepared.sweep, &prepared.images, &mut survey);
    prepared.notes.extend(changed);
    prepared.print_notes();
    Ok(prepared)
}

/// Prepares a sweep for display; its images need not exist. With `follow`, the sweep file takes
/// precedence even if none of its runs has started; otherwise the recorded sweep replaces it then.
///
/// # Errors
/// Every problem of the sweep file; the database cannot be read; or nothing is recorded and the
/// images are missing.
pub fn to_read(source: Source, results: &Path, follow: bool) -> anyhow::Result<Prepared> {
    let sweep = source.sweep(DataFolders::NeedNotExist, results)?;
    read_sweep(source, sweep, results, follow)
}

/// A sweep file with the overrides of its last run, if it is read without any and they give the runs
/// that are recorded; with a note. A file that has changed since is read as it is.
fn as_last_run(
    source: &Source,
    record: &Record,
    results: &Path,
) -> Option<(Source, Sweep, String)> {
    let overrides = &record.source.overrides;
    let is_plain = source.recorded_as.is_none() && source.overrides.is_empty();
    if !is_plain || overrides.is_empty() || !record.any_started() {
        return None;
    }
    let overridden = Source {
        overrides: overrides.clone(),
        ..source.clone()
    };
    let again = overridden.sweep(DataFolders::NeedNotExist, results).ok()?;
    let is_same = again.configurations == record.sweep.configurations
        && again.seeds == record.sweep.seeds
        && again.adaptive == record.sweep.adaptive;
    let note = || {
        let set = overrides
            .iter()
            .map(|one| format!("--set {}", shell_quoted(one)));
        let set = set.collect::<Vec<String>>().join(" ");
        format!(
            "this is sweep `{}` as it was last run, with {set}",
            again.name
        )
    };
    let note = is_same.then(note)?;
    Some((overridden, again, note))
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
        // A sweep file can be shown even if the recorded text is unreadable.
        Err(_) if source.recorded_as.is_none() => None,
        record => record?,
    };
    let last_run = record.as_ref().filter(|_| !follow);
    let last_run = last_run.and_then(|record| as_last_run(&source, record, results));
    let (source, sweep, note) = match last_run {
        Some((source, sweep, note)) => (source, sweep, Some(note)),
        None => (source, sweep, None),
    };
    let cache = cache(results);
    let mut survey = Survey::new(&cache);
    let (images, missing) = recorded_or_seen(&sweep, record.as_ref(), &store, &mut survey)?;
    let mut prepared = assemble(source, sweep, images)?;
    prepared.notes.extend(note);
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
            (_, Some(error)) => return Err(unavailable(&prepared.source, error, results)),
            _ => {}
        }
        record = None;
    }
    prepared.select(&store)?;
    if let Some(record) = &record {
        prepared
            .notes
            .extend(changes::since_recorded(prepared.current(), record));
    }
    Ok(prepared)
}

/// The recorded sweep instead of the one in the file, none of whose runs has started; with the
/// figures of the file if possible.
fn as_recorded(prepared: &Prepared, record: Record, results: &Path) -> anyhow::Result<Prepared> {
    let note = changes::replaced(prepared.current(), &record);
    let wanted = &prepared.source;
    let recorded = &record.source;
    let figures = (&wanted.text, wanted.overrides.as_slice());
    let counter = Counter::new(results, recorded.recorded_as.as_deref());
    let count_images = |data: &DataConfig, image_size| counter.count(data, image_size);
    let sweep = (recorded.text)
        .sweep_with_figures_of(&recorded.overrides, figures, &count_images)
        .unwrap_or(record.sweep);
    let mut shown = read_sweep(record.source, sweep, results, true)?;
    shown.figures = wanted.clone();
    shown.notes.insert(0, note);
    Ok(shown)
}

/// The images that each configuration was trained on, otherwise the current ones. The error names
/// images that are neither recorded nor present.
fn recorded_or_seen(
    sweep: &Sweep,
    record: Option<&Record>,
    store: &Store,
    survey: &mut Survey<'_>,
) -> Result<(Vec<KnownImages>, Option<Arc<DataError>>), StoreError> {
    let archive = RecordedImages::new(sweep, record, store);
    let mut missing = None;
    let mut images = Vec::with_capacity(sweep.configurations.len());
    for configuration in &sweep.configurations {
        let place = ImageFolder::of(configuration);
        images.push(match archive.of_sweep(&place) {
            Some(recorded) => recorded.clone(),
            None => match survey.read(configuration) {
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

/// The reason why images cannot be used: the position of the error in the sweep file.
fn unavailable(source: &Source, error: Arc<DataError>, results: &Path) -> anyhow::Error {
    match source.sweep(DataFolders::Exist, results) {
        Err(mistakes) => mistakes.into(),
        Ok(_) => error.into(),
    }
}

/// Replaces run ids by the recorded ones where they differ: a database may come from a version with
/// other numerics, or from recovery.
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
    for parent in runs.iter_mut().filter_map(|run| run.parent.as_mut()) {
        if let Some(id) = renamed.get(&parent.run) {
            parent.run = id.clone();
        }
    }
}

/// Expands a sweep into runs on these images.
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
        figures: source.clone(),
        source,
        all: sweep.adaptive.map_or_else(Vec::new, |_| runs.clone()),
        runs,
        growth: None,
        sweep,
        images,
        notes: Vec::new(),
    })
}

/// The record of the sweep of this name, if it is readable.
fn record(sweep: &Sweep, store: &Store, results: &Path) -> Option<Record> {
    Record::load(&sweep.name, store, &database(results)).ok()?
}

impl Prepared {
    /// Several sweeps as one: the runs, and the images of each configuration. `first` has the text
    /// of the figures.
    pub fn merged(
        first: &Prepared,
        sweep: Sweep,
        (runs, images): (Vec<Run>, Vec<KnownImages>),
        notes: Vec<String>,
    ) -> Self {
        Self {
            source: first.source.clone(),
            figures: first.figures.clone(),
            sweep,
            runs,
            all: Vec::new(),
            growth: None,
            images,
            notes,
        }
    }

    /// What has changed since the sweep was recorded, and what is missing.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Prints the notes.
    pub fn print_notes(&self) {
        for note in &self.notes {
            errln!("note: {note}");
        }
    }

    /// Every run that the sweep may train.
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

    /// Adds a note if the sweep of this name was started with runs that it no longer contains.
    fn announce(&mut self, store: &Store, results: &Path) {
        let record = record(&self.sweep, store, results);
        let note = record.and_then(|record| changes::other_runs(self.current(), &record, results));
        self.notes.extend(note);
    }

    /// Determines which runs the sweep needs; does nothing without adaptive repeats.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn select(&mut self, store: &Store) -> Result<(), StoreError> {
        let Some(rule) = self.sweep.adaptive else {
            return Ok(());
        };
        let records = Records::read(&self.all, store)?;
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

/// Checks settings that depend on the size of a class folder.
fn check_sizes(sweep: &Sweep, images: &[KnownImages]) -> Result<(), UsageError> {
    for (configuration, images) in sweep.configurations.iter().zip(images) {
        let Some(info) = &images.seen else {
            continue;
        };
        let held_out = configuration.data.validation.images();
        let (batch_size, left) = (
            configuration.train.batch_size,
            info.train_images.saturating_sub(held_out),
        );
        if batch_size > left {
            return Err(UsageError(format!(
                "`train.batch_size` is {batch_size} and `data.validation` {held_out}, but the \
                 data set has only {} training images",
                info.train_images
            )));
        }
    }
    Ok(())
}

/// Two configurations may differ in the file but be the same run, such as copies of one folder.
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
