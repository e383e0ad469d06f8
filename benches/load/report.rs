//! Makes all measurements, in turns, and prints the table.

use anyhow::Context;
use serde_json::Value;

use super::machine::{self, median};
use super::measure::{Load, Measurement};
use super::{folder, program, sweep};

/// Commands that are timed in a folder of many finished runs; `FILE` stands for the sweep file.
const LOOKS: [&[&str]; 19] = [
    &["status"],
    &["status", sweep::NAME],
    &["status", sweep::NAME, "--attempts"],
    &["plan", "FILE"],
    &["table", "FILE"],
    &["status", sweep::NAME, "--json"],
    &["list"],
    &["show", sweep::NAME],
    &["diff", sweep::NAME, sweep::NAME],
    &["gc", "--dry-run"],
    &["gc", "--all", "--dry-run"],
    &["doctor"],
    &["export", "FILE", "--format", "csv"],
    &["export", "FILE", "--format", "jsonl"],
    &["export", "FILE", "--format", "tensorboard"],
    &["plot", "FILE"],
    &["report", "FILE"],
    &["verify", sweep::NAME],
    &["run", "FILE", "--progress", "none"],
];

/// A line of the table: one value for each round.
struct Line {
    what: String,
    unit: &'static str,
    decimals: usize,
    wanted: &'static str,
    values: Vec<f64>,
}

/// Measures `rounds` times and prints Markdown.
pub fn print(load: &Load, rounds: usize, quick: bool) -> anyhow::Result<()> {
    let mut lines = lines(load);
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let values = measure_all(load, quick)?;
        for (line, value) in lines.iter_mut().zip(values) {
            line.values.push(value);
        }
    }
    let disk = folder()?;
    println!("### Load\n");
    println!("- CPU: {}; {}", resweep::commands::cpu_name(), cores());
    println!(
        "- disk: {}; an append of 4 KiB that waits for it takes {:.2} ms",
        machine::file_system(disk.path()),
        machine::sync_ms(disk.path())?
    );
    println!("- resweep {}; {rounds} rounds\n", env!("CARGO_PKG_VERSION"));
    println!("| what | median | of each round | wanted |");
    println!("| --- | --: | --- | --- |");
    lines.iter().for_each(print_line);
    println!();
    Ok(())
}

fn cores() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores seen by the system")
}

fn lines(load: &Load) -> Vec<Line> {
    let line = |what: String, unit, decimals, wanted| Line {
        what,
        unit,
        decimals,
        wanted,
        values: Vec::new(),
    };
    let (runs, rows, workers) = (load.runs, load.rows(), load.workers);
    let mut lines = vec![
        line(format!("`resweep plan`, {runs} runs"), "s", 2, "< 1"),
        line("reading and expanding the same file".into(), "s", 2, ""),
        line(
            "from there to the first run, fake trainer".into(),
            "s",
            2,
            "< 2",
        ),
        line("`resweep run`, to the first run's start".into(), "s", 2, ""),
        line(
            format!("runs that end at once, {workers} workers"),
            "runs/s",
            0,
            "≥ 2000",
        ),
        line(
            format!("{rows} rows, {workers} workers"),
            "rows/s",
            0,
            "≥ 300000",
        ),
        line("peak memory meanwhile".into(), "MB", 0, "< 300"),
        line("`resweep status load` meanwhile".into(), "ms", 0, "< 100"),
        line("`resweep status` meanwhile".into(), "ms", 0, "< 100"),
        line("the longest of these".into(), "ms", 0, "< 100"),
    ];
    let looks = LOOKS.iter().map(|command| {
        let what = format!("`resweep {}`, {runs} finished runs", command.join(" "));
        line(what, "s", 2, "< 5")
    });
    lines.extend(looks);
    lines
}

/// The seconds that each of [`LOOKS`] takes.
fn look(quick: bool) -> anyhow::Result<Vec<f64>> {
    let folder = folder()?;
    program::measure(Measurement::Curves, quick, folder.path())?;
    let file = folder.path().join("load.toml");
    let file = file.to_str().context("a path that is not UTF-8")?;
    let seconds = LOOKS.iter().map(|command| {
        let words = command
            .iter()
            .map(|&word| if word == "FILE" { file } else { word });
        let words: Vec<&str> = words.collect();
        program::seconds(&words, folder.path())
    });
    seconds.collect()
}

/// One round, in the order of [`lines`].
fn measure_all(load: &Load, quick: bool) -> anyhow::Result<Vec<f64>> {
    let (plan, started) = (folder()?, folder()?);
    let file = sweep::write(plan.path(), load.runs)?;
    let file = file.to_str().context("a path that is not UTF-8")?;
    let planned = program::seconds(&["plan", file], plan.path())?;
    let first_run = program::first_run(file, load.workers, started.path())?;
    let start = program::measure(Measurement::Start, quick, folder()?.path())?;
    let runs = program::measure(Measurement::Runs, quick, folder()?.path())?;
    let (rows, [one, all]) =
        program::measure_while_asking(Measurement::Rows, quick, folder()?.path())?;
    let longest = one.iter().chain(&all).copied().fold(f64::NAN, f64::max);
    let mut values = vec![
        planned,
        number(&start, "expand_s"),
        number(&start, "first_run_s"),
        first_run,
        number(&runs, "runs") / number(&runs, "seconds"),
        number(&rows, "rows") / number(&rows, "seconds"),
        number(&rows, "peak_mb"),
        median(one),
        median(all),
        longest,
    ];
    values.extend(look(quick)?);
    Ok(values)
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or(f64::NAN)
}

fn print_line(line: &Line) {
    let show = |value: f64| format!("{value:.*}", line.decimals);
    let each: Vec<String> = line.values.iter().copied().map(show).collect();
    println!(
        "| {} | {} {} | {} | {} |",
        line.what,
        show(median(line.values.clone())),
        line.unit,
        each.join(", "),
        line.wanted
    );
}
