//! Prints one plain line per event, for pipes and log files.

use std::io::Write;

use super::messages;
use super::seen::Seen;
use resweep_core::domain::{Event, EventSink, RunEvent, SinkError, StartPoint, printable};

/// Writes a line when a run starts, at each evaluation, when it ends, and for the sweep.
#[derive(Debug)]
pub struct Plain<W> {
    output: W,
    seen: Seen,
}

impl<W: Write> Plain<W> {
    pub fn new(output: W) -> Plain<W> {
        Plain {
            output,
            seen: Seen::default(),
        }
    }

    /// The line for an event, if it has one.
    fn line(&self, event: &Event<'_>) -> Option<String> {
        match *event {
            Event::SweepStarted {
                pending,
                finished_before,
                slots,
            } => Some(messages::opening(pending.len(), finished_before, slots)),
            Event::RunStarted { .. } if self.seen.is_failing() => None,
            Event::RunStarted { run, .. } => Some(format!("{} · started", self.seen.heading(run))),
            Event::Run {
                run,
                event: RunEvent::Evaluated(point),
            } => {
                let last = run.config.configuration.train.iterations;
                let iteration = point.iteration;
                let mut parts = vec![self.seen.heading(run)];
                parts.push(format!("iteration {iteration}/{last}"));
                parts.extend(messages::errors(&self.seen.of(run)));
                Some(parts.join(" · "))
            }
            Event::Run {
                run,
                event: RunEvent::Began(StartPoint { iteration, .. }),
            } if iteration > 0 => Some(format!(
                "{} · {}",
                self.seen.heading(run),
                messages::resumed(iteration)
            )),
            Event::Run { .. } => None,
            Event::RunFinished {
                run,
                outcome,
                wall,
                retry_in,
            } => {
                if self.seen.is_repeated(outcome) {
                    return None;
                }
                let line = messages::outcome(outcome, wall, &self.seen.of(run));
                let line = messages::retry(&line, retry_in);
                Some(format!("{} · {line}", self.seen.heading(run)))
            }
            Event::RunEndedElsewhere { run, outcome } => {
                let line = messages::ended_elsewhere(outcome);
                Some(format!("{} · {line}", self.seen.heading(run)))
            }
            Event::RunBlocked { run, needs } => {
                let why = messages::blocked(needs);
                Some(format!("{} · {why}", self.seen.heading(run)))
            }
            Event::SlotRetired { slot, left } => Some(messages::retired(slot, left)),
            Event::DeviceLost { device, left } => Some(messages::lost(device, left)),
            Event::StopRequested { by } => Some(messages::stop_requested(by)),
            Event::SweepFinished { tally, wall } => Some(messages::summary(&tally, wall)),
        }
    }
}

impl<W: Write> EventSink for Plain<W> {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.seen.update(event);
        let mut lines = match event {
            Event::SweepFinished { .. } => self.seen.repeated(),
            _ => Vec::new(),
        };
        lines.extend(self.line(event));
        let lines: String = lines
            .iter()
            .map(|line| format!("{}\n", printable(line)))
            .collect();
        // A single write, so that lines of other threads do not interleave.
        self.output
            .write_all(lines.as_bytes())
            .and_then(|()| self.output.flush())
            .map_err(|error| SinkError(format!("cannot write progress: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    #[test]
    fn every_event_of_a_sweep_is_one_plain_line() {
        let mut plain = Plain::new(Vec::new());
        script::play(&mut plain);
        let text = String::from_utf8(plain.output).unwrap();
        insta::assert_snapshot!(text, @r"
        4 runs to train, 3 runs finished before · 2 workers, 1 thread each
        [1/4] plain-56 seed 1 · started
        [1/4] plain-56 seed 1 · resumes from iteration 3000
        [1/4] plain-56 seed 1 · iteration 4000/64000 · train 12.31 % · test 14.02 %
        [1/4] plain-56 seed 1 · finished in 2 min 3 s · train 12.31 % · test 14.02 %
        [2/4] ResNet-56 seed 1 · started
        [2/4] ResNet-56 seed 1 · stopped at iteration 100 after 3.2 s
        [3/4] plain-20 lr=10 · started
        [3/4] plain-20 lr=10 · diverged at iteration 312 after 3.2 s
        [4/4] ResNet-20 · started
        [4/4] ResNet-20 · failed after 3.2 s: cannot read data/test_batch.bin
        1 finished, 1 diverged, 1 failed, 1 stopped in 2 h 0 min
        ");
    }
}
