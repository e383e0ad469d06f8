//! The child: trains one run and reports to its parent.

use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;

use super::super::ending::Ending;
use super::super::prepare::load_data;
use super::message::{Answer, Order};
use crate::output::Stream;
use resweep_core::domain::{Job, RunEvent, TrainError, Trainer};
use resweep_core::schedule;
use resweep_train::NetworkTrainer;

/// Trains the run that standard input orders.
///
/// # Errors
/// When there is no order: the command is not for people.
pub fn execute() -> anyhow::Result<Ending> {
    tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Stream::Err)
        .log_internal_errors(false)
        .init();
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)
        .context("`resweep train-run` is what `resweep run --isolate` starts by itself")?;
    let stop = listen();
    // The name by which a panic's message is kept.
    let worker = schedule::worker_name(order.slot.worker);
    let training = thread::Builder::new().name(worker);
    let training = training.spawn(move || train(&order, &stop))?;
    Ok(match training.join() {
        Ok(()) => Ending::Done,
        Err(_) => Ending::Environment,
    })
}

/// Hears the parent: a line asks to stop, the end means that it has died.
fn listen() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
            asked.store(true, Ordering::Relaxed);
        }
        std::process::exit(Ending::Stopped as i32);
    });
    stop
}

fn train(order: &Order, stop: &AtomicBool) {
    let mut report = |event: RunEvent| {
        let heard = answer(&Answer::Event(event));
        if heard.is_err() || stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let job = Job {
        run: &order.run,
        slot: order.slot,
        grant: &order.grant,
    };
    let trained = schedule::caught(|| trainer(order)?.train(&job, &mut report));
    // A parent that does not listen has died.
    let _ = answer(&match trained {
        Ok(outcome) => Answer::Ended(outcome),
        Err(error) => Answer::Failed(error),
    });
}

fn trainer(order: &Order) -> Result<NetworkTrainer, TrainError> {
    let setting = &order.setting;
    let lasting = |error: &dyn std::fmt::Display| TrainError::lasting(error.to_string());
    let configuration = std::iter::once(&order.run.config.configuration);
    let datasets = load_data(configuration, &setting.results)
        .map_err(|error| lasting(&format!("{error:#}")))?;
    Ok(NetworkTrainer::new(datasets, setting.checkpoint_every))
}

fn answer(answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    Stream::Out.write_all(line.as_bytes())?;
    Stream::Out.flush()
}
