//! Writes the text alternative of a figure: its kind and the final errors, for screen readers.
//! Pure.

use resweep_core::domain::{Figure, FigureKind, Quantity};

use super::axis::EPOCH;
use super::canvas::Words;
use super::scene::Scene;
use super::series::Point;
use super::view::{CurveView, PanelView, line_names};

/// The most curves or cells described per panel; the rest is counted.
const MOST: usize = 40;

/// The text alternative of a figure with curves.
pub(super) fn curves(scene: &Scene, caption: &str, views: &[PanelView]) -> Words {
    let names = line_names(scene.sweep, scene.figure);
    let panels = views.iter().map(|view| {
        let of = |curve: &CurveView| self::curve(scene.figure, curve, names);
        let head = format!("{} against {}", view.y.name, view.x.name);
        panel(
            view.title.as_deref(),
            &head,
            view.curves.iter().map(of).collect(),
        )
    });
    words(scene, caption, panels.collect())
}

/// The text alternative of a figure with these panels.
pub(super) fn words(scene: &Scene, caption: &str, panels: Vec<String>) -> Words {
    let what = match scene.figure.kind {
        FigureKind::ErrorVsIteration => match scene.figure.axes.quantity {
            Quantity::Error => "Curves of the error during training.",
            Quantity::Loss => "Curves of the loss during training.",
        },
        FigureKind::ErrorVsDepth => "The final error at each depth.",
        FigureKind::HeatMap => "Heat maps of the final error.",
        FigureKind::LayerResponses => "How strongly each layer responds.",
    };
    Words {
        title: scene.title().to_owned(),
        description: format!("{what}\n{}\n{caption}", panels.join("\n")),
    }
}

/// `Panel plain: error (%) against iterations. plain-20: ...`
pub(super) fn panel(title: Option<&str>, head: &str, mut parts: Vec<String>) -> String {
    let more = parts.len().saturating_sub(MOST);
    parts.truncate(MOST);
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    let title = title.map_or(String::new(), |title| format!("{title}: "));
    format!("{title}{head}. {}.", parts.join("; "))
}

fn curve(figure: &Figure, curve: &CurveView, [train, eval]: [&str; 2]) -> String {
    let mut said = Vec::new();
    match figure.kind {
        FigureKind::ErrorVsIteration => {
            said.extend(curve.train.last().map(|p| at_end(figure, train, p)));
            said.extend(curve.eval.last().map(|p| at_end(figure, eval, p)));
        }
        FigureKind::ErrorVsDepth => {
            said.extend(curve.train.iter().map(|p| at_depth(train, p)));
            said.extend(curve.eval.iter().map(|p| at_depth(eval, p)));
        }
        FigureKind::LayerResponses => {
            let layers = curve.eval.len();
            said.extend((layers > 0).then(|| format!("{layers} layers")));
        }
        FigureKind::HeatMap => {}
    }
    if !curve.remark.is_empty() {
        said.push(curve.remark.clone());
    }
    format!("{}: {}", curve.legend, said.join(", "))
}

fn at_end(figure: &Figure, which: &str, point: &Point) -> String {
    let value = match figure.axes.quantity {
        Quantity::Error => format!("{:.2} %", point.mean),
        Quantity::Loss => format!("{:.3}", point.mean),
    };
    match figure.axes.epochs {
        true => format!(
            "{which} {value} after {:.1} epochs",
            point.iteration as f64 / EPOCH
        ),
        false => format!("{which} {value} at iteration {}", point.iteration),
    }
}

fn at_depth(which: &str, point: &Point) -> String {
    format!("{which} {:.2} % at {} layers", point.mean, point.iteration)
}
