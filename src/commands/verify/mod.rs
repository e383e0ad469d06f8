//! `resweep verify`: draws a figure again from the database and says whether it is the same.

mod again;
mod changes;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use super::ending::Ending;
use super::origin::FORMAT;
use super::results::database;
use crate::cli::VerifyArgs;
use crate::progress::counted;
use again::Again;
use resweep_core::domain::printable;
use resweep_figures::{Facts, Picture, RenderError};

/// No figure is nearly as large, in bytes.
const FILE_BYTES_MAX: u64 = 64_000_000;

/// Exit code 0 where the figure is the same, byte for byte, 1 where it is another.
pub fn execute(args: &VerifyArgs) -> anyhow::Result<Ending> {
    let path = &args.figure;
    let name = printable(&path.display().to_string());
    let cannot = || format!("cannot verify `{name}`");
    let bytes = read(path).with_context(cannot)?;
    let picture = Picture::open(bytes.clone()).with_context(cannot)?;
    check_format(picture.facts()).with_context(cannot)?;
    let results = &args.results.results;
    let database = database(results);
    let again = Again::of(picture.facts(), results).with_context(cannot)?;
    let mut changes = changes::changes(&again, picture.facts()).with_context(cannot)?;
    let drawn = again.draw();
    let same = matches!(&drawn, Ok(drawn) if *drawn == bytes);
    if same {
        outln!("{name}: the same, byte for byte");
        outln!("  drawn again from {}", database.display());
        told(picture.facts());
        return Ok(Ending::Done);
    }
    changes.push(match drawn {
        Ok(drawn) => compare(picture, drawn).with_context(cannot)?,
        Err(error) if error.is::<RenderError>() => format!("it cannot be drawn: {error}"),
        Err(error) => return Err(error),
    });
    outln!("{name}: not what {} gives now", database.display());
    for change in changes {
        outln!("  {change}");
    }
    Ok(Ending::RunsFailed)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    // To open a pipe that nobody writes to can wait for ever.
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

fn check_format(facts: &Facts) -> anyhow::Result<()> {
    let format = facts.get("format").unwrap_or_default();
    if format != FORMAT {
        bail!(
            "its facts have version `{}` of their format, this program reads {FORMAT}; it was \
             drawn by resweep {}",
            printable(format),
            program(facts)
        );
    }
    Ok(())
}

fn told(facts: &Facts) {
    let runs = facts.get("runs").unwrap_or_default().lines().count();
    let sweep = fact(facts, "sweep");
    let runs = counted(runs, "run");
    outln!("  sweep {sweep}, {runs}, images {}", fact(facts, "data"));
    outln!("  resweep {}", program(facts));
}

fn fact(facts: &Facts, key: &str) -> String {
    printable(facts.get(key).unwrap_or_default())
}

/// `0.1.0 (0123456789ab)`.
fn program(facts: &Facts) -> String {
    format!("{} ({})", fact(facts, "version"), fact(facts, "commit"))
}

/// How the pixels compare, where the bytes differ.
fn compare(picture: Picture, drawn: Vec<u8>) -> anyhow::Result<String> {
    let drawn = Picture::open(drawn)?;
    let same_facts = picture.facts() == drawn.facts();
    let same_pixels = picture.same_pixels(drawn)?;
    Ok(match (same_pixels, same_facts) {
        (true, true) => "picture: the same pixels, in other bytes; was the file written anew?",
        (true, false) => "picture: the same pixels",
        (false, true) => "picture: other pixels, though everything else is as it was",
        (false, false) => "picture: other pixels",
    }
    .to_owned())
}
