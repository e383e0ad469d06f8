//! Packs the pending runs of a sweep into tasks.

use std::collections::HashMap;
use std::time::Duration;

use super::super::forecast::Forecast;
use crate::cli::WorkerArgs;
use resweep_cluster::{Packing, pack, slurm};
use resweep_core::domain::{DeviceRequest, Run, RunId};
use resweep_core::sweep_file::{Site, SiteEngine};

/// The most tasks of one job, even if Slurm allows more.
const TASKS_MAX: usize = 1000;

/// Packs the pending runs of `forecast`. A run and its parent share a task.
pub fn packed<'a>(
    forecast: &'a Forecast,
    site: &Site,
    workers: &WorkerArgs,
    tasks_max: Option<usize>,
) -> Vec<Vec<&'a Run>> {
    let packing = Packing {
        length: site.pack,
        at_once: site.at_once,
        limit: limit(site),
        workers: side_by_side(site, workers),
        tasks_max: tasks_max.map_or(TASKS_MAX, |max| max.min(TASKS_MAX)),
    };
    pack(groups(forecast), packing)
}

/// The estimated time of a task of these runs.
pub fn time(forecast: &Forecast, runs: &[&Run], site: &Site, workers: &WorkerArgs) -> Duration {
    let times = runs.iter().map(|run| forecast.time(run));
    resweep_core::plan::makespan(times, side_by_side(site, workers))
}

/// Groups each pending run with its descendants, with their total time.
fn groups(forecast: &Forecast) -> Vec<(Duration, Vec<&Run>)> {
    let pending: HashMap<&RunId, &Run> =
        forecast.pending.iter().map(|run| (&run.id, run)).collect();
    let root = |run: &Run| {
        let mut root = run.id.clone();
        while let Some(id) = pending.get(&root).and_then(|run| run.needs())
            && pending.contains_key(id)
        {
            root = id.clone();
        }
        root
    };
    let mut places: HashMap<RunId, usize> = HashMap::new();
    let mut groups: Vec<(Duration, Vec<&Run>)> = Vec::new();
    for run in &forecast.pending {
        let place = *places.entry(root(run)).or_insert_with(|| {
            groups.push((Duration::ZERO, Vec::new()));
            groups.len() - 1
        });
        let (time, runs) = &mut groups[place];
        *time = time.saturating_add(forecast.time(run));
        runs.push(run);
    }
    groups
}

/// The time limit without the grace.
fn limit(site: &Site) -> Option<Duration> {
    let SiteEngine::Slurm { options } = &site.engine else {
        return None;
    };
    let limit = slurm::parse_time(slurm::option(options, "time")?)?;
    Some(limit.saturating_sub(site.grace))
}

/// Slurm may send a signal so much earlier than asked.
const EARLY: Duration = Duration::from_secs(60);

/// Warns of a time limit in which a task may not reach a checkpoint.
pub fn warn_of_limit(site: &Site) {
    if limit(site).is_some_and(|limit| limit <= EARLY) {
        errln!(
            "warning: the time limit is short: Slurm sends its signal up to a minute before the {} s \
             of `grace`, so a task may stop as soon as it starts; raise `time`, or lower `grace`",
            site.grace.as_secs()
        );
    }
}

/// Runs that a task trains at once, as far as clusters.toml tells.
fn side_by_side(site: &Site, workers: &WorkerArgs) -> usize {
    if let Some(workers) = workers.workers.0 {
        return workers;
    }
    let device = site.device.as_ref().unwrap_or(&workers.device);
    let on_cpu = *device
        == "cpu"
            .parse::<DeviceRequest>()
            .unwrap_or(DeviceRequest::Auto);
    let cores = match &site.engine {
        SiteEngine::Slurm { options } if on_cpu => slurm::option(options, "cpus-per-task"),
        _ => None,
    };
    let cores: Option<usize> = cores.and_then(|cores| cores.parse().ok());
    let of_cores = cores.map(|cores| (cores / usize::from(workers.threads)).max(1));
    of_cores.unwrap_or(if on_cpu {
        1
    } else {
        usize::from(workers.runs_per_gpu)
    })
}
