//! Implements `resweep run`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::attempt_log::Logged;
use super::cluster;
use super::exit_code::ExitCode;
use super::forecast::{Forecast, devices, retry_policy};
use super::images;
use super::isolate::{self, ChildTrainer};
use super::prepare::{Prepared, load_data, to_plan, to_read, to_train};
use super::provenance::provenance;
use super::results::{self, database};
use super::source::recorded_text;
use super::stopping::Stopping;
use super::table::grouped;
use super::{plan, plot, report as live_report};
use crate::cli::RunArgs;
use crate::format::counted;
use crate::progress::{self, Mode, Waiting};
use plot::Drawn;
use resweep_core::domain::{
    Configuration, DeviceKind, RunId, SweepTally, Trainer, Validation, with_causes,
};
use resweep_core::plan::{RetryPolicy, RunState};
use resweep_core::schedule::{self, Limits, RunBatch};
use resweep_store::{Migrated, Participation, Recorder, RunRecord, Store, SweepRecord};
use resweep_train::NetworkTrainer;

/// Trains the unfinished runs, records them, and draws the figures.
pub fn execute(args: &RunArgs) -> anyhow::Result<ExitCode> {
    if let Some(site) = &args.on {
        return cluster::run(args, site);
    }
    let results = &args.results.results;
    let devices = devices(&args.workers)?;
    if args.dry_run {
        let prepared = to_plan(&args.sweep, results, args.workers.fresh)?;
        prepared.print_notes();
        plan::show(&prepared, results, &args.workers, &devices, false)?;
        return Ok(ExitCode::Success);
    }
    if args.workers.resume {
        errln!("note: --resume is the default; --fresh trains finished runs again");
    }
    let fresh = args.workers.fresh;
    let mut prepared = to_train(&args.sweep, results, args.progress, fresh)?;
    prepared.print_notes();
    if prepared.source.is_made {
        announce_file(&prepared);
    }
    let images = images::of(&prepared);
    images::warn(&images);
    if args.progress != Mode::None {
        for line in images::lines(&images) {
            errln!("{line}");
        }
    }
    let mut stopping = None;
    let mut round = train(args, &devices, &prepared, &mut stopping)?;
    while may_continue(round.exit_code, args) && add_required_runs(&mut prepared, results, fresh)? {
        round = train(&for_next_round(args), &devices, &prepared, &mut stopping)?;
    }
    let Round { exit_code, report } = round;
    if exit_code == ExitCode::Stopped {
        return Ok(exit_code);
    }
    let drawn = match started_otherwise(&prepared, results)? {
        Some(other) => plot::draw(&other, results),
        None => plot::draw(&prepared, results),
    };
    announce(args.progress, results, drawn, report)?;
    Ok(exit_code)
}

/// Prints the equivalent sweep file.
fn announce_file(prepared: &Prepared) {
    let name = &prepared.sweep.name;
    errln!("note: this sweep file does the same; save it as {name}.toml to change it:\n");
    errln!("{}", prepared.source.text.as_str());
}

/// The recorded sweep if another process has started it with another text meanwhile; `None`
/// otherwise. Figures are those of the record.
fn started_otherwise(prepared: &Prepared, results: &Path) -> anyhow::Result<Option<Prepared>> {
    let database = database(results);
    let store = Store::open_read_only(&database)?;
    let name = &prepared.sweep.name;
    let Some(recorded) = recorded_text(name, &store, &database)? else {
        return Ok(None);
    };
    let own = &prepared.source;
    if recorded.text.as_str() == own.text.as_str() && recorded.overrides == own.overrides {
        return Ok(None);
    }
    errln!(
        "note: sweep `{name}` was started with another sweep file meanwhile; its figures follow \
         that one"
    );
    to_read(recorded, results, true).map(Some)
}

/// The result of training the runs that were required so far.
struct Round {
    exit_code: ExitCode,
    /// The path of the report, if one was written.
    report: Option<PathBuf>,
}

impl Round {
    /// A round that a signal ended; says so.
    fn stopped(stopping: &Stopping) -> Self {
        let reason = stopping.reason().unwrap_or_default();
        errln!("stopped by {reason}; run the same command to resume");
        Self {
            exit_code: ExitCode::Stopped,
            report: None,
        }
    }
}

/// Whether another round may follow: no stop was requested, and the limit of failures is not
/// reached.
fn may_continue(exit_code: ExitCode, args: &RunArgs) -> bool {
    match exit_code {
        ExitCode::RunsFailed => args.max_fails.is_none(),
        exit_code => exit_code == ExitCode::Success,
    }
}

/// The arguments for the next round: `--fresh` and `--retry-failed` apply to the first round only.
fn for_next_round(args: &RunArgs) -> RunArgs {
    let mut next = args.clone();
    next.workers.fresh = false;
    next.workers.retry_failed = false;
    next
}

/// Adds the runs that the results require, and returns whether there are any.
pub(super) fn add_required_runs(
    prepared: &mut Prepared,
    results: &Path,
    fresh: bool,
) -> anyhow::Result<bool> {
    let before: HashSet<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    prepared.select(&results::store(results, fresh)?)?;
    Ok(prepared.runs.iter().any(|run| !before.contains(&run.id)))
}

/// Trains the unfinished runs. The first round installs the signal handlers, before the database is
/// opened: a process that ends at once would leave its log behind.
fn train(
    args: &RunArgs,
    devices: &[DeviceKind],
    prepared: &Prepared,
    stopping: &mut Option<Stopping>,
) -> anyhow::Result<Round> {
    let results = &args.results.results;
    let stopping = stopping.get_or_insert_with(Stopping::listen);
    let participation = Participation {
        fresh: args.workers.fresh,
        lease: Duration::from_secs_f64(args.lease),
    };
    let mut recorder = open_recorder(participation, devices, prepared, results)?;
    let store = results::store(results, args.workers.fresh)?;
    let forecast = Forecast::new(prepared, &store, &args.workers, devices)?;
    if let Some(warning) = forecast.memory_warning() {
        errln!("warning: {warning}");
    }
    let Some(trainer) = trainer(args, &forecast, prepared, stopping)? else {
        return Ok(Round::stopped(stopping));
    };
    let batch = RunBatch {
        runs: forecast.pending.as_slice().into(),
        finished_before: prepared.runs.len()
            - forecast.pending.len()
            - skipped_failures(&forecast, args)
            - blocked(&forecast)
            - forecast.elsewhere.len(),
        worker_pool: forecast.worker_pool.clone(),
        limits: Limits {
            max_fails: args.max_fails.map(|max| max as usize),
            max_attempts: prepared.sweep.max_attempts,
        },
        grace: RunBatch::GRACE,
    };
    let (tally, report) = live_report::during(args.report, prepared, results, || {
        schedule::run(
            &batch,
            &trainer,
            &mut recorder,
            &mut [progress::sink(args.progress)],
            &stopping.asked,
        )
    });
    let tally = tally?;
    drop(recorder);
    if stopping.reason().is_some() {
        return Ok(Round::stopped(stopping));
    }
    let exit_code = exit_code(&forecast, skipped_failures(&forecast, args), tally);
    Ok(Round { exit_code, report })
}

/// The number of failed runs that are not retried.
fn skipped_failures(forecast: &Forecast, args: &RunArgs) -> usize {
    match retry_policy(&args.workers) {
        RetryPolicy::Never => forecast.diff.failed(),
        RetryPolicy::Failed | RetryPolicy::All => 0,
    }
}

/// The number of runs whose parent diverged or failed before.
fn blocked(forecast: &Forecast) -> usize {
    forecast.diff.count(RunState::Blocked)
}

/// The trainer with its images; `None` if a signal came before they were loaded.
fn trainer(
    args: &RunArgs,
    forecast: &Forecast,
    prepared: &Prepared,
    stopping: &Stopping,
) -> anyhow::Result<Option<Arc<dyn Trainer>>> {
    let results = args.results.results.as_path();
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint_every);
    if args.isolate {
        let trainer = ChildTrainer::new(isolate::Setting {
            results: results.to_owned(),
            checkpoint_every,
        });
        return Ok(Some(Arc::new(Logged::new(
            trainer,
            results,
            args.log_level,
        ))));
    }
    let pending = forecast.pending.iter();
    let pending: Vec<Configuration> = pending
        .map(|run| run.config.configuration.clone())
        .collect();
    let loaded = {
        let _waiting = Waiting::show(
            args.progress,
            &format!("loading {}", images_to_load(prepared)),
        );
        let results = results.to_owned();
        let loaded = stopping.unless_asked(move || load_data(pending.iter(), &results));
        loaded.context("cannot start a thread to load the images")?
    };
    let Some(datasets) = loaded else {
        return Ok(None);
    };
    let trainer = NetworkTrainer::new(datasets?, checkpoint_every);
    let trainer = Logged::new(trainer, results, args.log_level);
    Ok(Some(Arc::new(trainer)))
}

/// `12,000 images`, or `the images` if their number is unknown.
fn images_to_load(prepared: &Prepared) -> String {
    let mut seen = HashSet::new();
    let known = prepared
        .images
        .iter()
        .filter_map(|images| images.seen.as_ref());
    let new = known.filter(|facts| seen.insert(&facts.fingerprint));
    let counts = new.filter_map(|facts| facts.counts(Validation::None));
    match counts
        .map(|counts| counts.train.images + counts.eval.images)
        .sum()
    {
        0 => "the images".to_owned(),
        images => format!("{} images", grouped(images)),
    }
}

/// Opens the record and begins the sweep in it.
pub(super) fn open_recorder(
    participation: Participation,
    devices: &[DeviceKind],
    prepared: &Prepared,
    results: &Path,
) -> anyhow::Result<Recorder> {
    let mut recorder = Recorder::open(&database(results))?;
    if let Some(migrated) = recorder.migrated() {
        announce_migration(migrated, results);
    }
    let runs: Vec<RunRecord> = prepared
        .runs
        .iter()
        .map(|run| RunRecord {
            run,
            data_fingerprint: &prepared.images[run.configuration].fingerprint,
        })
        .collect();
    let record = SweepRecord {
        sweep: &prepared.sweep,
        spec_toml: prepared.source.text.as_str(),
        overrides: &prepared.source.overrides,
        runs: &runs,
        later: prepared.possible(),
    };
    recorder.begin_sweep(&record, provenance(devices), participation)?;
    recorder.record_images(&images::for_record(prepared))?;
    Ok(recorder)
}

fn announce_migration(migrated: &Migrated, results: &Path) {
    errln!(
        "{} was migrated from schema {} to {}; a copy of the old database is in {}",
        database(results).display(),
        migrated.from,
        migrated.to,
        migrated.copy.display()
    );
}

/// Prints the paths of the results; on standard error if standard output is for JSON lines.
pub(super) fn announce(
    mode: Mode,
    results: &Path,
    drawn: anyhow::Result<Drawn>,
    report: Option<PathBuf>,
) -> anyhow::Result<()> {
    let mut lines = vec![format!("metrics in {}", database(results).display())];
    // if every run failed there is nothing to draw, and the failures have been printed
    lines.extend(match drawn {
        Ok(drawn) => {
            if let Some(warning) = drawn.warning() {
                errln!("{warning}");
            }
            drawn.lines()
        }
        Err(error) if error.is::<resweep_figures::RenderError>() => {
            vec![format!("no figure: {}", with_causes(error.as_ref()))]
        }
        Err(error) => return Err(error),
    });
    lines.extend(report.map(|path| format!("wrote {}", path.display())));
    for line in lines {
        if mode == Mode::Json {
            errln!("{line}");
        } else {
            outln!("{line}");
        }
    }
    Ok(())
}

fn exit_code(forecast: &Forecast, skipped_failures: usize, tally: SweepTally) -> ExitCode {
    let blocked = blocked(forecast);
    if let Some(note) = forecast.cluster_note() {
        errln!("{note}");
    }
    if blocked > 0 {
        errln!(
            "{} cannot start: the parent run diverged or failed before (`resweep plan` names \
             it)",
            counted(blocked, "run")
        );
    }
    if skipped_failures > 0 {
        errln!(
            "{} failed before and were skipped; `--retry-failed` trains them again",
            counted(skipped_failures, "run")
        );
    }
    let left_over = skipped_failures + blocked + forecast.elsewhere.len();
    if left_over + tally.blocked + tally.failed + tally.stopped + tally.skipped > 0 {
        ExitCode::RunsFailed
    } else {
        ExitCode::Success
    }
}
