//! Reads several sweeps as one: for `plot a b`, `table a b`, and figures with the key `sweeps`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::counter::Counter;
use super::exit_code::UsageError;
use super::prepare::{Prepared, to_read};
use super::results::database;
use super::source::{Source, recorded_text};
use crate::format::counted;
use resweep_core::domain::{DataConfig, Figure, Run, Sweep};
use resweep_core::plan;
use resweep_core::sweep_file::{self, CountImages, Part, SweepFileError, Together};
use resweep_figures::RenderError;
use resweep_store::Store;

/// The longest name of a folder, in bytes, that every file system takes.
pub const FOLDER_BYTES_MAX: usize = 240;

/// The sweeps as one, with the figures that the first of them declares. A single sweep stays as it
/// is.
///
/// # Errors
/// A sweep is given twice, or cannot be read.
pub fn all(mut sweeps: Vec<Prepared>, results: &Path) -> anyhow::Result<Prepared> {
    if sweeps.len() == 1 {
        return Ok(sweeps.remove(0));
    }
    let mut names = HashSet::new();
    if let Some(again) = sweeps.iter().find(|one| !names.insert(&one.sweep.name)) {
        let message = format!("sweep `{}` is given twice; name it once", again.sweep.name);
        return Err(UsageError(message).into());
    }
    let parts: Vec<&Prepared> = sweeps.iter().collect();
    merge(&parts, None, results)
}

/// A figure and the sweep that it shows. For a figure of other sweeps, these as one.
///
/// # Errors
/// [`RenderError::NothingRecorded`] if one of these was never started; one cannot be read.
pub fn shown<'a>(
    figure: &'a Figure,
    prepared: &'a Prepared,
    results: &Path,
) -> anyhow::Result<(Cow<'a, Figure>, Cow<'a, Prepared>)> {
    if figure.sweeps.is_empty() || figure.declared_in.is_some() {
        return Ok((Cow::Borrowed(figure), Cow::Borrowed(prepared)));
    }
    let own = &prepared.sweep.name;
    let others = figure.sweeps.iter().filter(|name| *name != own);
    let others: Vec<Prepared> = others
        .map(|name| recorded(name, results))
        .collect::<anyhow::Result<_>>()?;
    let mut next = others.iter();
    let parts = figure.sweeps.iter().filter_map(|name| match name == own {
        true => Some(prepared),
        false => next.next(),
    });
    let parts: Vec<&Prepared> = parts.collect();
    let mut merged = merge(&parts, Some((prepared, figure.place)), results)?;
    let Some(mut resolved) = merged.sweep.figures.pop() else {
        return Err(UsageError(merged.notes().join("; ")).into());
    };
    resolved.name.clone_from(&figure.name);
    resolved.style = figure.style;
    Ok((Cow::Owned(resolved), Cow::Owned(merged)))
}

/// The recorded sweeps of these names as one.
///
/// # Errors
/// As [`recorded`].
pub fn all_recorded(names: &[String], results: &Path) -> anyhow::Result<Prepared> {
    let sweeps = names.iter().map(|name| recorded(name, results));
    all(sweeps.collect::<anyhow::Result<_>>()?, results)
}

/// A sweep as it was last started.
///
/// # Errors
/// [`RenderError::NothingRecorded`] if it was never started; it cannot be read.
pub fn recorded(name: &str, results: &Path) -> anyhow::Result<Prepared> {
    let database = database(results);
    let store = Store::open_read_only(&database)?;
    match recorded_text(name, &store, &database)? {
        Some(source) => to_read(source, results, true),
        None => {
            let sweep = name.to_owned();
            Err(RenderError::NothingRecorded { sweep }.into())
        }
    }
}

/// `parts` as one sweep; `declaring` has the figure at a place in its file.
fn merge(
    parts: &[&Prepared],
    declaring: Option<(&Prepared, usize)>,
    results: &Path,
) -> anyhow::Result<Prepared> {
    let Together {
        mut sweep,
        places,
        left_out,
    } = read(parts, declaring, results)?;
    let all = parts.iter().flat_map(|part| &part.runs);
    let seeds: BTreeSet<u64> = all.map(|run| run.config.seed).collect();
    sweep.seeds = seeds.into_iter().collect();
    sweep.seeds_note = seeds_note(parts);
    let runs = runs(parts, &places, &sweep);
    let images = (0..sweep.configurations.len()).filter_map(|configuration| {
        let own = |(part, places): (&&Prepared, &Vec<usize>)| {
            let index = places.iter().position(|place| *place == configuration)?;
            part.images.get(index).cloned()
        };
        parts.iter().zip(&places).find_map(own)
    });
    let images = images.collect();
    let left_out = left_out.into_iter();
    let notes = left_out.map(|(name, why)| format!("no figure `{name}`: {why}"));
    let first = declaring.map_or(parts[0], |(prepared, _)| prepared);
    Ok(Prepared::merged(
        first,
        sweep,
        (runs, images),
        notes.collect(),
    ))
}

/// Reads the texts of `parts` as one sweep.
fn read(
    parts: &[&Prepared],
    declaring: Option<(&Prepared, usize)>,
    results: &Path,
) -> Result<Together, SweepFileError> {
    let counter = |source: &Source| Counter::new(results, source.recorded_as.as_deref());
    let counters: Vec<Counter> = parts.iter().map(|part| counter(&part.source)).collect();
    let counts: Vec<_> = counters.iter().map(count).collect();
    let mut texts = Vec::with_capacity(parts.len());
    for (part, count_images) in parts.iter().zip(&counts) {
        texts.push(self::part(part, &part.source, count_images));
    }
    let of_figures = declaring.map(|(prepared, _)| counter(&prepared.figures));
    let of_figures = of_figures.as_ref().map(count);
    let figures = declaring.zip(of_figures.as_ref());
    let figures = figures.map(|((prepared, place), count_images)| {
        (part(prepared, &prepared.figures, count_images), place)
    });
    let figures = figures.as_ref().map(|(part, place)| (part, *place));
    sweep_file::together(&texts, figures)
}

fn count(counter: &Counter) -> impl Fn(&DataConfig, usize) -> Result<usize, String> {
    |data, image_size| counter.count(data, image_size)
}

fn part<'a>(prepared: &'a Prepared, source: &'a Source, count_images: CountImages<'a>) -> Part<'a> {
    let images = prepared.images.iter();
    Part {
        name: &prepared.sweep.name,
        text: &source.text,
        overrides: &source.overrides,
        images: images.map(|images| images.fingerprint.as_str()).collect(),
        count_images,
    }
}

/// Every run once, in the order of the configurations, with the labels of `sweep`.
fn runs(parts: &[&Prepared], places: &[Vec<usize>], sweep: &Sweep) -> Vec<Run> {
    let mut known = HashSet::new();
    let mut runs = Vec::new();
    for (part, places) in parts.iter().zip(places) {
        for run in part.runs.iter().filter(|run| known.insert(&run.id)) {
            let configuration = places[run.configuration];
            runs.push(Run {
                configuration,
                label: plan::run_label(sweep, configuration, run.config.seed),
                ..run.clone()
            });
        }
    }
    runs.sort_by_key(|run| run.configuration);
    runs
}

/// `3 seeds of first, 1 seed of second`; `None` if all sweeps have the same seeds.
fn seeds_note(parts: &[&Prepared]) -> Option<String> {
    let seeds = |part: &&Prepared| -> BTreeSet<u64> {
        part.runs.iter().map(|run| run.config.seed).collect()
    };
    let all: Vec<BTreeSet<u64>> = parts.iter().map(seeds).collect();
    let words = parts.iter().zip(&all).map(|(part, seeds)| {
        let seeds = counted(seeds.len(), "seed");
        format!("{seeds} of {}", part.sweep.name)
    });
    let differ = all.windows(2).any(|pair| pair[0] != pair[1]);
    differ.then(|| words.collect::<Vec<String>>().join(", "))
}
