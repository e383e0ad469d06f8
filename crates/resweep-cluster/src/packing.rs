//! Packs runs into tasks: few enough for the controller, short enough that the last one does not
//! delay the sweep.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A shorter task mostly waits for its start.
const TASK_MIN: Duration = Duration::from_secs(30 * 60);
/// The share of the time limit that is planned for.
const LIMIT_SHARE: f64 = 0.8;
/// The tasks of each slot, so that the last round is short.
const ROUNDS: u32 = 4;

/// How runs are packed.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// The estimated length of a task; zero for one run each.
    pub length: Option<Duration>,
    /// The most tasks that run at once.
    pub at_once: Option<usize>,
    /// The time limit of a task, without the grace.
    pub limit: Option<Duration>,
    /// Runs that a task trains side by side.
    pub workers: usize,
    pub tasks_max: usize,
}

impl Packing {
    /// The length to aim at.
    fn target(&self, total: Duration) -> Duration {
        let by_slots = |slots: usize| total / (ROUNDS * u32::try_from(slots).unwrap_or(u32::MAX));
        let target = self.length.unwrap_or_else(|| {
            let share = self.at_once.map_or(Duration::ZERO, by_slots);
            share.max(TASK_MIN)
        });
        match self.limit {
            Some(limit) => target.min(limit.mul_f64(LIMIT_SHARE)),
            None => target,
        }
    }

    fn tasks(&self, total: Duration, groups: usize) -> usize {
        let target = self.target(total).as_secs_f64();
        let tasks = if target > 0.0 {
            (total.as_secs_f64() / target).ceil() as usize
        } else {
            groups
        };
        tasks.clamp(1, groups.min(self.tasks_max).max(1))
    }
}

/// Packs groups of runs that have to be in one task, each with its estimated time, into tasks of
/// similar length. Every task has the longest first.
pub fn pack<T>(mut groups: Vec<(Duration, Vec<T>)>, packing: Packing) -> Vec<Vec<T>> {
    if groups.is_empty() {
        return Vec::new();
    }
    let sum = |total: Duration, time: Duration| total.saturating_add(time);
    let total = groups.iter().map(|(time, _)| *time);
    let total = total.fold(Duration::ZERO, sum) / packing.workers.max(1) as u32;
    let tasks = packing.tasks(total, groups.len());
    groups.sort_by_key(|(time, _)| Reverse(*time));
    let mut packed: Vec<Vec<T>> = (0..tasks).map(|_| Vec::new()).collect();
    let mut shortest: BinaryHeap<_> = (0..tasks)
        .map(|task| Reverse((Duration::ZERO, task)))
        .collect();
    for (time, runs) in groups {
        let Reverse((length, task)) = shortest.pop().expect("at least one task");
        packed[task].extend(runs);
        shortest.push(Reverse((sum(length, time), task)));
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: Packing = Packing {
        length: None,
        at_once: Some(100),
        limit: None,
        workers: 1,
        tasks_max: 1000,
    };

    fn runs(number: usize, seconds: u64) -> Vec<(Duration, Vec<usize>)> {
        let time = Duration::from_secs(seconds);
        (0..number).map(|run| (time, vec![run])).collect()
    }

    fn sizes(tasks: &[Vec<usize>]) -> (usize, usize, usize) {
        let lengths = || tasks.iter().map(Vec::len);
        (
            tasks.len(),
            lengths().min().unwrap_or(0),
            lengths().max().unwrap_or(0),
        )
    }

    #[test]
    fn short_runs_share_tasks_and_long_ones_do_not() {
        assert_eq!(sizes(&pack(runs(10_000, 60), AUTO)), (334, 29, 30));
        assert_eq!(sizes(&pack(runs(100, 8 * 3600), AUTO)), (100, 1, 1));
        assert_eq!(sizes(&pack(runs(0, 60), AUTO)), (0, 0, 0));
    }

    #[test]
    fn the_limits_of_a_site_are_kept() {
        let each = Packing {
            length: Some(Duration::ZERO),
            ..AUTO
        };
        assert_eq!(sizes(&pack(runs(12, 60), each)), (12, 1, 1));
        assert_eq!(sizes(&pack(runs(3000, 60), each)), (1000, 3, 3));
        let limit = Packing {
            limit: Some(Duration::from_secs(600)),
            ..AUTO
        };
        assert_eq!(sizes(&pack(runs(80, 60), limit)), (10, 8, 8));
        let workers = Packing { workers: 4, ..AUTO };
        assert_eq!(sizes(&pack(runs(240, 60), workers)), (2, 120, 120));
    }

    #[test]
    fn tasks_are_of_similar_length_and_groups_stay_together() {
        let mut groups = runs(40, 100);
        groups.push((Duration::from_secs(2000), vec![100, 101]));
        let length = Some(Duration::from_secs(2000));
        let packed = pack(groups, Packing { length, ..AUTO });
        assert_eq!(packed.len(), 3);
        assert_eq!(packed[0], [100, 101]);
        assert_eq!((packed[1].len(), packed[2].len()), (20, 20));
    }
}
