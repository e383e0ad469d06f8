//! Sizes that several parts of a figure share, in page units of one CSS pixel.

/// The width of a sample in the key, and its distance to the text.
pub(super) const SAMPLE: f64 = 26.0;
pub(super) const SAMPLE_GAP: f64 = 5.0;
/// The width that an entry of the key needs in addition to its text.
pub(super) const ENTRY: f64 = SAMPLE + SAMPLE_GAP;

pub(super) const LEGEND_ROW: f64 = 17.0;
/// The width of a line's sample in a legend, and its distance to the text.
pub(super) const SWATCH: f64 = 14.0;
pub(super) const SWATCH_GAP: f64 = 5.0;

pub(super) const TITLE_SIZE: f64 = 17.0;
pub(super) const PANEL_TITLE_SIZE: f64 = 14.0;
pub(super) const TEXT_SIZE: f64 = 12.0;
pub(super) const CAPTION_SIZE: f64 = 11.0;
/// Height of a label beside a curve, including the gap to the next.
pub(super) const LABEL_HEIGHT: f64 = 14.0;

pub(super) const MARGIN: f64 = 14.0;
pub(super) const TITLE_ROW: f64 = 24.0;
pub(super) const PANEL_TITLE_ROW: f64 = 19.0;
/// The gap between the legend and the plot.
pub(super) const LEGEND_BELOW: f64 = 9.0;
pub(super) const KEY_ROW: f64 = 20.0;
/// The gap between entries of the key.
pub(super) const KEY_GAP: f64 = 22.0;
pub(super) const TITLE_GAP: f64 = 8.0;
pub(super) const CAPTION_ROW: f64 = 15.0;
/// The gaps between panels, horizontal and vertical.
pub(super) const PANEL_GAP: f64 = 14.0;
/// Height below a plot for tick labels and the axis's name.
pub(super) const BELOW_PLOT: f64 = 42.0;
/// Width of the error axis's name, and the gap between tick labels and axis.
pub(super) const AXIS_NAME: f64 = 20.0;
pub(super) const TICK_GAP: f64 = 8.0;
