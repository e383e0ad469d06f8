//! `resweep verify`: draws a figure again from the database and says whether it is the same.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use super::ending::Ending;
use super::origin::{self, FORMAT, Measured};
use super::plot::{curves, restyle_figure, stamped};
use super::prepare::database;
use super::recorded::recorded;
use crate::cli::VerifyArgs;
use crate::domain::{Figure, Look, Palette, Run, RunId, Sweep, Theme, printable};
use crate::record::Store;
use crate::render::{Facts, Picture, RenderError};
use crate::report::counted;

/// No figure is nearly as large, in bytes.
const FILE_BYTES_MAX: u64 = 64_000_000;

/// Runs that are named of one kind; the others are counted.
const NAMED: usize = 5;

/// Exit code 0 where the figure is the same, byte for byte, 1 where it is another.
pub fn execute(args: &VerifyArgs) -> anyhow::Result<Ending> {
    let path = &args.figure;
    let name = printable(&path.display().to_string());
    let cannot = || format!("cannot verify `{name}`");
    let bytes = read(path).with_context(cannot)?;
    let picture = Picture::open(bytes.clone()).with_context(cannot)?;
    check_format(picture.facts()).with_context(cannot)?;
    let database = database(&args.results.results);
    let again = Again::of(picture.facts(), &database).with_context(cannot)?;
    let mut changes = again.changes(picture.facts()).with_context(cannot)?;
    let drawn = again.draw();
    let same = matches!(&drawn, Ok(drawn) if *drawn == bytes);
    if same {
        anstream::println!("{name}: the same, byte for byte");
        anstream::println!("  drawn again from {}", database.display());
        told(picture.facts());
        return Ok(Ending::Done);
    }
    changes.push(match drawn {
        Ok(drawn) => compare(picture, drawn).with_context(cannot)?,
        Err(error) if error.is::<RenderError>() => format!("it cannot be drawn: {error}"),
        Err(error) => return Err(error),
    });
    anstream::println!("{name}: not what {} gives now", database.display());
    for change in changes {
        anstream::println!("  {change}");
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
    anstream::println!("  sweep {sweep}, {runs}, images {}", fact(facts, "data"));
    anstream::println!("  resweep {}", program(facts));
}

fn fact(facts: &Facts, key: &str) -> String {
    printable(facts.get(key).unwrap_or_default())
}

/// `0.1.0 (0123456789ab)`.
fn program(facts: &Facts) -> String {
    format!("{} ({})", fact(facts, "version"), fact(facts, "commit"))
}

/// The figure as the database gives it now.
struct Again {
    sweep: Sweep,
    figure: Figure,
    runs: Vec<Run>,
    store: Store,
    facts: Facts,
}

impl Again {
    /// Finds the sweep that a figure names, as it was started last.
    fn of(wanted: &Facts, database: &Path) -> anyhow::Result<Again> {
        let store = Store::open_read_only(database)?;
        let name = wanted.get("sweep").unwrap_or_default();
        let shown = printable(name);
        let Some((sweep, runs)) = recorded(name, &store, database)? else {
            bail!(
                "{} has no sweep `{shown}`; give the folder of its results with --results",
                database.display()
            );
        };
        let figure = wanted.get("figure").unwrap_or_default();
        let Some(figure) = named(&sweep, figure) else {
            let figure = printable(figure);
            bail!("the sweep `{shown}` has no figure `{figure}` any more");
        };
        let curves = curves(&store, &runs)?;
        let facts = origin::facts(&sweep, &figure, &runs, &curves, &store)?;
        Ok(Again {
            sweep,
            figure,
            runs,
            store,
            facts,
        })
    }

    fn draw(&self) -> anyhow::Result<Vec<u8>> {
        let curves = curves(&self.store, &self.runs)?;
        let stamped = stamped(&self.sweep, &self.figure, &self.runs, &curves, &self.store)?;
        Ok(stamped.png()?)
    }

    /// What has changed since a figure with the facts `then` was drawn, pixels aside.
    fn changes(&self, then: &Facts) -> anyhow::Result<Vec<String>> {
        let mut changes = Vec::new();
        if program(then) != program(&self.facts) {
            changes.push(format!(
                "program: drawn by resweep {}, this is {}",
                program(then),
                program(&self.facts)
            ));
        }
        for (key, what) in [("sweep-sha256", "sweep"), ("data", "images")] {
            let (was, is) = (fact(then, key), fact(&self.facts, key));
            if was != is {
                changes.push(format!("{what}: {was} then, {is} now"));
            }
        }
        let then = origin::measured(then).context("its list of runs is damaged")?;
        let now: HashMap<_, _> = origin::measured(&self.facts)
            .unwrap_or_default()
            .into_iter()
            .collect();
        changes.extend(self.changed_runs(&then, &now)?);
        Ok(changes)
    }

    fn changed_runs(
        &self,
        then: &[(RunId, Measured)],
        now: &HashMap<RunId, Measured>,
    ) -> anyhow::Result<Vec<String>> {
        let elsewhere: Vec<RunId> = then.iter().map(|(id, _)| id.clone()).collect();
        let known = self.store.recorded_runs(&elsewhere)?;
        let (mut missing, mut left, mut since) = (Vec::new(), Vec::new(), Vec::new());
        for (id, was) in then {
            let label = self.label(id);
            match now.get(id) {
                None if known.contains_key(id) => left.push(label),
                None => missing.push(label),
                Some(is) if is == was => {}
                Some(is) if !is.anything() => missing.push(format!("measurements of {label}")),
                Some(is) => since.push(format!(
                    "{label} (iteration {} then, {} now)",
                    was.iteration, is.iteration
                )),
            }
        }
        let before: Vec<&RunId> = then.iter().map(|(id, _)| id).collect();
        let new = origin::shown(&self.figure, &self.runs).filter(|run| !before.contains(&&run.id));
        let new: Vec<String> = new.map(|run| self.label(&run.id)).collect();
        let kinds = [
            ("missing from the database", missing),
            ("no longer in the figure", left),
            ("new in the figure", new),
            ("measured since", since),
        ];
        let told = kinds.into_iter().filter(|(_, runs)| !runs.is_empty());
        Ok(told.map(|(what, runs)| listed(what, &runs)).collect())
    }

    /// A run's label in the sweep, or the beginning of its id.
    fn label(&self, id: &RunId) -> String {
        let run = self.runs.iter().find(|run| run.id == *id);
        run.map_or_else(
            || format!("run {}", printable(id.short())),
            |run| printable(&run.label),
        )
    }
}

/// The figure of that name, as declared or in another look.
fn named(sweep: &Sweep, name: &str) -> Option<Figure> {
    let themes = Look::THEMES.iter().map(|theme| Theme::of(theme));
    let palettes = Look::PALETTES.iter().map(|palette| Palette::of(palette));
    let palettes: Vec<Option<Palette>> = std::iter::once(None).chain(palettes).collect();
    let looks = std::iter::once(None).chain(themes);
    let looks = looks.flat_map(|theme| palettes.iter().map(move |&palette| (theme, palette)));
    let styled = |(theme, palette)| {
        sweep.figures.iter().cloned().map(move |mut figure| {
            restyle_figure(&mut figure, theme, palette);
            figure
        })
    };
    looks.flat_map(styled).find(|figure| figure.name == name)
}

/// `measured since: plain-20, ResNet-20 and 3 more`.
fn listed(what: &str, runs: &[String]) -> String {
    let named = runs.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let named = named.join(", ");
    match runs.len().saturating_sub(NAMED) {
        0 => format!("{what}: {named}"),
        more => format!("{what}: {named} and {more} more"),
    }
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
