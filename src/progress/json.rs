//! Writes JSON lines for scripts: one object per event, with stable names.
//!
//! `docs/progress-json.md` documents every field. Fields may be added but not renamed.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::output::escaped_json;
use resweep_core::domain::{
    EvalSet, Event, EventSink, LayerStat, Outcome, Run, RunEvent, SinkError, SweepTally,
};

/// Writes one JSON object per event and line.
#[derive(Debug)]
pub struct JsonLines<W> {
    output: W,
}

impl<W: Write> JsonLines<W> {
    pub fn new(output: W) -> JsonLines<W> {
        JsonLines { output }
    }
}

impl<W: Write> EventSink for JsonLines<W> {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let failed = |error: &dyn std::fmt::Display| {
            SinkError(format!("cannot write progress as JSON: {error}"))
        };
        let text = serde_json::to_string(&line(event)).map_err(|error| failed(&error))?;
        let mut text = escaped_json(&text);
        text.push('\n');
        self.output
            .write_all(text.as_bytes())
            .and_then(|()| self.output.flush())
            .map_err(|error| failed(&error))
    }
}

/// The serialised form of an event.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    SweepStarted {
        runs: Vec<Pending<'a>>,
        finished_before: usize,
        workers: usize,
        threads_per_run: usize,
    },
    RunStarted {
        #[serde(flatten)]
        run: Named<'a>,
        worker: usize,
        device: String,
        threads: usize,
    },
    Began {
        #[serde(flatten)]
        run: Named<'a>,
        iteration: u64,
    },
    Checkpointed {
        #[serde(flatten)]
        run: Named<'a>,
        iteration: u64,
        bytes: u64,
    },
    Progress {
        #[serde(flatten)]
        run: Named<'a>,
        iteration: u64,
        train_error_percent: Option<f64>,
    },
    Trained {
        #[serde(flatten)]
        run: Named<'a>,
        iteration: u64,
        train_error_percent: f64,
        loss_nats: f64,
        lr: f64,
    },
    Evaluated {
        #[serde(flatten)]
        run: Named<'a>,
        iteration: u64,
        set: EvalSet,
        error_percent: f64,
        loss_nats: f64,
    },
    CurveRestored {
        #[serde(flatten)]
        run: Named<'a>,
        points: usize,
    },
    LayersMeasured {
        #[serde(flatten)]
        run: Named<'a>,
        layers: &'a [LayerStat],
    },
    RunFinished {
        #[serde(flatten)]
        run: Named<'a>,
        #[serde(flatten)]
        outcome: &'a Outcome,
        wall_ms: u64,
        /// Only if the run is retried.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
    },
    RunEndedElsewhere {
        #[serde(flatten)]
        run: Named<'a>,
        #[serde(flatten)]
        outcome: &'a Outcome,
    },
    RunBlocked {
        #[serde(flatten)]
        run: Named<'a>,
        needs: Named<'a>,
    },
    SlotRetired {
        worker: usize,
        device: String,
        workers_left_on_device: usize,
    },
    DeviceLost {
        device: String,
        workers_left: usize,
    },
    StopRequested {
        by: &'a str,
    },
    SweepFinished {
        #[serde(flatten)]
        tally: SweepTally,
        wall_ms: u64,
    },
}

/// The run of an event.
#[derive(Debug, Serialize)]
struct Named<'a> {
    run_id: &'a str,
    label: &'a str,
}

/// A run that will train.
#[derive(Debug, Serialize)]
struct Pending<'a> {
    #[serde(flatten)]
    run: Named<'a>,
    iterations: u64,
    parameters: u64,
    training_flops: u64,
}

fn line<'a>(event: &'a Event<'a>) -> Line<'a> {
    match *event {
        Event::SweepStarted {
            pending: runs,
            finished_before,
            slots,
        } => Line::SweepStarted {
            runs: runs.iter().map(pending).collect(),
            finished_before,
            workers: slots.len(),
            threads_per_run: slots.first().map_or(1, |slot| slot.threads),
        },
        Event::RunStarted { run, slot } => Line::RunStarted {
            run: named(run),
            worker: slot.worker,
            device: slot.device.to_string(),
            threads: slot.threads,
        },
        Event::Run { run, ref event } => measured(run, event),
        Event::RunFinished {
            run,
            outcome,
            wall,
            retry_in,
        } => Line::RunFinished {
            run: named(run),
            outcome,
            wall_ms: whole_ms(wall),
            retry_in_ms: retry_in.map(whole_ms),
        },
        Event::RunEndedElsewhere { run, outcome } => Line::RunEndedElsewhere {
            run: named(run),
            outcome,
        },
        Event::RunBlocked { run, needs } => Line::RunBlocked {
            run: named(run),
            needs: named(needs),
        },
        Event::SlotRetired { slot, left } => Line::SlotRetired {
            worker: slot.worker,
            device: slot.device.to_string(),
            workers_left_on_device: left,
        },
        Event::DeviceLost { device, left } => Line::DeviceLost {
            device: device.to_string(),
            workers_left: left,
        },
        Event::StopRequested { by } => Line::StopRequested { by },
        Event::SweepFinished { tally, wall } => Line::SweepFinished {
            tally,
            wall_ms: whole_ms(wall),
        },
    }
}

fn measured<'a>(run: &'a Run, event: &'a RunEvent) -> Line<'a> {
    let run = named(run);
    match *event {
        RunEvent::Began(start_point) => Line::Began {
            run,
            iteration: start_point.iteration,
        },
        RunEvent::Checkpointed(saved) => Line::Checkpointed {
            run,
            iteration: saved.iteration,
            bytes: saved.bytes,
        },
        RunEvent::Progress {
            iteration,
            train_error_percent,
        } => Line::Progress {
            run,
            iteration,
            train_error_percent,
        },
        RunEvent::Trained(point) => Line::Trained {
            run,
            iteration: point.iteration,
            train_error_percent: point.error_percent,
            loss_nats: point.loss,
            lr: point.lr,
        },
        RunEvent::Evaluated(point) => Line::Evaluated {
            run,
            iteration: point.iteration,
            set: point.set,
            error_percent: point.error_percent,
            loss_nats: point.loss,
        },
        RunEvent::CurveRestored(ref points) => Line::CurveRestored {
            run,
            points: points.len(),
        },
        RunEvent::LayersMeasured(ref layers) => Line::LayersMeasured { run, layers },
    }
}

fn named(run: &Run) -> Named<'_> {
    Named {
        run_id: &run.id.0,
        label: &run.label,
    }
}

fn pending(run: &Run) -> Pending<'_> {
    Pending {
        run: named(run),
        iterations: run.config.configuration.train.iterations,
        parameters: run.cost.parameters,
        training_flops: run.cost.training_flops,
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    #[test]
    fn every_event_of_a_sweep_is_one_json_object() {
        let mut json = JsonLines::new(Vec::new());
        script::play(&mut json);
        let text = String::from_utf8(json.output).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"event":"sweep-started","runs":[{"run_id":"run-1","label":"plain-56 seed 1","iterations":64000,"parameters":853018,"training_flops":3072000000000000},{"run_id":"run-2","label":"ResNet-56 seed 1","iterations":64000,"parameters":853018,"training_flops":3072000000000000},{"run_id":"run-3","label":"plain-20 lr=10","iterations":64000,"parameters":853018,"training_flops":3072000000000000},{"run_id":"run-4","label":"ResNet-20","iterations":64000,"parameters":853018,"training_flops":3072000000000000}],"finished_before":3,"workers":2,"threads_per_run":1}
        {"event":"run-started","run_id":"run-1","label":"plain-56 seed 1","worker":0,"device":"cpu","threads":1}
        {"event":"began","run_id":"run-1","label":"plain-56 seed 1","iteration":3000}
        {"event":"progress","run_id":"run-1","label":"plain-56 seed 1","iteration":3990,"train_error_percent":12.4}
        {"event":"trained","run_id":"run-1","label":"plain-56 seed 1","iteration":4000,"train_error_percent":12.308,"loss_nats":0.3512,"lr":0.1}
        {"event":"evaluated","run_id":"run-1","label":"plain-56 seed 1","iteration":4000,"set":"test","error_percent":14.02,"loss_nats":0.4403}
        {"event":"checkpointed","run_id":"run-1","label":"plain-56 seed 1","iteration":4000,"bytes":6900000}
        {"event":"layers-measured","run_id":"run-1","label":"plain-56 seed 1","layers":[{"layer":1,"name":"conv1","std":1.82}]}
        {"event":"run-finished","run_id":"run-1","label":"plain-56 seed 1","status":"finished","wall_ms":123400}
        {"event":"run-started","run_id":"run-2","label":"ResNet-56 seed 1","worker":1,"device":"cpu","threads":1}
        {"event":"trained","run_id":"run-2","label":"ResNet-56 seed 1","iteration":100,"train_error_percent":90.0,"loss_nats":null,"lr":0.1}
        {"event":"run-finished","run_id":"run-2","label":"ResNet-56 seed 1","status":"stopped","wall_ms":3200}
        {"event":"run-started","run_id":"run-3","label":"plain-20 lr=10","worker":1,"device":"cpu","threads":1}
        {"event":"trained","run_id":"run-3","label":"plain-20 lr=10","iteration":100,"train_error_percent":90.0,"loss_nats":null,"lr":0.1}
        {"event":"run-finished","run_id":"run-3","label":"plain-20 lr=10","status":"diverged","iteration":312,"wall_ms":3200}
        {"event":"run-started","run_id":"run-4","label":"ResNet-20","worker":1,"device":"cpu","threads":1}
        {"event":"trained","run_id":"run-4","label":"ResNet-20","iteration":100,"train_error_percent":90.0,"loss_nats":null,"lr":0.1}
        {"event":"run-finished","run_id":"run-4","label":"ResNet-20","status":"failed","error":"cannot read data/test_batch.bin\nno such file","transient":false,"out_of_memory":false,"wall_ms":3200}
        {"event":"sweep-finished","finished":1,"diverged":1,"failed":1,"stopped":1,"skipped":0,"elsewhere":0,"blocked":0,"wall_ms":7204400}
        "#);
    }
}
