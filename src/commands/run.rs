//! `resweep run`.

use std::path::Path;

use anyhow::Context;

use super::ending::Ending;
use super::estimates::speeds;
use super::plan;
use super::plot;
use super::prepare::{Prepared, database, prepare};
use super::provenance::provenance;
use super::workforce::workforce;
use crate::cli::RunArgs;
use crate::domain::{Run, SweepTally};
use crate::plan::Diff;
use crate::record::{Recorder, RunRecord, Store, SweepRecord};
use crate::report::{self, Mode};
use crate::schedule::{self, longest_first};
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
    let diff = plan::compare(&prepared, &store)?;
    let mut pending: Vec<Run> = diff
        .pending(&prepared.runs, args.workers.retry_failed)
        .into_iter()
        .cloned()
        .collect();
    let workforce = workforce(&args.workers, pending.len());
    let speeds = speeds(&store, args.workers.device, workforce.threads_per_run)?;
    longest_first(&mut pending, |run| speeds.estimate(run));

    let Prepared {
        sweep,
        runs,
        datasets,
    } = prepared;
    let tally = schedule::run(
        &pending,
        diff.done(),
        workforce,
        args.max_fails.map(|max| max as usize),
        &NetworkTrainer::new(datasets, args.workers.device),
        &mut recorder,
        &mut [report::sink(args.progress)],
    )?;
    drop(recorder);
    let written = plot::draw(&sweep, &runs, results);
    announce(args.progress, results, written)?;
    Ok(ending(&diff, tally, args.workers.retry_failed))
}

fn open_recorder(args: &RunArgs, prepared: &Prepared, results: &Path) -> anyhow::Result<Recorder> {
    let mut recorder = Recorder::open(&database(results))?;
    let spec_toml = std::fs::read_to_string(&args.sweep.sweep)
        .with_context(|| format!("cannot read {} again", args.sweep.sweep.display()))?;
    let fingerprint = |run: &Run| {
        let data = prepared.datasets.get(&run.config.configuration);
        data.map_or("", |data| data.fingerprint.as_str())
    };
    let runs: Vec<RunRecord> = prepared
        .runs
        .iter()
        .map(|run| RunRecord {
            run,
            data_fingerprint: fingerprint(run),
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
            "{failed_before} run(s) failed before and were left alone; `--retry-failed` trains them again"
        );
    }
    if failed_before + tally.failed + tally.stopped + tally.skipped > 0 {
        Ending::RunsFailed
    } else {
        Ending::Done
    }
}
