//! Implements `resweep plot`, and draws the figures and tables at the end of `resweep run`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit_code::{ExitCode, UsageError};
use super::figure_metadata::metadata;
use super::findings;
use super::prepare::{Prepared, all_to_show};
use super::records::Records;
use super::results::database;
use super::together::{self, FOLDER_BYTES_MAX};
use crate::cli::PlotArgs;
use resweep_core::analysis::Findings;
use resweep_core::domain::{
    Curves, Figure, FigureKind, Palette, Run, RunId, Sweep, Theme, printable, with_causes,
};
use resweep_core::files::{Place, write_atomically};
use resweep_core::sweep_file::JOINT;
use resweep_figures::{Drawing, DrawingWithMetadata, PictureFormat, RenderError};
use resweep_store::Store;

/// Draws the figures of a sweep, or of several as one, writes its tables, and prints the paths and
/// the outcomes of the expectations.
pub fn execute(args: &PlotArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let mut prepared = together::all(all_to_show(&args.sweep, results)?, results)?;
    if let Some(name) = &args.figure {
        keep_only(&mut prepared, name)?;
    }
    restyle(&mut prepared.sweep, args)?;
    match &args.out {
        Some(out) => write_one(&prepared, results, out),
        None => one(&prepared, results),
    }
}

/// Draws every figure of a sweep.
fn one(prepared: &Prepared, results: &Path) -> anyhow::Result<ExitCode> {
    let name = &prepared.sweep.name;
    if name.len() > FOLDER_BYTES_MAX {
        let message = "the names of these sweeps are too long for a folder; name the file, as in \
                       `--out figure.png`";
        return Err(UsageError(message.to_owned()).into());
    }
    let drawn = draw(prepared, results)?;
    if let Some(warning) = drawn.warning() {
        errln!("{warning}");
    }
    for line in drawn.lines() {
        outln!("{line}");
    }
    Ok(match findings::unmet(&drawn.findings) {
        Some(unmet) => {
            errln!("{unmet}");
            ExitCode::ExpectationNotMet
        }
        None => ExitCode::Success,
    })
}

/// Leaves a sweep the one figure of this name.
fn keep_only(prepared: &mut Prepared, name: &str) -> anyhow::Result<()> {
    let sweep = &mut prepared.sweep;
    if !sweep.figures.iter().any(|figure| figure.name == name) {
        let known = names(&sweep.figures);
        let message = format!(
            "sweep `{}` has no figure `{name}`; it has {known}",
            sweep.name
        );
        return Err(UsageError(message).into());
    }
    sweep.figures.retain(|figure| figure.name == name);
    Ok(())
}

/// `figure`, or `figure` and `heat-map`, in backticks.
fn names(figures: &[Figure]) -> String {
    let names: Vec<String> = figures.iter().map(|f| format!("`{}`", f.name)).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(""),
    }
}

/// Writes the only figure of the sweep to `out`, in the format of its ending.
fn write_one(prepared: &Prepared, results: &Path, out: &Path) -> anyhow::Result<ExitCode> {
    let Prepared { sweep, runs, .. } = prepared;
    let Some(format) = PictureFormat::of(out) else {
        let message = format!(
            "`{}` has an unknown ending; name a file that ends in .pdf, .svg or .png, as in \
             `--out figure.pdf`",
            out.display()
        );
        return Err(UsageError(message).into());
    };
    let [figure] = &sweep.figures[..] else {
        let (known, first) = (names(&sweep.figures), &sweep.figures[0].name);
        let message = format!(
            "--out writes one figure, but sweep `{}` has {known}; choose one: \
             `--figure {first} --out {}`",
            sweep.name,
            out.display()
        );
        return Err(UsageError(message).into());
    };
    let store = Store::open_read_only(&database(results))?;
    let records = Records::read(runs, &store)?;
    let source = (prepared, &records);
    let drawn = draw_shown(figure, source, (results, &store), with_metadata)?;
    write_atomically(out, &[&drawn.bytes(format)?])
        .with_context(|| format!("cannot write `{}`", out.display()))?;
    let unknown = drawn.drawing.unknown_characters();
    if let Some(warning) = resweep_figures::unknown_warning(&unknown) {
        errln!("{warning}");
    }
    outln!("wrote {}", out.display());
    Ok(ExitCode::Success)
}

/// The result of drawing.
pub struct Drawn {
    paths: Vec<PathBuf>,
    /// Figures without data yet, and why.
    left_out: Vec<String>,
    /// Characters that are boxes in the PNG files.
    unknown: BTreeSet<char>,
    findings: Findings,
}

impl Drawn {
    /// A warning about missing characters.
    pub fn warning(&self) -> Option<String> {
        resweep_figures::unknown_warning(&self.unknown)
    }

    /// The lines to print: the paths, and what the figures show.
    pub fn lines(&self) -> Vec<String> {
        let wrote = |path: &PathBuf| format!("wrote {}", path.display());
        let mut lines: Vec<String> = self.paths.iter().map(wrote).collect();
        lines.extend(self.left_out.iter().cloned());
        lines.extend(self.findings.remarks(printable));
        if let Some(growth) = &self.findings.growth {
            lines.push(growth.summary());
        }
        lines.extend(findings::expectations(&self.findings));
        lines
    }
}

/// Writes `<results>/<sweep>/<figure>.png` and `.svg` for every figure, and the tables, from the
/// recorded results.
pub fn draw(prepared: &Prepared, results: &Path) -> anyhow::Result<Drawn> {
    let Prepared { sweep, runs, .. } = prepared;
    let store = Store::open_read_only(&database(results))?;
    let records = Records::read(runs, &store)?;
    let folder = Place::root(results).join(&sweep.name);
    let mut paths = Vec::new();
    let (mut failures, mut unknown) = (Vec::new(), BTreeSet::new());
    for figure in &sweep.figures {
        let source = (prepared, &records);
        match draw_shown(figure, source, (results, &store), with_metadata) {
            Ok(drawing) => {
                paths.extend(drawing.write(&folder, &figure.name)?);
                unknown.extend(drawing.drawing.unknown_characters());
            }
            Err(error) if error.is::<RenderError>() || !figure.sweeps.is_empty() => {
                failures.push((&figure.name, error));
            }
            Err(error) => return Err(error),
        }
    }
    // Draws the figures that have data, even if others have none; writes the tables as soon as
    // anything is recorded.
    if paths.is_empty()
        && records.curves().is_empty()
        && let Some((_, error)) = failures.pop()
    {
        return Err(error);
    }
    let findings = findings::collect(prepared, &records);
    paths.extend(findings::write(&findings, &folder)?);
    let failed = |(name, error): (_, anyhow::Error)| {
        format!("no figure `{name}`: {}", with_causes(error.as_ref()))
    };
    let mut left_out: Vec<String> = failures.into_iter().map(failed).collect();
    if prepared.sweep.name.contains(JOINT) {
        left_out.extend(prepared.notes().iter().cloned());
    }
    Ok(Drawn {
        paths,
        left_out,
        unknown,
        findings,
    })
}

/// Applies the theme and palette of the command line to every figure, and appends them to the file
/// names: the declared figures keep their files.
fn restyle(sweep: &mut Sweep, args: &PlotArgs) -> anyhow::Result<()> {
    let declared: Vec<String> = sweep.figures.iter().map(|f| f.name.clone()).collect();
    for figure in &mut sweep.figures {
        restyle_figure(figure, args.theme, args.palette);
    }
    for (figure, own) in sweep.figures.iter().zip(&declared) {
        let name = &figure.name;
        let taken = |other: &String| other != own && other.eq_ignore_ascii_case(name);
        if declared.iter().any(taken) {
            let message = format!(
                "`{name}`, the figure `{own}` in another style, has the name of another figure of \
                 the sweep; rename one of them in the sweep file"
            );
            return Err(UsageError(message).into());
        }
    }
    Ok(())
}

/// Applies another theme or palette to a figure, and appends it to the name.
pub fn restyle_figure(figure: &mut Figure, theme: Option<Theme>, palette: Option<Palette>) {
    let style = &mut figure.style;
    style.theme = theme.unwrap_or(style.theme);
    style.palette = palette.unwrap_or(style.palette);
    let names = [
        theme.map(|theme| theme.into_str()),
        palette.map(|palette| palette.into_str()),
    ];
    for name in names.into_iter().flatten() {
        figure.name.push('-');
        figure.name.push_str(name);
    }
}

/// A figure as `make` draws it from its sweep, or from the records of the other sweeps that it
/// shows.
pub fn draw_shown<T>(
    figure: &Figure,
    (prepared, records): (&Prepared, &Records),
    (results, store): (&Path, &Store),
    make: Make<T>,
) -> anyhow::Result<T> {
    let (figure, shown) = together::shown(figure, prepared, results)?;
    let Prepared { sweep, runs, .. } = &*shown;
    match shown {
        Cow::Borrowed(_) => make(sweep, &figure, runs, records.curves(), store),
        Cow::Owned(_) => {
            let records = Records::read(runs, store)?;
            make(sweep, &figure, runs, records.curves(), store)
        }
    }
}

/// [`drawing`] or [`with_metadata`].
type Make<T> = fn(&Sweep, &Figure, &[Run], &HashMap<RunId, Curves>, &Store) -> anyhow::Result<T>;

/// One figure of a sweep with its provenance; `verify` redraws it with this function.
pub fn with_metadata(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
    store: &Store,
) -> anyhow::Result<DrawingWithMetadata> {
    Ok(DrawingWithMetadata {
        drawing: drawing(sweep, figure, runs, curves, store)?,
        metadata: metadata(sweep, figure, runs, curves, store)?,
    })
}

/// One figure of a sweep, of any kind.
pub fn drawing(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
    store: &Store,
) -> anyhow::Result<Drawing> {
    Ok(match figure.kind {
        FigureKind::LayerResponses => {
            let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
            resweep_figures::draw_layers(sweep, figure, runs, curves, &store.layer_stats(&ids)?)?
        }
        _ => resweep_figures::draw(sweep, figure, runs, curves)?,
    })
}
