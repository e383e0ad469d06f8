//! A sweep's figures, resolved to its configurations.

use super::FigureStyle;
use serde::Serialize;
use strum::{EnumString, VariantNames};

/// A `[figure]` table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The name of the figure's files; unique within the sweep.
    pub name: String,
    /// `None`: the sweep's title.
    pub title: Option<String>,
    pub kind: FigureKind,
    /// Of curves over the training.
    #[serde(skip_serializing_if = "Axes::is_default")]
    pub axes: Axes,
    /// Of a heat map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    #[serde(rename = "look")]
    pub style: FigureStyle,
    pub reference: Reference,
    /// The window of the moving average over training error, an odd number of points; 1 for none.
    pub smoothing: usize,
    /// The recorded sweeps that it shows; empty for the sweep that declares it. A figure of other
    /// sweeps has its panels only after [`crate::sweep_file::together`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweeps: Vec<String>,
    /// In a figure of several sweeps, the sweep whose file declares the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_in: Option<String>,
    /// Its place among the figures of the file that declares it.
    #[serde(skip)]
    pub place: usize,
    pub panels: Vec<Panel>,
}

/// What curves over the training show, and how their axes are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Axes {
    pub quantity: Quantity,
    /// Whether the axis across counts epochs instead of iterations.
    pub epochs: bool,
    /// Whether equal distances across are equal ratios.
    pub x_log: bool,
    /// The same for errors or losses.
    pub y_log: bool,
}

impl Axes {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Quantity {
    /// In percent.
    #[default]
    Error,
    /// Mean cross-entropy in nats.
    Loss,
}

/// The rows and columns of a heat map, and where each configuration is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grid {
    pub rows: GridAxis,
    pub columns: GridAxis,
    /// Row and column of each configuration of the sweep.
    pub places: Vec<(usize, usize)>,
}

/// What tells the rows or the columns of a heat map apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GridAxis {
    pub name: String,
    /// Numbers ascend, words are in the order of the sweep.
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum FigureKind {
    /// Error in percent against iterations, as in the paper's figures 1 and 6.
    ErrorVsIteration,
    /// Final error in percent against depth, one line per shortcut type. A panel has at most one
    /// configuration per depth and shortcut type.
    ErrorVsDepth,
    /// Final error of every cell of a [`Grid`] as a colour and a number. A panel shows one error and
    /// has at most one configuration per cell.
    HeatMap,
    /// Standard deviation of each 3x3 layer's response, as in the paper's figure 7.
    LayerResponses,
}

/// Curves drawn in grey behind the figure's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Reference {
    #[default]
    None,
    /// The paper's curves of the same nets, at the paper's iterations.
    Paper,
    /// The same, with the paper's 64,000 iterations scaled to those of each run.
    PaperScaled,
}

/// One plot of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    pub title: Option<String>,
    /// Indices into `Sweep::configurations`, in the order of the legend.
    pub configurations: Vec<usize>,
    /// The label of each configuration in this panel.
    pub labels: Vec<String>,
    pub show: Show,
    /// Lower and upper end of the error axis, in percent; `None`: chosen from the data.
    pub y_min: Option<f64>,
    pub y_max: Option<f64>,
    /// Positions of the ticks and grid lines; empty: chosen from the range.
    pub y_ticks: Vec<f64>,
}

impl Panel {
    /// The label of a configuration; empty if the panel does not show it.
    pub fn label(&self, configuration: usize) -> &str {
        let shown = self.configurations.iter().zip(&self.labels);
        let mut labels = shown.filter(|(index, _)| **index == configuration);
        labels.next().map_or("", |(_, label)| label)
    }
}

/// The errors that a panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Show {
    Both,
    Train,
    /// Test error, or validation error if the sweep holds out a validation set.
    Test,
}
