//! Draws a bar for each running run and one for the sweep, on a terminal.
//!
//! A run that has ended leaves one line above the bars. On a narrow terminal the parts
//! of a bar's text that matter least are left out.

mod screen;
mod sweep;
mod text;

use std::collections::HashMap;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::messages;
use super::seen::Seen;
use crate::output::Stream;
use resweep_core::domain::{
    Event, EventSink, Run, RunEvent, RunId, SinkError, StartPoint, printable,
};
use screen::Screen;
use sweep::SweepBar;
use text::{Room, run_text, style};

/// Labels are padded to the longest one, up to this many characters.
const LABEL_WIDTH_MAX: usize = 28;

/// Redraws per second.
const REDRAWS: u8 = 10;

/// Draws bars with indicatif.
#[derive(Debug)]
pub struct Bars {
    multi: MultiProgress,
    colour: bool,
    seen: Seen,
    label_width: usize,
    runs: HashMap<RunId, RunBar>,
    sweep: Option<SweepBar>,
}

#[derive(Debug)]
struct RunBar {
    bar: ProgressBar,
    started: Instant,
}

impl Bars {
    /// Bars on standard error; draws nothing if that is not a terminal.
    pub fn on_stderr(colour: bool) -> Bars {
        let target = match Stream::Err.columns() {
            Some(_) => ProgressDrawTarget::term_like_with_hz(Box::new(Screen::stderr()), REDRAWS),
            None => ProgressDrawTarget::hidden(),
        };
        Bars::new(target, colour)
    }

    /// Bars on any target, for tests.
    pub fn new(target: ProgressDrawTarget, colour: bool) -> Bars {
        Bars {
            multi: MultiProgress::with_draw_target(target),
            colour,
            seen: Seen::default(),
            label_width: 0,
            runs: HashMap::new(),
            sweep: None,
        }
    }

    fn start_sweep(&mut self, pending: &[Run]) {
        let lengths = pending.iter().map(|run| run.label.chars().count());
        self.label_width = lengths.max().unwrap_or(0).min(LABEL_WIDTH_MAX);
        if pending.is_empty() {
            return;
        }
        let bar = self.multi.add(ProgressBar::no_length());
        let sweep = SweepBar::new(bar, self.colour, pending);
        sweep.draw();
        self.sweep = Some(sweep);
    }

    fn start_run(&mut self, run: &Run) {
        let bar = ProgressBar::new(run.config.configuration.train.iterations);
        let bar = match &self.sweep {
            Some(sweep) => self.multi.insert_before(&sweep.bar, bar),
            None => self.multi.add(bar),
        };
        let started = Instant::now();
        self.runs.insert(run.id.clone(), RunBar { bar, started });
        self.draw_run(run);
    }

    fn draw_run(&mut self, run: &Run) {
        let Some(RunBar { bar, started }) = self.runs.get(&run.id) else {
            return;
        };
        let seen = self.seen.of(run);
        let room = Room::of(Stream::Err.columns());
        let text = run_text(run, &seen, self.label_width, started.elapsed(), room);
        bar.set_style(style(self.colour, "cyan", room));
        bar.set_message(text);
        bar.set_position(seen.iteration);
        if let Some(sweep) = &mut self.sweep {
            sweep.advance(run, seen.iteration);
        }
    }

    fn clear_run(&mut self, run: &Run) {
        if let Some(RunBar { bar, .. }) = self.runs.remove(&run.id) {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
    }

    fn end_run(&mut self, run: &Run) {
        if let Some(sweep) = &mut self.sweep {
            sweep.end(run);
        }
    }

    fn print_of(&self, run: &Run, text: &str) -> Result<(), SinkError> {
        self.print(&format!("{} · {text}", self.seen.heading(run)))
    }

    fn finish_sweep(&mut self, summary: &str) -> Result<(), SinkError> {
        let runs = self.runs.drain().map(|(_, run)| run.bar);
        for bar in runs.chain(self.sweep.take().map(|sweep| sweep.bar)) {
            bar.finish_and_clear();
        }
        self.print(summary)
    }

    /// Prints a line above the bars, if there are any.
    fn print(&self, line: &str) -> Result<(), SinkError> {
        if self.sweep.is_none() && self.runs.is_empty() && !self.multi.is_hidden() {
            errln!("{}", printable(line));
            return Ok(());
        }
        self.multi
            .println(printable(line))
            .map_err(|error| SinkError(format!("cannot draw progress: {error}")))
    }
}

impl EventSink for Bars {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.seen.update(event);
        match *event {
            Event::SweepStarted {
                pending,
                finished_before,
                slots,
            } => {
                self.print(&messages::opening(pending.len(), finished_before, slots))?;
                self.start_sweep(pending);
            }
            Event::RunStarted { run, .. } => self.start_run(run),
            Event::Run { run, ref event } => {
                if let RunEvent::Began(StartPoint { iteration, .. }) = *event
                    && iteration > 0
                {
                    self.print_of(run, &messages::resumed(iteration))?;
                    if let Some(sweep) = &mut self.sweep {
                        sweep.resume(run, iteration);
                    }
                }
                self.draw_run(run);
            }
            Event::RunFinished {
                run,
                outcome,
                wall,
                retry_in,
            } => {
                let line = messages::outcome(outcome, wall, &self.seen.of(run));
                self.clear_run(run);
                if retry_in.is_none() {
                    self.end_run(run);
                }
                if !self.seen.is_repeated(outcome) {
                    self.print_of(run, &messages::retry(&line, retry_in))?;
                }
            }
            Event::RunEndedElsewhere { run, outcome } => {
                self.end_run(run);
                self.print_of(run, &messages::ended_elsewhere(outcome))?;
            }
            Event::RunBlocked { run, needs } => {
                self.end_run(run);
                self.print_of(run, &messages::blocked(needs))?;
            }
            Event::SlotRetired { slot, left } => self.print(&messages::retired(slot, left))?,
            Event::DeviceLost { device, left } => self.print(&messages::lost(device, left))?,
            Event::StopRequested { by } => self.print(&messages::stop_requested(by))?,
            Event::SweepFinished { tally, wall } => {
                for line in self.seen.repeated() {
                    self.print(&line)?;
                }
                self.finish_sweep(&messages::summary(&tally, wall))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::script;
    use super::*;
    use resweep_core::domain::SweepTally;

    #[test]
    fn bars_take_every_event_without_a_terminal() {
        for colour in [true, false] {
            let mut bars = Bars::new(ProgressDrawTarget::hidden(), colour);
            script::play(&mut bars);
            assert!(bars.runs.is_empty() && bars.sweep.is_none());
        }
    }

    #[test]
    fn a_sweep_without_runs_draws_nothing_and_does_not_panic() {
        let mut bars = Bars::new(ProgressDrawTarget::hidden(), true);
        let started = Event::SweepStarted {
            pending: &[],
            finished_before: 3,
            slots: &script::SLOTS,
        };
        bars.handle(&started).unwrap();
        assert!(bars.sweep.is_none());
        let finished = Event::SweepFinished {
            tally: SweepTally::default(),
            wall: Duration::ZERO,
        };
        bars.handle(&finished).unwrap();
    }

    #[test]
    fn events_of_runs_that_were_not_announced_do_not_panic() {
        let runs = script::runs();
        let mut bars = Bars::new(ProgressDrawTarget::hidden(), true);
        for event in script::events(&runs).into_iter().skip(1) {
            bars.handle(&event).unwrap();
        }
    }
}
