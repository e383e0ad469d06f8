//! `resweep run`.

use std::path::Path;

use anyhow::Context;

use super::ending::Ending;
use super::outlook::Outlook;
use super::prepare::{Prepared, database, load_data, prepare};
use super::provenance::provenance;
use super::{plan, plot};
use crate::cli::RunArgs;
use crate::domain::SweepTally;
use crate::plan::Diff;
use crate::record::{Recorder, RunRecord, Store, SweepRecord};
use crate::report::{self, Mode, counted};
use crate::schedule;
use crate::train::NetworkTrainer;

/// Trains what is not finished, records it, draws the figure.
pub fn execute(args: &RunArgs) -> anyhow::Result<Ending> {
    let results = &args.results.results;
    args.workers.device.check()?;
    let prepared = prepare(&args.sweep, results)?;
    if args.dry_run {
        plan::show(&prepared, results, &args.workers, false)?;
        return Ok(Ending::Done);
    }
    let mut recorder = open_recorder(args, &prepared, results)?;
    let store = Store::open_read_only(&database(results))?;
    let outlook = Outlook::new(&prepared, &store, &args.workers)?;
    let pending = outlook.pending.iter();
    let datasets = load_data(pending.map(|run| &run.config.configuration), results)?;
    let tally = schedule::run(
        &outlook.pending,
        outlook.diff.done(),
        outlook.workforce,
        args.max_fails.map(|max| max as usize),
        &NetworkTrainer::new(datasets, args.workers.device),
        &mut recorder,
        &mut [report::sink(args.progress)],
    )?;
    drop(recorder);
    let written = plot::draw(&prepared.sweep, &prepared.runs, results);
    announce(args.progress, results, written)?;
    Ok(ending(&outlook.diff, tally, args.workers.retry_failed))
}

fn open_recorder(args: &RunArgs, prepared: &Prepared, results: &Path) -> anyhow::Result<Recorder> {
    let mut recorder = Recorder::open(&database(results))?;
    let spec_toml = std::fs::read_to_string(&args.sweep.sweep)
        .with_context(|| format!("cannot read {} again", args.sweep.sweep.display()))?;
    let runs: Vec<RunRecord> = prepared
        .runs
        .iter()
        .map(|run| RunRecord {
            run,
            data_fingerprint: &prepared.facts[run.configuration].fingerprint,
        })
        .collect();
    let record = SweepRecord {
        sweep: &prepared.sweep,
        spec_toml: &spec_toml,
        overrides: &args.sweep.overrides,
        runs: &runs,
    };
    recorder.begin_sweep(&record, provenance(args.workers.device))?;
    Ok(recorder)
}

/// Says where the results are; on standard output, unless that is for JSON lines.
fn announce(
    mode: Mode,
    results: &Path,
    written: anyhow::Result<Vec<std::path::PathBuf>>,
) -> anyhow::Result<()> {
    let mut lines = vec![format!("metrics in {}", database(results).display())];
    // a sweep whose every run failed has nothing to draw, and the failures have been told
    lines.extend(match written {
        Ok(paths) => paths
            .iter()
            .map(|path| format!("wrote {}", path.display()))
            .collect(),
        Err(error) if error.is::<crate::render::RenderError>() => {
            vec![format!("no figure: {error:#}")]
        }
        Err(error) => return Err(error),
    });
    for line in lines {
        if mode == Mode::Json {
            anstream::eprintln!("{line}");
        } else {
            anstream::println!("{line}");
        }
    }
    Ok(())
}

fn ending(diff: &Diff, tally: SweepTally, retry_failed: bool) -> Ending {
    let failed_before = if retry_failed { 0 } else { diff.failed() };
    if failed_before > 0 {
        anstream::eprintln!(
            "{} failed before and were left alone; `--retry-failed` trains them again",
            counted(failed_before, "run")
        );
    }
    if failed_before + tally.failed + tally.stopped + tally.skipped > 0 {
        Ending::RunsFailed
    } else {
        Ending::Done
    }
}
