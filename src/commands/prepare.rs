//! From a sweep file to its runs: what every command on a sweep begins with.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::ending::UsageError;
use super::records::Records;
use crate::cli::SweepArgs;
use resweep_core::analysis::{Growth, grow};
use resweep_core::domain::{BrokenImage, Configuration, Run, RunId, Sweep};
use resweep_core::plan::{self, DataFacts};
use resweep_core::sweep_file;
use resweep_data::Facts;
use resweep_store::{Store, StoreError};
use resweep_train::Datasets;

/// A sweep and its runs.
pub struct Prepared {
    pub sweep: Sweep,
    /// Where seeds are added until the order is decided: those that the records call for so far.
    pub runs: Vec<Run>,
    /// Every run that the sweep may come to, where that is not fixed.
    all: Vec<Run>,
    /// What the records say about the seeds, where they decide.
    pub growth: Option<Growth>,
    /// Of the data of each configuration.
    pub facts: Vec<Facts>,
}

/// Reads the sweep file, looks at its data and plans its runs.
///
/// # Errors
/// Every problem of the sweep file, or the first data set that cannot be read.
pub fn prepare(args: &SweepArgs, results: &Path) -> anyhow::Result<Prepared> {
    let sweep = sweep_file::load(&args.sweep, &args.overrides)?;
    let facts = facts(&sweep, &cache(results))?;
    check_sizes(&sweep, &facts)?;
    let for_plan: Vec<DataFacts> = facts
        .iter()
        .map(|facts| DataFacts {
            fingerprint: &facts.fingerprint,
            classes: facts.classes,
        })
        .collect();
    let runs = plan::runs(&sweep, &for_plan);
    check_distinct(&runs)?;
    let mut prepared = Prepared {
        all: sweep.adaptive.map_or_else(Vec::new, |_| runs.clone()),
        runs,
        growth: None,
        sweep,
        facts,
    };
    prepared.select(results)?;
    Ok(prepared)
}

impl Prepared {
    /// Asks the store which runs the sweep needs; nothing to ask where their number is fixed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn select(&mut self, results: &Path) -> anyhow::Result<()> {
        let Some(rule) = self.sweep.adaptive else {
            return Ok(());
        };
        // `run` brings an older database up to date, and asks again after each round.
        let records = match Store::open_read_only(&database(results)) {
            Err(StoreError::Older { .. }) => Records::default(),
            store => Records::read(&self.all, &store?)?,
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

/// Looks at each data set once, however many configurations use it.
fn facts(sweep: &Sweep, cache: &Path) -> anyhow::Result<Vec<Facts>> {
    let mut seen = HashMap::new();
    let mut all = Vec::with_capacity(sweep.configurations.len());
    for configuration in &sweep.configurations {
        let (data, size) = (&configuration.data, configuration.model.image_size);
        let skips = data.broken_image == BrokenImage::Skip;
        let test_share = data.test_fraction.map(f64::to_bits);
        let facts = match seen.entry((data.dataset, &data.path, skips, test_share, size)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(resweep_data::describe(data, size, cache)?),
        };
        all.push(facts.clone());
    }
    Ok(all)
}

/// What the sweep file asks of a class folder, whose size it cannot know.
fn check_sizes(sweep: &Sweep, facts: &[Facts]) -> Result<(), UsageError> {
    for (configuration, facts) in sweep.configurations.iter().zip(facts) {
        let held_out = configuration.data.validation.images();
        let (batch_size, images) = (
            configuration.train.batch_size,
            facts.train_images.saturating_sub(held_out),
        );
        if batch_size > images {
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

/// The database of a results folder.
pub fn database(results: &Path) -> PathBuf {
    results.join("resweep.db")
}

fn cache(results: &Path) -> PathBuf {
    results.join("cache")
}
