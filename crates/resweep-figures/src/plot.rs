//! Maps iterations and errors to positions on the page. Pure.

use super::clip::{Rect, Xy, clip_line};
use super::decimate::{COLUMN, FEW, Shown, decimate};
use super::reference::ReferenceView;
use super::series::{DivergedSeed, Point};
use super::view::{CurveView, PanelView};

/// A panel with more curves draws at most [`POINTS`] points, without dashes, to limit the size of
/// the SVG.
const MANY_CURVES: usize = 60;
const POINTS: f64 = 300_000.0;

/// The area of a panel's data on the page.
pub(super) struct Plot<'a> {
    pub view: &'a PanelView,
    pub frame: Rect,
}

impl Plot<'_> {
    /// The position of an error in percent at an iteration.
    pub(super) fn at(&self, iteration: u64, error: f64) -> Xy {
        self.place((iteration as f64, error))
    }

    /// The same for fractional iterations.
    pub(super) fn place(&self, (iteration, error): (f64, f64)) -> Xy {
        let x = self.frame.left + self.view.x.share(iteration) * self.frame.width();
        let y = self.frame.bottom - self.view.y.share(error) * self.frame.height();
        (x, y)
    }

    /// The visible points of a curve's training and test error, before clipping.
    pub(super) fn lines(&self, curve: &CurveView) -> [Shown; 2] {
        [self.means(&curve.train), self.means(&curve.eval)]
    }

    /// The lines of a diverged seed.
    pub(super) fn diverged_lines(&self, seed: &DivergedSeed) -> [Shown; 2] {
        [self.means(&seed.train), self.means(&seed.eval)]
    }

    /// The position of a diverged seed's mark: its last point, or the nearest edge; `None` before
    /// its first point.
    pub(super) fn mark(&self, seed: &DivergedSeed) -> Option<Xy> {
        let end = seed.end()?;
        let (x, y) = self.at(end.iteration, end.mean);
        let Rect {
            left,
            top,
            right,
            bottom,
        } = self.frame;
        Some((x.clamp(left, right), y.clamp(top, bottom)))
    }

    /// The visible end of the paper's curve of a net, of its test error if it has one.
    pub(super) fn reference_end(&self, net: &ReferenceView) -> Option<Xy> {
        let parts = if net.eval.is_empty() {
            &net.train
        } else {
            &net.eval
        };
        let ends = parts.iter().rev().map(|line| {
            let points: Vec<Xy> = line.iter().map(|&at| self.place(at)).collect();
            self.visible_end(&points)
        });
        ends.flatten().next()
    }

    /// The line through the means over seeds.
    fn means(&self, line: &[Point]) -> Shown {
        let mut shown = self.shown(line.iter().map(|p| self.at(p.iteration, p.mean)));
        shown.dense |= self.view.curves.len() > MANY_CURVES;
        shown
    }

    /// The points of a line that are drawn.
    pub(super) fn shown(&self, points: impl Iterator<Item = Xy>) -> Shown {
        let curves = self.view.curves.len();
        if curves <= MANY_CURVES {
            return decimate(points, COLUMN);
        }
        let lines = 2.0 * curves as f64;
        let columns = (POINTS / lines / FEW as f64).max(1.0);
        decimate(points, COLUMN.max(self.frame.width() / columns))
    }

    /// The visible end of a line.
    pub(super) fn visible_end(&self, points: &[Xy]) -> Option<Xy> {
        match points[..] {
            [only] => self.frame.contains(only).then_some(only),
            ref points => clip_line(points, &self.frame).last()?.last().copied(),
        }
    }
}
