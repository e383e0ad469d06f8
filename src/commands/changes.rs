//! Describes what has changed since a sweep was recorded.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::known_images::{ImageFolder, KnownImages, Survey};
use super::recorded::Record;
use crate::export;
use crate::format::ago;
use resweep_core::domain::{Run, RunConfig, RunId, Sweep, TrainConfig, printable};
use resweep_core::sweep_file::points_default;
use resweep_data::DataError;

/// The most values of a setting that are named.
const NAMED: usize = 6;

/// Digits of a fingerprint that are shown.
const DIGITS: usize = 12;

/// The first digits of a fingerprint.
pub fn short(fingerprint: &str) -> &str {
    fingerprint.get(..DIGITS).unwrap_or(fingerprint)
}

/// A sweep as it is now.
#[derive(Clone, Copy)]
pub struct Current<'a> {
    pub sweep: &'a Sweep,
    /// Every run that the sweep may train.
    pub possible: &'a [Run],
    /// One for each configuration.
    pub images: &'a [KnownImages],
}

/// Describes changed settings if some of the sweep's runs are not recorded.
pub fn since_recorded(current: Current<'_>, record: &Record) -> Option<String> {
    let recorded: HashSet<&RunId> = record.members.iter().map(|member| &member.id).collect();
    let possible = current.possible;
    let known = possible
        .iter()
        .filter(|run| recorded.contains(&run.id))
        .count();
    let all_known = known == possible.len() || current.sweep.adaptive.is_some();
    if all_known && known == recorded.len() {
        return None;
    }
    Some(format!(
        "the settings have changed since sweep `{}` was run: {}; runs without a record have no \
         results here",
        current.sweep.name,
        differences(record, current)
    ))
}

/// Explains why the recorded sweep is shown instead of the one in the file.
pub fn replaced(current: Current<'_>, record: &Record) -> String {
    let name = &current.sweep.name;
    let what = differences(record, current);
    format!(
        "no run with these settings is recorded: they have changed since sweep `{name}` was run \
         ({what}); showing the recorded sweep"
    )
}

/// A note if the sweep of this name was started with runs that it no longer contains.
pub fn other_runs(current: Current<'_>, record: &Record, results: &Path) -> Option<String> {
    let possible: HashSet<&RunId> = current.possible.iter().map(|run| &run.id).collect();
    let members = record.members.iter();
    let left = members
        .filter(|member| !possible.contains(&member.id))
        .count();
    if left == 0 {
        return None;
    }
    let name = &current.sweep.name;
    let (runs, stay) = match left {
        1 => ("1 other run".to_owned(), "it stays"),
        left => (format!("{left} other runs"), "they stay"),
    };
    Some(format!(
        "sweep `{name}` was last started {} with {runs}: {}; {stay} in the database, and \
         `resweep run` replaces the figures in {} (another name, by `--set sweep.name=...`, \
         keeps both)",
        ago(record.last_started_unix_ms),
        differences(record, current),
        results.join(name).display(),
    ))
}

/// Describes images that differ from those the sweep was trained on, each folder once.
pub fn of_images(sweep: &Sweep, images: &[KnownImages], survey: &mut Survey<'_>) -> Vec<String> {
    let name = &sweep.name;
    let mut seen = HashSet::new();
    let mut notes = Vec::new();
    for (configuration, recorded) in sweep.configurations.iter().zip(images) {
        let place = ImageFolder::of(configuration);
        // A folder that cannot be read is not absent: the survey says why.
        let is_absent = |path: &PathBuf| matches!(path.try_exists(), Ok(false));
        let is_absent = place.path.as_ref().is_some_and(is_absent);
        if recorded.seen.is_some() || is_absent || !seen.insert(place.clone()) {
            continue;
        }
        let folder = place.name();
        match survey.read(configuration) {
            Ok(now) if now.fingerprint != recorded.fingerprint => notes.push(format!(
                "the images of {folder} have changed since sweep `{name}` was run (fingerprint {} \
                 then, {} now); showing the recorded results",
                short(&recorded.fingerprint),
                short(&now.fingerprint),
            )),
            Ok(_) => {}
            // The cache is optional, so a failed write of it is ignored.
            Err(error) if matches!(*error, DataError::Write { .. }) => {}
            Err(error) => notes.push(format!(
                "the images of {folder} cannot be compared with those that sweep `{name}` was \
                 run with: {error}; showing the recorded results"
            )),
        }
    }
    notes
}

/// The settings and images that differ between a sweep and its record.
fn differences(record: &Record, current: Current<'_>) -> String {
    let (mut then, mut now) = (settings(&record.sweep), settings(current.sweep));
    for key in following(&record.sweep, current.sweep) {
        then.remove(key);
        now.remove(key);
    }
    let names: HashSet<&String> = then.keys().chain(now.keys()).collect();
    let mut names: Vec<&String> = names.into_iter().collect();
    names.sort();
    let none = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for name in names {
        let was = then.get(name).unwrap_or(&none);
        let is = now.get(name).unwrap_or(&none);
        if was != is {
            words.push(format!("{name}: {} then, {} now", listed(was), listed(is)));
        }
    }
    words.extend(changed_images(record, current));
    if words.is_empty() {
        return "other combinations of the same settings".to_owned();
    }
    words.join("; ")
}

/// Keys whose default depends on `iterations`.
pub const FOLLOWS: [&str; 3] = ["train.eval_every", "train.log_every", "train.lr_drops"];

/// The keys of [`FOLLOWS`] that differ between two sweeps only because `iterations` does.
fn following(then: &Sweep, now: &Sweep) -> Vec<&'static str> {
    let trains = |sweep: &Sweep| -> Vec<TrainConfig> {
        let mut distinct: Vec<TrainConfig> = Vec::new();
        for train in sweep.configurations.iter().map(|one| &one.train) {
            if !distinct.iter().any(|other| same_lengths(other, train)) {
                distinct.push(train.clone());
            }
        }
        distinct
    };
    let (then, now) = (trains(then), trains(now));
    let follows = |key: &&str| {
        then.len() == now.len() && then.iter().zip(&now).all(|pair| follows(key, pair))
    };
    FOLLOWS.into_iter().filter(follows).collect()
}

/// Whether two runs have equal iterations, drops and intervals.
fn same_lengths(a: &TrainConfig, b: &TrainConfig) -> bool {
    a.iterations == b.iterations
        && a.lr_drops == b.lr_drops
        && (a.eval_every, a.log_every) == (b.eval_every, b.log_every)
}

/// Whether a key has its default in both runs, or for drops the same fractions of `iterations`.
fn follows(key: &str, (then, now): (&TrainConfig, &TrainConfig)) -> bool {
    let is_default = |every: fn(&TrainConfig) -> u64| {
        [then, now].map(|train| every(train) == points_default(train.iterations)) == [true, true]
    };
    match key {
        "train.eval_every" => is_default(|train| train.eval_every),
        "train.log_every" => is_default(|train| train.log_every),
        _ => {
            let drops = then.lr_drops.iter().zip(&now.lr_drops);
            let same = |(was, is): (&u64, &u64)| {
                // A drop is at a fraction that is rounded to an iteration.
                let bounds = |drop: u64, train: &TrainConfig| {
                    let [low, high] = [-0.5, 0.5].map(|half| drop as f64 + half);
                    let all = train.iterations as f64;
                    (low / all, high / all)
                };
                let (was, is) = (bounds(*was, then), bounds(*is, now));
                was.0 <= is.1 && is.0 <= was.1
            };
            then.lr_drops.len() == now.lr_drops.len() && drops.into_iter().all(same)
        }
    }
}

/// Folders with other images than when the sweep was recorded.
fn changed_images(record: &Record, current: Current<'_>) -> Vec<String> {
    let configurations = record.sweep.configurations.iter();
    let then: Vec<(ImageFolder, KnownImages)> = configurations
        .zip(record.images())
        .filter_map(|(configuration, images)| Some((ImageFolder::of(configuration), images?)))
        .collect();
    let mut words = Vec::new();
    for (configuration, now) in current.sweep.configurations.iter().zip(current.images) {
        let place = ImageFolder::of(configuration);
        let Some((_, was)) = then.iter().find(|(then, _)| *then == place) else {
            continue;
        };
        if was.fingerprint != now.fingerprint {
            let (was, is) = (short(&was.fingerprint), short(&now.fingerprint));
            let text = format!("the images of {}: {was} then, {is} now", place.name());
            if !words.contains(&text) {
                words.push(text);
            }
        }
    }
    words
}

/// Each setting by name, with its values in the order of the sweep. Excludes paths of images: their
/// fingerprints are compared instead.
pub fn settings(sweep: &Sweep) -> BTreeMap<String, Vec<String>> {
    let configurations = sweep.configurations.iter().cloned();
    let configs: Vec<RunConfig> = configurations
        .map(|configuration| RunConfig {
            configuration,
            seed: 0,
        })
        .collect();
    let mut settings = settings_of(&configs);
    let seeds = sweep.seeds.iter().map(u64::to_string);
    settings.insert("seed".to_owned(), seeds.collect());
    settings
}

/// Each setting of some runs by name, with its values in their order.
pub fn settings_of(configs: &[RunConfig]) -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for config in configs {
        for (name, value) in export::settings(config) {
            let values = settings.entry(name).or_default();
            let value = match value {
                serde_json::Value::String(text) => printable(&text),
                other => other.to_string(),
            };
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    settings.retain(|name, _| name != "data.path");
    settings
}

/// `8`, or `[8, 14 and 3 more]`.
pub fn listed(values: &[String]) -> String {
    let named: Vec<&str> = values.iter().take(NAMED).map(String::as_str).collect();
    match values {
        [] => "none".to_owned(),
        [value] => value.clone(),
        values if values.len() > NAMED => {
            let more = values.len() - NAMED;
            format!("[{} and {more} more]", named.join(", "))
        }
        _ => format!("[{}]", named.join(", ")),
    }
}
