//! What a sweep would do now on this machine: the same for `plan`, which shows it, and `run`,
//! which does it.

use std::collections::HashMap;
use std::time::Duration;

use super::prepare::Prepared;
use super::provenance::cpu_name;
use crate::cli::WorkerArgs;
use resweep_core::domain::{DeviceKind, Run, RunId, Slot};
use resweep_core::plan::{Again, Diff, ObservedSpeed, Speeds, Stored, StoredStatus, makespan};
use resweep_core::schedule::{Resources, Workforce, longest_first};
use resweep_store::{AttemptStatus, Store};

/// A sweep against the store and the machine.
pub struct Outlook {
    pub stored: HashMap<RunId, Stored>,
    pub diff: Diff,
    /// The runs that would train, the longest first.
    pub pending: Vec<Run>,
    pub workforce: Workforce,
    pub speeds: Speeds,
    /// Classes of each configuration's data.
    classes: Vec<usize>,
}

impl Outlook {
    /// Asks the store how the sweep's runs stand, and how fast others were.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        prepared: &Prepared,
        store: &Store,
        workers: &WorkerArgs,
        devices: &[DeviceKind],
    ) -> anyhow::Result<Self> {
        let stored = stored(prepared, store)?;
        let members = store.members(&prepared.sweep.name)?;
        let listed: Vec<RunId> = members.into_iter().map(|member| member.id).collect();
        let mut diff = Diff::new(&prepared.runs, &stored, &listed);
        diff.settle_needs(&prepared.runs, &stored, again(workers));
        let mut pending: Vec<Run> = diff
            .pending(&prepared.runs, again(workers))
            .into_iter()
            .cloned()
            .collect();
        let workforce = workforce(workers, devices, pending.len());
        let speeds = speeds(store, workforce.slots[0])?;
        let times = times_to_the_end(&pending, &speeds);
        longest_first(&mut pending, |run| times[&run.id]);
        Ok(Self {
            stored,
            diff,
            workforce,
            pending,
            speeds,
            classes: prepared
                .images
                .iter()
                .map(|images| images.classes)
                .collect(),
        })
    }

    /// When the last pending run would end.
    pub fn estimate(&self) -> Duration {
        let durations = self.pending.iter().map(|run| self.speeds.estimate(run));
        makespan(durations, self.workforce.slots.len())
    }

    /// Whether the estimate of every pending run comes from runs that finished.
    pub fn speed_observed(&self) -> bool {
        self.pending.iter().all(|run| self.speeds.observed(run))
    }

    /// Estimated peak memory of `run` in bytes; `None` where it may train on a GPU, for which the
    /// estimate is not made.
    pub fn memory_bytes(&self, run: &Run) -> Option<u64> {
        let classes = self.classes[run.configuration];
        let slots = &self.workforce.slots;
        let threads = slots[0].threads;
        let all_on_cpu = slots.iter().all(|slot| slot.device == DeviceKind::Cpu);
        all_on_cpu.then(|| resnet_engine::memory_bytes(&run.config.configuration, classes, threads))
    }

    /// The pending run that takes the most memory, and its bytes.
    pub fn largest(&self) -> Option<(&Run, u64)> {
        let bytes = |run| Some((run, self.memory_bytes(run)?));
        let known = self.pending.iter().filter_map(bytes);
        known.max_by_key(|(_, bytes)| *bytes)
    }
}

fn stored(prepared: &Prepared, store: &Store) -> anyhow::Result<HashMap<RunId, Stored>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let with_final_state = store.with_final_state(&prepared.runs)?;
    let statuses = store.statuses(&ids)?.into_iter().map(|(id, status)| {
        let mut shared_with = status.sweeps;
        shared_with.retain(|name| *name != prepared.sweep.name);
        let status = match status.status {
            AttemptStatus::Finished => StoredStatus::Finished,
            AttemptStatus::Diverged => StoredStatus::Diverged,
            AttemptStatus::Failed if !status.transient => StoredStatus::Failed,
            AttemptStatus::Failed
            | AttemptStatus::Running
            | AttemptStatus::Stopped
            | AttemptStatus::Interrupted => StoredStatus::Unfinished,
        };
        let stored = Stored {
            status,
            shared_with,
            has_final_state: with_final_state.contains(&id),
        };
        (id, stored)
    });
    Ok(statuses.collect())
}

/// How long each run takes together with the longest that grows from it.
fn times_to_the_end(runs: &[Run], speeds: &Speeds) -> HashMap<RunId, Duration> {
    let own = runs
        .iter()
        .map(|run| (run.id.clone(), speeds.estimate(run)));
    let mut times: HashMap<RunId, Duration> = own.collect();
    let mut grown: Vec<&Run> = runs.iter().filter(|run| run.origin.is_some()).collect();
    // What grows from a run that has grown itself is deeper still.
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

/// The speeds that finished runs had in such a slot of this machine.
fn speeds(store: &Store, slot: Slot) -> anyhow::Result<Speeds> {
    let device = resweep_train::device_description(slot.device);
    let observed = store.observed_speeds(&device, &cpu_name(), slot.threads)?;
    let observed = observed.into_iter().map(|seen| ObservedSpeed {
        batch_size: seen.config.configuration.train.batch_size,
        engine: seen.config.configuration.train.engine,
        model: seen.config.configuration.model,
        flops_per_second: seen.training_flops_per_s,
    });
    Ok(Speeds::new(observed.collect()))
}

/// What the arguments ask for besides what is new or unfinished.
pub fn again(workers: &WorkerArgs) -> Again {
    match (workers.fresh, workers.retry_failed) {
        (true, _) => Again::Everything,
        (false, true) => Again::Failed,
        (false, false) => Again::Nothing,
    }
}

/// The devices that `--device` comes to; says why `auto` is the CPU.
///
/// # Errors
/// When one of them cannot be used.
pub fn devices(workers: &WorkerArgs) -> anyhow::Result<Vec<DeviceKind>> {
    let found = resweep_train::find_devices(&workers.device)?;
    if let Some(why) = found.why_cpu {
        errln!("training on the CPU: {why}");
    }
    Ok(found.devices)
}

fn workforce(workers: &WorkerArgs, devices: &[DeviceKind], pending: usize) -> Workforce {
    let resources = Resources {
        devices,
        runs_per_gpu: usize::from(workers.runs_per_gpu),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads: usize::from(workers.threads),
    };
    Workforce::new(resources, pending, workers.workers.map(usize::from))
}
