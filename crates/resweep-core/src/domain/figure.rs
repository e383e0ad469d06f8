//! What a sweep's figures show, resolved to the sweep's configurations.

use super::Look;
use serde::Serialize;

/// A table of `[figure]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Names the figure's files; unique within the sweep.
    pub name: String,
    /// The sweep's title where `None`.
    pub title: Option<String>,
    pub kind: FigureKind,
    pub look: Look,
    pub reference: Reference,
    /// Points that a moving average over training error takes, an odd number; 1 for none.
    pub smoothing: usize,
    pub panels: Vec<Panel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FigureKind {
    /// Error in percent against iterations, as in the paper's figures 1 and 6.
    ErrorVsIteration,
    /// Final error in percent against depth, one line for each shortcut type. No panel has two
    /// configurations of one depth and shortcut type.
    ErrorVsDepth,
    /// Final error of every depth and shortcut type as a colour and a number. No panel shows both
    /// errors or has two configurations of one depth and shortcut type.
    HeatMap,
    /// Standard deviation of each 3x3 layer's response, as in the paper's figure 7.
    LayerResponses,
}

/// What is drawn in grey behind a figure's own curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Reference {
    #[default]
    None,
    /// The paper's curves of the same nets, at their own iterations.
    Paper,
    /// The same with the paper's 64,000 iterations scaled to those of each run.
    PaperScaled,
}

/// One plot of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    pub title: Option<String>,
    /// Indices into `Sweep::configurations`, in the order of the legend.
    pub configurations: Vec<usize>,
    /// What the panel calls each of them.
    pub labels: Vec<String>,
    pub show: Show,
    /// Lower and upper end of the error axis, in percent; what the data need where `None`.
    pub y_min: Option<f64>,
    pub y_max: Option<f64>,
    /// Positions of the ticks and grid lines; chosen from the range where empty.
    pub y_ticks: Vec<f64>,
}

impl Panel {
    /// What the panel calls a configuration; nothing where it does not show it.
    pub fn label(&self, configuration: usize) -> &str {
        let shown = self.configurations.iter().zip(&self.labels);
        let mut labels = shown.filter(|(index, _)| **index == configuration);
        labels.next().map_or("", |(_, label)| label)
    }
}

/// Which errors a panel draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Show {
    Train,
    /// Test error, or validation error where the sweep holds out a validation set.
    Test,
    Both,
}
