//! Forecasts what a sweep would do now on this machine: shown by `plan`, executed by `run`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::known_images::KnownImages;
use super::memory::{self, Need};
use super::prepare::Prepared;
use super::provenance::cpu_name;
use super::records::result_status;
use crate::cli::WorkerArgs;
use crate::format::counted;
use resweep_core::domain::{DeviceKind, Outcome, ResultStatus, Run, RunId, Slot};
use resweep_core::plan::{Diff, ObservedTime, RetryPolicy, Stored, Times, Work, makespan};
use resweep_core::schedule::{Resources, WorkerPool, longest_first};
use resweep_store::{Nearest, Start, Store};

/// The fewest evaluations of a run that a larger `eval_every` may leave.
const EVALUATIONS_MIN: u64 = 5;

/// A sweep compared with the store and the machine.
pub struct Forecast {
    pub stored: HashMap<RunId, Stored>,
    pub diff: Diff,
    /// The runs that would train, the longest first.
    pub pending: Vec<Run>,
    pub worker_pool: WorkerPool,
    /// Runs that would train but are on a cluster, or whose parent is.
    pub elsewhere: Vec<Run>,
    /// Where the pending runs resume, for those that do not start from scratch.
    pub starts: HashMap<RunId, Start>,
    /// How the pending runs that start from scratch differ from the nearest recorded run.
    pub nearest: HashMap<RunId, Nearest>,
    times: Times,
    /// One for each configuration.
    images: Vec<KnownImages>,
}

impl Forecast {
    /// Queries the store for the states of the sweep's runs and for observed times.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        prepared: &Prepared,
        store: &Store,
        workers: &WorkerArgs,
        devices: &[DeviceKind],
    ) -> anyhow::Result<Self> {
        let mut stored = stored(prepared, store)?;
        let mut starts = HashMap::new();
        if retry_policy(workers) != RetryPolicy::All {
            starts = self::starts(prepared, store, &stored)?;
            take_over(&mut stored, &mut starts);
        }
        let members = store.members(&prepared.sweep.name)?;
        let listed: Vec<RunId> = members.into_iter().map(|member| member.id).collect();
        let mut diff = Diff::new(&prepared.runs, &stored, &listed);
        diff.resolve_parents(&prepared.runs, &stored, retry_policy(workers));
        let mut pending: Vec<Run> = diff
            .pending(&prepared.runs, retry_policy(workers))
            .into_iter()
            .cloned()
            .collect();
        let elsewhere = elsewhere(&mut pending, store)?;
        let worker_pool = worker_pool(workers, devices, pending.len());
        let mut forecast = Self {
            times: times(store, worker_pool.slots[0])?,
            nearest: nearest(prepared, store, &pending, &starts)?,
            stored,
            diff,
            worker_pool,
            elsewhere,
            pending: Vec::new(),
            starts,
            images: prepared.images.clone(),
        };
        let to_the_end = forecast.times_to_the_end(&pending);
        longest_first(&mut pending, |run| to_the_end[&run.id]);
        forecast.pending = pending;
        Ok(forecast)
    }

    /// A note on the runs that are on a cluster.
    pub fn cluster_note(&self) -> Option<String> {
        let runs = counted(self.elsewhere.len(), "run");
        (!self.elsewhere.is_empty()).then(|| {
            format!(
                "{runs} skipped: on a cluster, or the parent is (`resweep sync` fetches the results, \
                 `resweep cancel` cancels the jobs)"
            )
        })
    }

    /// The estimated time until the last pending run ends.
    pub fn estimate(&self) -> Duration {
        let durations = self.pending.iter().map(|run| self.time(run));
        makespan(durations, self.worker_pool.slots.len())
    }

    /// Whether every estimate is based on finished runs of the same shape.
    pub fn speed_observed(&self) -> bool {
        let observed = |run| self.times.observed(&self.work(run));
        self.pending.iter().all(observed)
    }

    /// The estimated remaining time of a run, including evaluations.
    pub fn time(&self, run: &Run) -> Duration {
        self.times.estimate(&self.work(run))
    }

    /// The fraction of evaluations in the time of all pending runs, from 0 to 1, without the last
    /// evaluation of each run, which is always made.
    pub fn evaluation_share(&self) -> f64 {
        let with = self.pending.iter().map(|run| self.time(run).as_secs_f64());
        let without = self.pending.iter().map(|run| {
            let mut work = self.work(run);
            work.configuration.train.eval_every = work.configuration.train.iterations;
            self.times.estimate(&work).as_secs_f64()
        });
        let (with, without) = (with.sum::<f64>(), without.sum::<f64>());
        if with > 0.0 {
            (1.0 - without / with).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The `eval_every` with which evaluations would take a tenth of the time: a multiple of the
    /// present one, so that recorded measurements stay usable. `None` if the pending runs have
    /// different ones, or would have few evaluations.
    pub fn sparser_evaluations(&self) -> Option<u64> {
        let trains = || {
            self.pending
                .iter()
                .map(|run| &run.config.configuration.train)
        };
        let every = trains().map(|train| train.eval_every).next()?;
        let shortest = trains().map(|train| train.iterations).min()?;
        let share = self.evaluation_share();
        let sparser = every * (9.0 * share / (1.0 - share)).ceil() as u64;
        let alike = trains().all(|train| train.eval_every == every);
        (alike && sparser * EVALUATIONS_MIN <= shortest).then_some(sparser)
    }

    /// The iteration that a run starts from.
    pub fn start_iteration(&self, run: &Run) -> u64 {
        match self.starts.get(&run.id) {
            Some(Start::At { iteration, .. }) => *iteration,
            _ => 0,
        }
    }

    fn work(&self, run: &Run) -> Work {
        let images = &self.images[run.configuration];
        let configuration = run.config.configuration.clone();
        let labels = images.seen.as_ref().and_then(|facts| facts.labels.as_ref());
        let test_images = labels.map_or(0, |labels| labels.test.len());
        Work {
            eval_images: match configuration.data.validation.images() {
                0 => test_images,
                held_out => held_out,
            },
            configuration,
            classes: images.classes,
            from_iteration: self.start_iteration(run),
        }
    }

    /// The time of each run plus that of the longest chain of its children.
    fn times_to_the_end(&self, runs: &[Run]) -> HashMap<RunId, Duration> {
        let own = runs.iter().map(|run| (run.id.clone(), self.time(run)));
        let mut times: HashMap<RunId, Duration> = own.collect();
        let mut grown: Vec<&Run> = runs.iter().filter(|run| run.parent.is_some()).collect();
        // A child of a child is deeper still.
        grown.sort_by_key(|run| std::cmp::Reverse(run.config.configuration.model.depth));
        let mut after: HashMap<&RunId, Duration> = HashMap::new();
        for run in grown {
            let further = after.get(&run.id).copied().unwrap_or_default();
            let time = times[&run.id].saturating_add(further);
            if let Some(source) = run.needs() {
                let longest = after.entry(source).or_default();
                *longest = time.max(*longest);
            }
        }
        for (source, time) in after {
            if let Some(own) = times.get_mut(source) {
                *own = own.saturating_add(time);
            }
        }
        times
    }

    /// Estimated peak memory in bytes of a process that trains only `run`; `None` if it may train
    /// on a GPU, for which there is no estimate.
    pub fn memory_bytes(&self, run: &Run) -> Option<u64> {
        self.need(run).map(Need::alone)
    }

    /// Whether decoding the images takes more memory than training the run.
    pub fn decoding_needs_most(&self, run: &Run) -> bool {
        self.need(run).is_some_and(|need| need.decoding > need.run)
    }

    fn need(&self, run: &Run) -> Option<Need> {
        let slots = &self.worker_pool.slots;
        let all_on_cpu = slots.iter().all(|slot| slot.device == DeviceKind::Cpu);
        let configuration = &run.config.configuration;
        let images = &self.images[run.configuration];
        all_on_cpu.then(|| Need::of(configuration, images, slots[0].threads))
    }

    /// The pending run with the largest memory, and its bytes.
    pub fn largest(&self) -> Option<(&Run, u64)> {
        let bytes = |run| Some((run, self.memory_bytes(run)?));
        let known = self.pending.iter().filter_map(bytes);
        known.max_by_key(|(_, bytes)| *bytes)
    }

    /// A warning if the workers' runs may not fit into memory together.
    pub fn memory_warning(&self) -> Option<String> {
        let (largest, _) = self.largest()?;
        let workers = self.worker_pool.slots.len();
        self.need(largest)?.warning(workers, memory::free_bytes()?)
    }
}

/// Takes the runs out of `pending` that a cluster has, and those that grow from them.
fn elsewhere(pending: &mut Vec<Run>, store: &Store) -> anyhow::Result<Vec<Run>> {
    let submitted = store.submitted()?;
    let mut gone: HashSet<RunId> = submitted.into_keys().collect();
    let mut elsewhere = Vec::new();
    loop {
        let is_gone = |run: &mut Run| {
            gone.contains(&run.id) || run.needs().is_some_and(|id| gone.contains(id))
        };
        let found: Vec<Run> = pending.extract_if(.., is_gone).collect();
        if found.is_empty() {
            return Ok(elsewhere);
        }
        gone.extend(found.iter().map(|run| run.id.clone()));
        elsewhere.extend(found);
    }
}

fn stored(prepared: &Prepared, store: &Store) -> anyhow::Result<HashMap<RunId, Stored>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let with_final_state = store.with_final_state(&prepared.runs)?;
    let statuses = store.statuses(&ids)?.into_iter().map(|(id, status)| {
        let result = result_status(&status);
        let mut shared_with = status.sweeps;
        shared_with.retain(|name| *name != prepared.sweep.name);
        let stored = Stored {
            status: result,
            shared_with,
            has_final_state: with_final_state.contains(&id),
            same_as: None,
        };
        (id, stored)
    });
    Ok(statuses.collect())
}

/// Where the runs without a result would start.
fn starts(
    prepared: &Prepared,
    store: &Store,
    stored: &HashMap<RunId, Stored>,
) -> anyhow::Result<HashMap<RunId, Start>> {
    let has_result = |run: &&Run| {
        let status = stored.get(&run.id).map(|stored| stored.status);
        matches!(
            status,
            Some(ResultStatus::Finished | ResultStatus::Diverged)
        )
    };
    let runs: Vec<&Run> = prepared
        .runs
        .iter()
        .filter(|run| !has_result(run))
        .collect();
    Ok(store.starts(&runs)?)
}

/// Counts runs as done that can copy the result of another run, as `resweep run` does.
fn take_over(stored: &mut HashMap<RunId, Stored>, starts: &mut HashMap<RunId, Start>) {
    for (id, start) in starts.extract_if(|_, start| matches!(start, Start::Same { .. })) {
        let Start::Same { run, outcome } = start else {
            continue;
        };
        let status = match outcome {
            Outcome::Diverged { .. } => ResultStatus::Diverged,
            _ => ResultStatus::Finished,
        };
        let taken_over = Stored {
            status,
            shared_with: Vec::new(),
            has_final_state: true,
            same_as: Some(run),
        };
        stored.insert(id, taken_over);
    }
}

/// The nearest recorded run of each run that starts from scratch.
fn nearest(
    prepared: &Prepared,
    store: &Store,
    pending: &[Run],
    starts: &HashMap<RunId, Start>,
) -> anyhow::Result<HashMap<RunId, Nearest>> {
    let from_nothing = pending.iter().filter(|run| !starts.contains_key(&run.id));
    let with_data = from_nothing.map(|run| {
        let images = &prepared.images[run.configuration];
        (run, images.fingerprint.as_str())
    });
    Ok(store.nearest(&with_data.collect::<Vec<_>>())?)
}

/// Observed times of finished runs in such a slot of this machine.
fn times(store: &Store, slot: Slot) -> anyhow::Result<Times> {
    let device = resweep_train::device_description(slot.device);
    let observed = store.observed_times(&device, &cpu_name(), slot.threads)?;
    let observed = observed.into_iter().map(|seen| ObservedTime {
        wall: seen.wall,
        work: Work {
            configuration: seen.config.configuration,
            classes: seen.classes,
            eval_images: seen.eval_images,
            from_iteration: seen.from_iteration,
        },
    });
    Ok(Times::new(observed.collect()))
}

/// The runs that the arguments add to new and unfinished ones.
pub fn retry_policy(workers: &WorkerArgs) -> RetryPolicy {
    match (workers.fresh, workers.retry_failed) {
        (true, _) => RetryPolicy::All,
        (false, true) => RetryPolicy::Failed,
        (false, false) => RetryPolicy::Never,
    }
}

/// The devices of `--device`; prints why `auto` is the CPU.
///
/// # Errors
/// When a device cannot be used.
pub fn devices(workers: &WorkerArgs) -> anyhow::Result<Vec<DeviceKind>> {
    let found = resweep_train::find_devices(&workers.device)?;
    if let Some(why) = found.why_cpu {
        errln!("training on the CPU: {why}");
    }
    Ok(found.devices)
}

fn worker_pool(workers: &WorkerArgs, devices: &[DeviceKind], pending: usize) -> WorkerPool {
    let resources = Resources {
        devices,
        runs_per_gpu: usize::from(workers.runs_per_gpu),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads: usize::from(workers.threads),
    };
    WorkerPool::new(resources, pending, workers.workers.0)
}
