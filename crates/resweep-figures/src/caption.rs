//! Writes the caption of a figure: sweep, images, seeds, date, and processing of the curves.

use std::collections::{BTreeSet, HashMap, HashSet};

use resweep_core::domain::{
    Configuration, Curves, Dataset, Figure, FigureKind, Quantity, Reference, Run, RunId, Sweep,
};

use super::diverged::diverged_at;
use super::series::Progress;
use super::view::CURVES_MAX;

/// More seeds than this are summarised.
const SEEDS_LISTED: usize = 8;
const BETWEEN: &str = " \u{b7} ";

/// The caption: sweep, images, seeds, spread, date, processing of the curves and, while runs are
/// missing, the progress of the sweep.
pub(super) fn caption(
    sweep: &Sweep,
    figure: &Figure,
    progress: &Progress,
    measured: Option<&str>,
    has_reference: bool,
) -> String {
    let images: BTreeSet<String> = shown_configurations(sweep, figure).map(images).collect();
    let images: Vec<String> = images.into_iter().collect();
    let names = match &figure.sweeps[..] {
        [] | [_] => format!("sweep {}", sweep.name),
        several => format!("sweeps {}", several.join(", ")),
    };
    let mut parts = vec![names, images.join(", ")];
    let spread = spread(figure.kind);
    parts.push(match &sweep.seeds_note {
        Some(note) => format!("{note}; {spread}"),
        None => seeds(&sweep.seeds, spread),
    });
    parts.extend(measured.map(|day| format!("last measured {day}")));
    parts.extend(left_out(figure));
    if figure.smoothing > 1 && figure.kind == FigureKind::ErrorVsIteration {
        let points = figure.smoothing;
        parts.push(format!(
            "training {} is a moving mean of {points} points",
            match figure.axes.quantity {
                Quantity::Error => "error",
                Quantity::Loss => "loss",
            }
        ));
    }
    if figure.kind != FigureKind::HeatMap && figure.axes.quantity == Quantity::Error {
        let words = reference(figure.reference, figure.kind, has_reference);
        parts.extend(words.map(str::to_owned));
    }
    parts.extend(counts(progress));
    parts.join(BETWEEN)
}

/// The number of recorded runs and of those that ended badly; empty if all ended well.
fn counts(progress: &Progress) -> Vec<String> {
    let (planned, recorded) = (progress.planned, progress.recorded);
    let diverged = progress.diverged.len();
    let mut parts = Vec::new();
    if recorded < planned {
        parts.push(format!("{recorded} of {planned} runs so far"));
    }
    match recorded - progress.complete - diverged {
        0 => {}
        incomplete => parts.push(format!("{} incomplete", runs(incomplete))),
    }
    if diverged > 0 {
        let all = if diverged == planned && planned > 1 {
            "all "
        } else {
            ""
        };
        let words = diverged_at(&progress.diverged);
        parts.push(format!("{all}{} {words}", runs(diverged)));
    }
    match progress.no_better_than_chance {
        0 => {}
        count => parts.push(format!("{} no better than chance", runs(count))),
    }
    parts
}

/// `1 run`, `2 runs`.
fn runs(count: usize) -> String {
    format!("{count} run{}", if count == 1 { "" } else { "s" })
}

/// A note if a panel draws only some of its curves.
fn left_out(figure: &Figure) -> Option<String> {
    let curves = figure.panels.iter().map(|panel| panel.configurations.len());
    let all = curves.max()?;
    let too_many = figure.kind == FigureKind::ErrorVsIteration && all > CURVES_MAX;
    too_many.then(|| format!("{CURVES_MAX} of {all} curves are drawn"))
}

/// The latest date on which one of the figure's runs was measured.
pub(super) fn measured<'c>(
    figure: &Figure,
    runs: &[Run],
    curves: &'c HashMap<RunId, Curves>,
) -> Option<&'c str> {
    let indices: HashSet<usize> = shown_indices(figure).collect();
    let shown = runs
        .iter()
        .filter(|run| indices.contains(&run.configuration));
    let curves = shown.filter_map(|run| curves.get(&run.id));
    curves.filter_map(|curves| curves.measured.as_deref()).max()
}

/// How several seeds are drawn.
fn spread(kind: FigureKind) -> &'static str {
    match kind {
        FigureKind::ErrorVsIteration => "lines are means, bands span the lowest to the highest",
        FigureKind::ErrorVsDepth => "lines are means over finished runs",
        FigureKind::HeatMap => "means \u{b1} sample standard deviations over finished runs",
        FigureKind::LayerResponses => "lines are means",
    }
}

fn seeds(seeds: &[u64], spread: &str) -> String {
    if let [only] = seeds {
        return format!("seed {only}");
    }
    let follow = seeds
        .windows(2)
        .all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let numbers = match seeds {
        [first, _, .., last] if follow => format!(" ({first} to {last})"),
        [_, ..] if seeds.len() <= SEEDS_LISTED => {
            let numbers: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!(" ({})", numbers.join(", "))
        }
        _ => String::new(),
    };
    format!("{} seeds{numbers}: {spread}", seeds.len())
}

/// The source of the grey curves, and where the paper clips them.
fn reference(reference: Reference, kind: FigureKind, has_curves: bool) -> Option<&'static str> {
    match (reference, has_curves) {
        (Reference::None, _) => None,
        (_, false) => Some("the paper shows no curves of these nets"),
        (_, true) if kind == FigureKind::ErrorVsDepth => Some(
            "grey: the paper's final errors (CIFAR-10, 64,000 iterations; training error is its \
             mean from 54,000 on)",
        ),
        (_, true) if kind == FigureKind::LayerResponses => {
            Some("grey: the paper's figure 7 (CIFAR-10, 64,000 iterations)")
        }
        (Reference::Paper, true) => {
            Some("grey: the paper's curves (CIFAR-10, 64,000 iterations), which it cuts at 20 %")
        }
        (Reference::PaperScaled, true) => Some(
            "grey: the paper's curves (CIFAR-10), which it cuts at 20 %, their 64,000 iterations \
             scaled to those of each run",
        ),
    }
}

/// A description of a configuration's images.
fn images(configuration: &Configuration) -> String {
    let data = &configuration.data;
    match data.dataset {
        Dataset::Synthetic => "synthetic images".to_owned(),
        Dataset::Cifar10 => "CIFAR-10".to_owned(),
        Dataset::Cifar100 => "CIFAR-100".to_owned(),
        Dataset::Folder => {
            let folder = data.path.as_deref().and_then(|path| path.file_name());
            folder.map_or("a folder of images".to_owned(), |name| {
                format!("images of {}", name.to_string_lossy())
            })
        }
    }
}

/// The configurations of a figure's panels, with repetitions.
pub(super) fn shown_configurations<'a>(
    sweep: &'a Sweep,
    figure: &'a Figure,
) -> impl Iterator<Item = &'a Configuration> {
    shown_indices(figure).filter_map(|index| sweep.configurations.get(index))
}

fn shown_indices(figure: &Figure) -> impl Iterator<Item = usize> {
    let panels = figure.panels.iter();
    panels.flat_map(|panel| panel.configurations.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_named_as_far_as_there_is_room() {
        let words = |list: &[u64]| {
            seeds(list, spread(FigureKind::HeatMap))
                .split(':')
                .next()
                .unwrap_or("")
                .to_owned()
        };
        assert_eq!(words(&[7]), "seed 7");
        assert_eq!(words(&[1, 2, 3]), "3 seeds (1 to 3)");
        assert_eq!(words(&[1, 5, 2]), "3 seeds (1, 5, 2)");
        assert_eq!(words(&[9, 1, 5, 2, 8, 4, 11, 6, 7]), "9 seeds");
        assert_eq!(words(&[u64::MAX, 0]), "2 seeds (18446744073709551615, 0)");
        assert_eq!(words(&[]), "0 seeds");
    }
}
