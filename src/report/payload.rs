//! Packs the data for the page's script as JSON that is safe inside a `<script>` element.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::PageError;
use super::decimate::{Point, decimate};
use super::model::{Attempt, Entry, Report};
use super::row::{eval_name, eval_set};
use super::words::printable_lines;
use resweep_core::domain::{Configuration, Curves, ErrorPoint, printable};

/// The target for the number of points of all curves.
const POINTS: usize = 200_000;
/// The most points of a curve, and the number that is always allowed.
const MOST: usize = 1000;
const LEAST: usize = 50;

/// A report's data as embedded in the page.
pub(super) struct Packed {
    pub json: String,
    /// Whether points of long curves were dropped.
    pub thinned: bool,
}

#[derive(Serialize)]
struct Payload<'a> {
    /// Of the sweep, for the names of files.
    name: String,
    written_ms: u64,
    refresh_s: Option<f64>,
    configurations: Vec<Configuration>,
    runs: Vec<RunData<'a>>,
}

#[derive(Serialize)]
struct RunData<'a> {
    id: &'a str,
    label: String,
    configuration: usize,
    seed: u64,
    iterations: u64,
    parameters: u64,
    /// Operations of an iteration.
    flops: f64,
    /// Images of an epoch; `None` if they were not recorded.
    train_images: Option<u64>,
    data: String,
    attempts: Vec<AttemptData>,
    log: Option<LogData>,
    /// `test` or `validation`.
    eval_name: &'static str,
    train: Curve,
    eval: Curve,
}

#[derive(Serialize)]
struct AttemptData {
    number: u64,
    state: &'static str,
    from: u64,
    diverged: Option<u64>,
    error: Option<String>,
    started_ms: i64,
    wall_s: Option<f64>,
    program: String,
    device: String,
    cpu: String,
    host: Option<String>,
    threads: u64,
    workers: u64,
}

#[derive(Serialize)]
struct LogData {
    path: String,
    lines: Vec<String>,
}

/// Iterations, and an error in percent for each.
#[derive(Serialize)]
struct Curve(Vec<u64>, Vec<f64>, Vec<Option<f64>>);

/// The JSON of a report with `entries` of its runs and only their configurations.
///
/// # Errors
/// A configuration that JSON cannot represent; a checked one always can.
pub(super) fn payload(report: &Report<'_>, entries: &[&Entry<'_>]) -> Result<Packed, PageError> {
    let most = points_of_a_curve(entries.len());
    let mut configurations = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let runs = entries.iter().map(|entry| {
        let index = entry.run.configuration;
        let place = *places.entry(index).or_insert_with(|| {
            configurations.extend(report.sweep.configurations.get(index).map(shown));
            configurations.len().saturating_sub(1)
        });
        run_data(entry, place, most)
    });
    let runs = runs.collect();
    let payload = Payload {
        name: printable(&report.sweep.name),
        written_ms: report.written_unix_ms,
        refresh_s: report.refresh.map(|refresh| refresh.as_secs_f64()),
        configurations,
        runs,
    };
    let curves = entries.iter().filter_map(|entry| entry.curves);
    Ok(Packed {
        json: embeddable(&serde_json::to_string(&payload)?),
        thinned: longest(curves) > most,
    })
}

/// The number of points per curve for this number of runs.
fn points_of_a_curve(runs: usize) -> usize {
    (POINTS / 2 / runs.max(1)).clamp(LEAST, MOST)
}

/// The number of points of the longest curve.
fn longest<'a>(curves: impl Iterator<Item = &'a Curves>) -> usize {
    let lengths = curves.map(|curves| curves.train.len().max(curves.eval.len()));
    lengths.max().unwrap_or(0)
}

/// Escapes characters so that HTML finds no end tag, comment or character reference in the JSON.
fn embeddable(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// A configuration with its path escaped for display.
fn shown(configuration: &Configuration) -> Configuration {
    let mut shown = configuration.clone();
    let path = configuration
        .data
        .path
        .as_deref()
        .map(Path::to_string_lossy);
    shown.data.path = path.map(|path| printable(&path).into());
    shown
}

fn run_data<'a>(entry: &'a Entry<'_>, configuration: usize, most: usize) -> RunData<'a> {
    let run = entry.run;
    let train = &run.config.configuration.train;
    let set = eval_set(run);
    let (mut trained, mut evaluated) = (Vec::new(), Vec::new());
    if let Some(curves) = entry.curves {
        trained.extend(curves.train.iter().copied());
        let points = curves.eval.iter().filter(|p| p.set == set);
        evaluated.extend(points.map(|p| ErrorPoint {
            iteration: p.iteration,
            error_percent: p.error_percent,
            loss: p.loss,
        }));
    }
    RunData {
        id: &run.id.0,
        label: printable(&run.label),
        configuration,
        seed: run.config.seed,
        iterations: train.iterations,
        parameters: run.cost.parameters,
        flops: run.cost.training_flops as f64 / train.iterations.max(1) as f64,
        train_images: entry.curves.and_then(|curves| curves.train_images),
        data: printable(entry.data_fingerprint),
        attempts: entry.attempts.iter().map(attempt_data).collect(),
        log: entry.log.as_ref().map(|tail| LogData {
            path: printable(&tail.path),
            lines: tail.lines.iter().map(|line| printable(line)).collect(),
        }),
        eval_name: eval_name(set),
        train: curve(&trained, most),
        eval: curve(&evaluated, most),
    }
}

fn attempt_data(attempt: &Attempt) -> AttemptData {
    AttemptData {
        number: attempt.number,
        state: attempt.state.into_str(),
        from: attempt.from_iteration,
        diverged: attempt.diverged_iteration,
        error: attempt.error.as_deref().map(printable_lines),
        started_ms: attempt.started_unix_ms,
        wall_s: attempt.wall.map(|wall| wall.as_secs_f64()),
        program: printable(&attempt.program),
        device: printable(&attempt.device),
        cpu: printable(&attempt.cpu),
        host: attempt.host.as_deref().map(printable),
        threads: attempt.threads,
        workers: attempt.workers,
    }
}

/// Rounds errors to six digits: more than a chart can show, and enough for two decimals elsewhere.
fn curve(points: &[ErrorPoint], most: usize) -> Curve {
    let errors: Vec<Point> = points
        .iter()
        .map(|p| (p.iteration, p.error_percent))
        .collect();
    let losses: HashMap<u64, f64> = points.iter().map(|p| (p.iteration, p.loss)).collect();
    let kept = decimate(&errors, most);
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let loss = |iteration: &u64| losses.get(iteration).filter(|loss| loss.is_finite());
    Curve(
        kept.iter().map(|(iteration, _)| *iteration).collect(),
        kept.iter().map(|(_, error)| rounded(*error)).collect(),
        kept.iter()
            .map(|(iteration, _)| loss(iteration).copied().map(rounded))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_json_keeps_its_value_and_contains_no_html() {
        let hostile = "</script><!-- & \u{2028}\u{2029} \"'>";
        let json = serde_json::to_string(hostile).expect("text");
        let embedded = embeddable(&json);
        assert!(!embedded.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        let read: String = serde_json::from_str(&embedded).expect("JSON");
        assert_eq!(read, hostile);
    }

    #[test]
    fn runs_share_the_points_up_to_a_limit_per_curve() {
        assert_eq!(points_of_a_curve(1), 1000);
        assert_eq!(points_of_a_curve(400), 250);
        assert_eq!(points_of_a_curve(1000), 100);
        assert_eq!(points_of_a_curve(2000), 50);
        assert_eq!(points_of_a_curve(10_000), 50);
    }
}
