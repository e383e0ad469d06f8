//! Puts a load on the scheduler, the recorder and the database, with a trainer that does nothing
//! but report, and prints a Markdown table.
//!
//! Every measurement is made in a process of its own, in a folder of its own on the disk of the
//! build folder, so that its peak memory is its own. docs/benchmarks.md says what is measured;
//! `benches/trackers.py` runs single measurements (`--measure`) beside other programs.

mod fake;
mod machine;
mod measure;
mod program;
mod report;
mod sweep;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;

use measure::{Load, Measurement};

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Puts a load on the scheduler, the recorder and the database.
#[derive(Parser)]
struct Options {
    /// How often each measurement is made; the table has medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Small numbers, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Makes one measurement only and prints it as a JSON line.
    #[arg(long, value_enum)]
    measure: Option<Measurement>,
    /// The empty folder for its results.
    #[arg(long, requires = "measure")]
    folder: Option<PathBuf>,
    /// Passed by `cargo bench`; changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let load = if options.quick {
        Load::QUICK
    } else {
        Load::FULL
    };
    match (options.measure, options.folder) {
        (Some(measurement), Some(folder)) => {
            println!("{}", measure::measure(measurement, &load, &folder)?);
            Ok(())
        }
        (Some(_), None) => anyhow::bail!("--measure needs --folder"),
        (None, _) => report::print(&load, options.rounds.max(1), options.quick),
    }
}

/// A new folder on the disk of the build folder, removed with the value.
fn folder() -> anyhow::Result<tempfile::TempDir> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::Builder::new()
        .prefix("load-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))
}
