//! `resweep run`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::attempt_log::Logged;
use super::ending::Ending;
use super::images;
use super::isolate::{self, ChildTrainer};
use super::outlook::{Outlook, again, devices};
use super::prepare::{Prepared, load_data, to_plan, to_read, to_train};
use super::provenance::provenance;
use super::results::database;
use super::source::recorded_text;
use super::stopping::Stopping;
use super::{plan, plot, report as live_report};
use crate::cli::RunArgs;
use crate::progress::{self, Mode, counted};
use plot::Drawn;
use resweep_core::domain::{DeviceKind, RunId, SweepTally, Trainer};
use resweep_core::plan::{Again, Standing};
use resweep_core::schedule::{self, Batch, Limits};
use resweep_store::{Migrated, Participation, Recorder, RunRecord, Store, SweepRecord};
use resweep_train::NetworkTrainer;

/// Trains what is not finished, records it, draws the figure.
pub fn execute(args: &RunArgs) -> anyhow::Result<Ending> {
    let results = &args.results.results;
    let devices = devices(&args.workers)?;
    if args.dry_run {
        let prepared = to_plan(&args.sweep, results)?;
        prepared.print_notes();
        plan::show(&prepared, results, &args.workers, &devices, false)?;
        return Ok(Ending::Done);
    }
    let mut prepared = to_train(&args.sweep, results)?;
    prepared.print_notes();
    let images = images::of(&prepared);
    images::warn(&images);
    if args.progress != Mode::None {
        for line in images::lines(&images) {
            errln!("{line}");
        }
    }
    let mut stopping = None;
    let mut round = train(args, &devices, &prepared, &mut stopping)?;
    while goes_on(round.ending, args) && needs_more(&mut prepared, results)? {
        round = train(&for_next_round(args), &devices, &prepared, &mut stopping)?;
    }
    let Round { ending, report } = round;
    if ending == Ending::Stopped {
        return Ok(ending);
    }
    let drawn = match started_otherwise(&prepared, results)? {
        Some(other) => plot::draw(&other, results),
        None => plot::draw(&prepared, results),
    };
    announce(args.progress, results, drawn, report)?;
    Ok(ending)
}

/// The sweep as another process has started it meanwhile from another text; `None` where it is
/// recorded as this process has it. The figures of a sweep are those of its record.
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
        "note: sweep `{name}` was started with another sweep file meanwhile; its figures are drawn by \
         that one"
    );
    to_read(recorded, results, true).map(Some)
}

/// What came of training the runs that were known to be needed.
struct Round {
    ending: Ending,
    /// The report, where one was written.
    report: Option<PathBuf>,
}

/// Whether there may be another round: nobody has asked to stop, and no failures were too many.
fn goes_on(ending: Ending, args: &RunArgs) -> bool {
    match ending {
        Ending::RunsFailed => args.max_fails.is_none(),
        ending => ending == Ending::Done,
    }
}

/// The same, for the runs that the results of a round call for: what was asked to be trained again
/// has been.
fn for_next_round(args: &RunArgs) -> RunArgs {
    let mut next = args.clone();
    next.workers.fresh = false;
    next.workers.retry_failed = false;
    next
}

/// Whether the results call for runs that the sweep did not have before; it has them now.
fn needs_more(prepared: &mut Prepared, results: &Path) -> anyhow::Result<bool> {
    let before: HashSet<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    prepared.select(results)?;
    Ok(prepared.runs.iter().any(|run| !before.contains(&run.id)))
}

/// Trains the runs that are not finished. The first round starts to listen for signals.
fn train(
    args: &RunArgs,
    devices: &[DeviceKind],
    prepared: &Prepared,
    stopping: &mut Option<Stopping>,
) -> anyhow::Result<Round> {
    let results = &args.results.results;
    let mut recorder = open_recorder(args, devices, prepared, results)?;
    let store = Store::open_read_only(&database(results))?;
    let outlook = Outlook::new(prepared, &store, &args.workers, devices)?;
    if let Some(warning) = outlook.memory_warning() {
        errln!("warning: {warning}");
    }
    let trainer = trainer(args, &outlook, results)?;
    let batch = Batch {
        runs: outlook.pending.as_slice().into(),
        finished_before: prepared.runs.len()
            - outlook.pending.len()
            - left_alone(&outlook, args)
            - blocked(&outlook),
        workforce: outlook.workforce.clone(),
        limits: Limits {
            max_fails: args.max_fails.map(|max| max as usize),
            max_attempts: prepared.sweep.max_attempts,
        },
    };
    let stopping = match stopping {
        Some(stopping) => stopping,
        None => stopping.insert(Stopping::listen()),
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
    let ending = match stopping.reason() {
        Some(reason) => {
            errln!("stopped by {reason}; run the same command to resume");
            Ending::Stopped
        }
        None => ending(&outlook, left_alone(&outlook, args), tally),
    };
    Ok(Round { ending, report })
}

/// Runs that failed before and are not to be tried again.
fn left_alone(outlook: &Outlook, args: &RunArgs) -> usize {
    match again(&args.workers) {
        Again::Nothing => outlook.diff.failed(),
        Again::Failed | Again::Everything => 0,
    }
}

/// Runs that cannot train, because those that they grow from diverged or failed before.
fn blocked(outlook: &Outlook) -> usize {
    outlook.diff.count(Standing::Blocked)
}

fn trainer(args: &RunArgs, outlook: &Outlook, results: &Path) -> anyhow::Result<Arc<dyn Trainer>> {
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint_every);
    if args.isolate {
        let trainer = ChildTrainer::new(isolate::Setting {
            results: results.to_owned(),
            checkpoint_every,
        });
        return Ok(Arc::new(Logged::new(trainer, results, args.log_level)));
    }
    let pending = outlook.pending.iter();
    let datasets = load_data(pending.map(|run| &run.config.configuration), results)?;
    let trainer = NetworkTrainer::new(datasets, checkpoint_every);
    Ok(Arc::new(Logged::new(trainer, results, args.log_level)))
}

fn open_recorder(
    args: &RunArgs,
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
    let participation = Participation {
        fresh: args.workers.fresh,
        lease: Duration::from_secs_f64(args.lease),
    };
    recorder.begin_sweep(&record, provenance(devices), participation)?;
    recorder.record_images(&images::for_record(prepared))?;
    Ok(recorder)
}

fn announce_migration(migrated: &Migrated, results: &Path) {
    errln!(
        "{} was brought from schema {} to {}; a copy of the database before is in {}",
        database(results).display(),
        migrated.from,
        migrated.to,
        migrated.copy.display()
    );
}

/// Says where the results are; on standard output, unless that is for JSON lines.
fn announce(
    mode: Mode,
    results: &Path,
    drawn: anyhow::Result<Drawn>,
    report: Option<PathBuf>,
) -> anyhow::Result<()> {
    let mut lines = vec![format!("metrics in {}", database(results).display())];
    // a sweep whose every run failed has nothing to draw, and the failures have been told
    lines.extend(match drawn {
        Ok(drawn) => {
            if let Some(warning) = drawn.warning() {
                errln!("{warning}");
            }
            drawn.lines()
        }
        Err(error) if error.is::<resweep_figures::RenderError>() => {
            vec![format!("no figure: {error:#}")]
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

fn ending(outlook: &Outlook, left_alone: usize, tally: SweepTally) -> Ending {
    let blocked = blocked(outlook);
    if blocked > 0 {
        errln!(
            "{} cannot start: what they grow from diverged or failed before (`resweep plan` names \
             it)",
            counted(blocked, "run")
        );
    }
    if left_alone > 0 {
        errln!(
            "{} failed before and were left alone; `--retry-failed` trains them again",
            counted(left_alone, "run")
        );
    }
    if left_alone + blocked + tally.blocked + tally.failed + tally.stopped + tally.skipped > 0 {
        Ending::RunsFailed
    } else {
        Ending::Done
    }
}
