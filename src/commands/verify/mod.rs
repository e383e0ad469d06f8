//! Implements `resweep verify`: redraws a figure from the database and compares it with the file.

mod changes;
mod redraw;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use super::exit_code::{ExitCode, describe};
use super::figure_metadata::FORMAT;
use super::results::database;
use super::source::Source;
use crate::cli::VerifyArgs;
use crate::format::counted;
use crate::output::{self, Stream};
use redraw::Redraw;
use resweep_core::domain::printable;
use resweep_core::sweep_file::DataFolders;
use resweep_figures::{Metadata, Picture, RenderError};
use resweep_store::Store;

/// Larger than any figure, in bytes.
const FILE_BYTES_MAX: u64 = 64_000_000;

/// Returns exit code 0 if every figure is reproduced byte for byte, otherwise 1. A figure that
/// cannot be verified does not prevent the others from being verified; if there are others, its
/// error is printed last.
pub fn execute(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let figures = figures(&args.figures, results)?;
    let mut worst = ExitCode::Success;
    let mut failed = None;
    for figure in &figures {
        match one(figure, results) {
            Ok(ExitCode::Success) => {}
            Ok(ending) => worst = ending,
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    output::styled(Stream::Err, &describe(&earlier));
                }
            }
        }
    }
    failed.map_or(Ok(worst), Err)
}

/// The folder in which an argument looks for figures: that of a sweep, if it names one or is its
/// file.
fn folder(path: &Path, results: &Path) -> anyhow::Result<PathBuf> {
    if path.is_file() && path.extension() == Some(OsStr::new("toml")) {
        let source = Source::of(path, &[], results)?;
        let sweep = source.sweep(DataFolders::NeedNotExist, results)?;
        return Ok(results.join(sweep.name));
    }
    Ok(match path.components().count() {
        1 if !path.exists() => results.join(path),
        _ => path.to_owned(),
    })
}

/// Whether a sweep without a folder is recorded, as in a database that was copied alone.
fn is_recorded(path: &Path, results: &Path) -> anyhow::Result<bool> {
    let Some(name) = path.to_str().filter(|_| !path.exists()) else {
        return Ok(false);
    };
    let store = Store::open_read_only(&database(results))?;
    Ok(store.recorded_sweep(name)?.is_some())
}

/// The files in the arguments, and the figures of the sweeps and folders in them.
fn figures(named: &[PathBuf], results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut figures = Vec::new();
    for path in named {
        let folder = folder(path, results)?;
        if !folder.is_dir() && (folder != *path && path.is_file() || is_recorded(path, results)?) {
            return Err(without_figures(&folder));
        }
        if !folder.is_dir() {
            figures.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(&folder)?.filter_map(Result::ok);
        let is_figure = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "png")
                && path.file_stem() != Some(OsStr::new("preview"))
        };
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(is_figure)
            .collect();
        if found.is_empty() {
            return Err(without_figures(&folder));
        }
        found.sort();
        figures.extend(found);
    }
    Ok(figures)
}

fn without_figures(folder: &Path) -> anyhow::Error {
    let folder = folder.display();
    anyhow!("`{folder}` has no figure; `resweep plot` draws it")
}

fn one(path: &Path, results: &Path) -> anyhow::Result<ExitCode> {
    let name = printable(&path.display().to_string());
    let cannot = || format!("cannot verify `{name}`");
    let bytes = read(path).with_context(cannot)?;
    let picture = Picture::open(bytes.clone()).with_context(cannot)?;
    check_format(picture.metadata()).with_context(cannot)?;
    let database = database(results);
    let redraw = Redraw::of(picture.metadata(), results).with_context(cannot)?;
    let mut changes = changes::changes(&redraw, picture.metadata()).with_context(cannot)?;
    let drawn = redraw.draw();
    let same = matches!(&drawn, Ok(drawn) if *drawn == bytes);
    if same {
        outln!("{name}: identical, byte for byte");
        outln!("  redrawn from {}", database.display());
        show_sources(picture.metadata());
        return Ok(ExitCode::Success);
    }
    changes.push(match drawn {
        Ok(drawn) => compare(picture, drawn).with_context(cannot)?,
        Err(error) if error.is::<RenderError>() => format!("it cannot be drawn: {error}"),
        Err(error) => return Err(error),
    });
    outln!("{name}: differs from what {} gives now", database.display());
    for change in changes {
        outln!("  {change}");
    }
    Ok(ExitCode::RunsFailed)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    // Opening a pipe without a writer would block.
    if !fs::metadata(path)?.is_file() {
        bail!("it is not a file");
    }
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!(
            "it is larger than {} MB; a figure is not",
            FILE_BYTES_MAX / 1_000_000
        );
    }
    Ok(bytes)
}

fn check_format(metadata: &Metadata) -> anyhow::Result<()> {
    let format = metadata.get("format").unwrap_or_default();
    if format != FORMAT {
        bail!(
            "its metadata have format `{}`, this version of resweep reads {FORMAT}; it was \
             drawn by resweep {}",
            printable(format),
            program(metadata)
        );
    }
    Ok(())
}

fn show_sources(metadata: &Metadata) {
    let runs = metadata.get("runs").unwrap_or_default().lines().count();
    let sweep = entry(metadata, "sweep");
    let runs = counted(runs, "run");
    outln!(
        "  sweep {sweep}, {runs}, images {}",
        entry(metadata, "data")
    );
    outln!("  resweep {}", program(metadata));
}

fn entry(metadata: &Metadata, key: &str) -> String {
    printable(metadata.get(key).unwrap_or_default())
}

/// `0.1.0 (0123456789ab)`.
fn program(metadata: &Metadata) -> String {
    format!(
        "{} ({})",
        entry(metadata, "version"),
        entry(metadata, "commit")
    )
}

/// Compares the pixels if the bytes differ.
fn compare(picture: Picture, drawn: Vec<u8>) -> anyhow::Result<String> {
    let drawn = Picture::open(drawn)?;
    let same_metadata = picture.metadata() == drawn.metadata();
    let same_pixels = picture.same_pixels(drawn)?;
    Ok(match (same_pixels, same_metadata) {
        (true, true) => {
            "picture: the same pixels in other bytes; was the file rewritten by another program?"
        }
        (true, false) => "picture: the same pixels",
        (false, true) => "picture: different pixels, although nothing else has changed",
        (false, false) => "picture: different pixels",
    }
    .to_owned())
}
