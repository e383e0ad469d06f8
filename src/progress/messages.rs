//! The messages about a sweep and its runs.

use std::time::Duration;

use super::seen::SeenRun;
use crate::format::{counted, duration, evaluation, first_line, percent};
use resweep_core::domain::{DeviceKind, Outcome, Run, Slot, SweepTally};

/// The last errors, if any: `train 12.31 %`, `test 14.02 %`.
pub(super) fn errors(seen: &SeenRun) -> Vec<String> {
    let train = seen.train_percent;
    let train = train.map(|value| format!("train {}", percent(value)));
    let eval = seen.eval.as_ref().map(evaluation);
    train.into_iter().chain(eval).collect()
}

/// The outcome of a run in one line: `finished in 2 min 3 s · train 12.31 % · test 14.02 %`.
pub(super) fn outcome(outcome: &Outcome, wall: Duration, seen: &SeenRun) -> String {
    let wall = duration(wall);
    match outcome {
        Outcome::Finished => {
            let mut parts = vec![format!("finished in {wall}")];
            parts.extend(errors(seen));
            parts.join(" · ")
        }
        Outcome::Diverged { iteration } => {
            format!("diverged at iteration {iteration} after {wall}")
        }
        Outcome::Failed { error, .. } => format!("failed after {wall}: {}", first_line(error)),
        Outcome::Stopped => format!("stopped at iteration {} after {wall}", seen.iteration),
    }
}

/// The iteration from which an attempt resumes.
pub(super) fn resumed(iteration: u64) -> String {
    format!("resumes from iteration {iteration}")
}

/// Appends the pause before a retry to an outcome.
pub(super) fn retry(line: &str, pause: Option<Duration>) -> String {
    match pause {
        Some(pause) => format!("{line}; retries in {}", duration(pause)),
        None => line.to_owned(),
    }
}

/// The outcome of a run in another process.
pub(super) fn ended_elsewhere(outcome: &Outcome) -> String {
    format!("{} in another process", outcome.into_str())
}

/// Why a run does not start.
pub(super) fn blocked(needs: &Run) -> String {
    format!("not started: its parent {} did not finish", needs.label)
}

/// The number of concurrent runs that remain on a device.
pub(super) fn retired(slot: Slot, left: usize) -> String {
    let device = match slot.device {
        DeviceKind::Cpu => "the machine".to_owned(),
        gpu => gpu.to_string(),
    };
    let runs = if left == 1 { "run" } else { "runs" };
    format!(
        "{device} has too little memory for so many runs at once; continuing with {left} {runs}"
    )
}

/// A device that the process can no longer use, and how the sweep continues.
pub(super) fn lost(device: DeviceKind, left: usize) -> String {
    match left {
        0 => format!("{device} failed: no run starts; run the same command again to resume"),
        _ => format!("{device} failed and gets no further run; the other devices continue"),
    }
}

/// The message after a signal.
pub(super) fn stop_requested(by: &str) -> String {
    format!("{by}: stopping with a checkpoint of each run; a second signal stops at once")
}

/// The outcome of a sweep: `11 finished, 1 diverged in 12 min 3 s`.
pub(super) fn summary(tally: &SweepTally, wall: Duration) -> String {
    let counts = [
        (tally.finished, "finished"),
        (tally.diverged, "diverged"),
        (tally.failed, "failed"),
        (tally.stopped, "stopped"),
        (tally.skipped, "not started"),
        (tally.elsewhere, "done by other processes"),
        (tally.blocked, "blocked by their parent"),
    ];
    let said: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if said.is_empty() {
        return "nothing was trained".to_owned();
    }
    format!("{} in {}", said.join(", "), duration(wall))
}

/// The first line of a sweep.
pub(super) fn opening(pending: usize, finished_before: usize, slots: &[Slot]) -> String {
    let before = match finished_before {
        0 => String::new(),
        count => format!(", {} finished before", counted(count, "run")),
    };
    if pending == 0 {
        return format!("nothing to train{before}");
    }
    let to_train = counted(pending, "run");
    format!("{to_train} to train{before} · {}", worker_pool(slots))
}

/// `2 workers, 1 thread each`, with the devices unless the CPU is the only one.
pub fn worker_pool(slots: &[Slot]) -> String {
    let threads = slots.first().map_or(1, |slot| slot.threads);
    let mut on: Vec<String> = slots.iter().map(|slot| slot.device.to_string()).collect();
    on.sort();
    on.dedup();
    let on = match on[..] {
        [ref only] if *only == DeviceKind::Cpu.to_string() => String::new(),
        _ => format!(" on {}", on.join(", ")),
    };
    let workers = counted(slots.len(), "worker");
    format!("{workers}{on}, {} each", counted(threads, "thread"))
}

#[cfg(test)]
mod tests {
    use super::super::script::SLOTS;
    use super::*;

    #[test]
    fn devices_are_named_unless_the_cpu_is_the_only_one() {
        assert_eq!(worker_pool(&SLOTS), "2 workers, 1 thread each");
        let [first, second] = SLOTS;
        let slots = [1, 0].map(|gpu| Slot {
            device: DeviceKind::Cuda(gpu),
            ..second
        });
        let mixed = [slots[0], slots[1], first];
        assert_eq!(
            worker_pool(&mixed),
            "3 workers on cpu, cuda:0, cuda:1, 1 thread each"
        );
    }

    #[test]
    fn a_sweep_with_nothing_to_do_says_so() {
        assert_eq!(opening(0, 0, &SLOTS), "nothing to train");
        assert_eq!(
            opening(0, 12, &SLOTS),
            "nothing to train, 12 runs finished before"
        );
        let none = summary(&SweepTally::default(), Duration::ZERO);
        assert_eq!(none, "nothing was trained");
    }
}
