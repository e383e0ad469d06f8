//! Resolves the settings of a grid point to a [`Configuration`]; reports missing keys and
//! conflicts.

use super::context::{Places, with_context};
use super::data;
use super::epochs;
use super::parents;
use crate::domain::{Configuration, DataConfig, Init, ModelConfig, TrainConfig, WarmupEnd};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::values::scalars::usage;
use crate::sweep_file::values::setting::{Checked, Drops, Point, Setting};

/// The paper plots one point per 1,000 of 64,000 iterations.
const POINTS_PER_RUN: u64 = 64;

/// Resolves one point. Returns `None` if a value is missing or invalid, which it reports.
pub fn configuration(
    point: &Point<'_>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<Configuration> {
    let grows_from = source(point, places, problems);
    let init = match &grows_from {
        Some(source) => source.as_ref().map(|source| source.model.init),
        None => point.choice(Key::Init),
    };
    let data = data::config(point, places, problems);
    let model = model(point, init, places, problems);
    let known = data.as_ref().zip(model.as_ref());
    let iterations = iterations(point, known, places, problems);
    let train = train(point, iterations, problems);
    data::check_batch(point, problems);
    Some(Configuration {
        data: data?,
        model: model?,
        train: train?,
        grows_from: match grows_from {
            Some(source) => Some(Box::new(source?)),
            None => None,
        },
    })
}

/// Returns the parent's configuration if a point has one; `Some(None)` if that cannot be resolved.
fn source(
    point: &Point<'_>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<Option<Configuration>> {
    let source = parents::parent(point)?;
    parents::check_depth(point, &source, problems);
    // The parent is also resolved as a configuration, which reports its problems.
    Some(configuration(&source, places, &mut Problems::default()))
}

/// Reports a required key that is not set.
fn require(point: &Point<'_>, key: Key, places: &Places<'_>, problems: &mut Problems) {
    if point.get(key).is_some() {
        return;
    }
    let (name, spec) = (key.name(), key.spec());
    let section = spec.section.name();
    let or_rival = key
        .rival()
        .map_or_else(String::new, |rival| format!(" or `{}`", rival.name()));
    let problem = Problem::new(places.of(spec.section), format!("`{name}` is missing"))
        .label(format!(
            "no `{name}`{or_rival} in [{section}], and no such axis"
        ))
        .help(usage(spec))
        .help(format!(
            "write `{name} = {}` in [{section}]",
            spec.example()
        ));
    problems.push(problem);
}

fn model(
    point: &Point<'_>,
    init: Option<Init>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<ModelConfig> {
    require(point, Key::Depth, places, problems);
    require(point, Key::Shortcut, places, problems);
    Some(ModelConfig {
        depth: point.size(Key::Depth)?,
        shortcut: point.choice(Key::Shortcut)?,
        width: point.size(Key::Width)?,
        image_size: point.size(Key::ImageSize)?,
        init: init?,
        decay: point.choice(Key::Decay)?,
    })
}

/// Returns `iterations`, or converts `epochs`.
fn iterations(
    point: &Point<'_>,
    known: Option<(&DataConfig, &ModelConfig)>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<u64> {
    if point.get(Key::Epochs).is_none() {
        require(point, Key::Iterations, places, problems);
        return point.integer(Key::Iterations);
    }
    let (data, model) = known?;
    let (epochs, batch_size) = (point.number(Key::Epochs)?, point.size(Key::BatchSize)?);
    let iterations = epochs::images(data, model.image_size, places.around.count_images)
        .and_then(|images| epochs::iterations(epochs, images, batch_size));
    match iterations {
        Ok(iterations) => Some(iterations),
        Err(why) => {
            let at = point.at(Key::Epochs).unwrap_or(Span::START);
            let problem = Problem::new(at, "`epochs` cannot be counted in iterations").label(why);
            problems
                .push(problem.help("write `iterations = 2000` instead, the mini-batch updates"));
            None
        }
    }
}

/// The default of `eval_every` and `log_every`.
pub fn points_default(iterations: u64) -> u64 {
    iterations.div_ceil(POINTS_PER_RUN)
}

fn train(
    point: &Point<'_>,
    iterations: Option<u64>,
    problems: &mut Problems,
) -> Option<TrainConfig> {
    check_nesterov(point, problems);
    let iterations = iterations?;
    let lr_drops = drops(point, iterations, problems);
    check_warmup(point, iterations, problems);
    let every = |key| match point.get(key) {
        Some(_) => point.integer(key),
        None => Some(points_default(iterations)),
    };
    let warmup = match point.value(Key::Warmup)? {
        Checked::Warmup(warmup) => *warmup,
        _ => None,
    };
    Some(TrainConfig {
        iterations,
        batch_size: point.size(Key::BatchSize)?,
        lr: point.number(Key::Lr)?,
        lr_drops: lr_drops?,
        lr_gamma: point.number(Key::LrGamma)?,
        momentum: point.number(Key::Momentum)?,
        nesterov: point.boolean(Key::Nesterov)?,
        weight_decay: point.number(Key::WeightDecay)?,
        warmup,
        eval_every: every(Key::EvalEvery)?,
        log_every: every(Key::LogEvery)?,
        engine: point.choice(Key::Engine)?,
        layer_stats: point.boolean(Key::LayerStats)?,
    })
}

/// Returns the drops in iterations, all within the run.
fn drops(point: &Point<'_>, iterations: u64, problems: &mut Problems) -> Option<Vec<u64>> {
    let setting = point.get(Key::LrDrops)?;
    match setting.value.as_ref()? {
        Checked::Drops(Drops::Fractions(fractions)) => Some(after(fractions, iterations)),
        Checked::Drops(Drops::Iterations(drops)) => {
            let late = drops.iter().position(|drop| *drop >= iterations);
            if let Some(late) = late {
                problems.push(late_drop(point, setting, late, iterations));
                return None;
            }
            Some(drops.clone())
        }
        _ => None,
    }
}

/// Converts fractions to iterations. In a very short run several drops can be at the same
/// iteration, which then counts once, or at iteration 0, which does not count.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "iterations are at most 1e9 and fractions between 0 and 1"
)]
fn after(fractions: &[f64], iterations: u64) -> Vec<u64> {
    let mut drops: Vec<u64> = fractions
        .iter()
        .map(|fraction| (fraction * iterations as f64).round() as u64)
        .filter(|drop| (1..iterations).contains(drop))
        .collect();
    drops.dedup();
    drops
}

fn late_drop(point: &Point<'_>, setting: &Setting, late: usize, iterations: u64) -> Problem {
    let at = setting.parts.get(late).copied().unwrap_or(setting.at);
    let problem = Problem::new(at, "`lr_drops` has a drop past the end of the run")
        .label(format!("the run has {iterations} iterations"));
    with_context(problem, point, Key::Iterations, "the end")
        .help("give fractions, as in lr_drops = [0.5, 0.75]: they move with the end")
}

fn check_warmup(point: &Point<'_>, iterations: u64, problems: &mut Problems) {
    let Some(Checked::Warmup(Some(warmup))) = point.value(Key::Warmup) else {
        return;
    };
    let (WarmupEnd::Iterations(end), Some(at)) = (warmup.until, point.at(Key::Warmup)) else {
        return;
    };
    if end < iterations {
        return;
    }
    let problem = Problem::new(at, "the warm-up does not end before the run")
        .label(format!("{end} of {iterations} iterations"));
    let problem = with_context(problem, point, Key::Iterations, "the end");
    problems.push(problem.help("shorten the warm-up, or raise `iterations`"));
}

fn check_nesterov(point: &Point<'_>, problems: &mut Problems) {
    if point.boolean(Key::Nesterov) != Some(true) || point.number(Key::Momentum) != Some(0.0) {
        return;
    }
    let Some(at) = point.at(Key::Nesterov) else {
        return;
    };
    let problem = Problem::new(at, "`nesterov` needs a momentum").label("there is none");
    let problem = with_context(problem, point, Key::Momentum, "the momentum");
    problems.push(problem.help("set `momentum` above 0, or `nesterov = false`"));
}
