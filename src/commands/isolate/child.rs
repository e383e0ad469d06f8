//! The child process: trains one run and reports to its parent.

use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;

use super::super::exit_code::ExitCode;
use super::super::prepare::load_data;
use super::message::{Answer, Order};
use crate::output::Stream;
use resweep_core::domain::{Job, RunEvent, TrainError, Trainer, with_causes};
use resweep_core::schedule;
use resweep_train::NetworkTrainer;

/// Trains the run that standard input requests.
///
/// # Errors
/// Without a request: users do not call this command.
pub fn execute() -> anyhow::Result<ExitCode> {
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
        .context("`resweep train-run` is internal; use `resweep run --isolate`")?;
    let stop = listen();
    // The key under which a panic's message is stored.
    let worker = schedule::worker_name(order.slot.worker);
    let training = thread::Builder::new().name(worker);
    let training = training.spawn(move || train(&order, &stop))?;
    Ok(match training.join() {
        Ok(()) => ExitCode::Success,
        Err(_) => ExitCode::Failure,
    })
}

/// Reads from the parent: a line requests a stop, the end of input means that the parent has died.
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
        ExitCode::Stopped.exit_now();
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
        lease: &order.lease,
    };
    let trained = schedule::caught(|| trainer(order)?.train(&job, &mut report));
    // A parent that has closed the pipe has died.
    let _ = answer(&match trained {
        Ok(outcome) => Answer::Ended(outcome),
        Err(error) => Answer::Failed(error),
    });
}

fn trainer(order: &Order) -> Result<NetworkTrainer, TrainError> {
    let setting = &order.setting;
    let permanent = |error: &dyn std::fmt::Display| TrainError::permanent(error.to_string());
    let configuration = std::iter::once(&order.run.config.configuration);
    let datasets = load_data(configuration, &setting.results)
        .map_err(|error| permanent(&with_causes(error.as_ref())))?;
    Ok(NetworkTrainer::new(datasets, setting.checkpoint_every))
}

fn answer(answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    Stream::Out.write_all(line.as_bytes())?;
    Stream::Out.flush()
}
