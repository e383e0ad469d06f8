//! From iterations and errors to places on the page. Pure.

use super::clip::{Rect, Xy, clip_line};
use super::decimate::{COLUMN, FEW, Shown, decimate};
use super::reference::ReferenceView;
use super::series::{DivergedSeed, Point};
use super::view::{CurveView, PanelView};

/// A panel of more curves draws at most [`POINTS`] points, and no dashes: they would take as much
/// room in the SVG as all points.
const MANY_CURVES: usize = 60;
const POINTS: f64 = 300_000.0;

/// Where a panel's data lie on the page.
pub(super) struct Plot<'a> {
    pub view: &'a PanelView,
    pub frame: Rect,
}

impl Plot<'_> {
    /// The place of an error in percent at an iteration.
    pub(super) fn at(&self, iteration: u64, error: f64) -> Xy {
        self.place((iteration as f64, error))
    }

    /// The same between iterations.
    pub(super) fn place(&self, (iteration, error): (f64, f64)) -> Xy {
        let x = self.frame.left + self.view.x.share(iteration) * self.frame.width();
        let y = self.frame.bottom - self.view.y.share(error) * self.frame.height();
        (x, y)
    }

    /// What shows of a curve's training and test error, before it is cut at the frame.
    pub(super) fn lines(&self, curve: &CurveView) -> [Shown; 2] {
        [self.means(&curve.train), self.means(&curve.eval)]
    }

    /// The lines of a seed that diverged.
    pub(super) fn diverged_lines(&self, seed: &DivergedSeed) -> [Shown; 2] {
        [self.means(&seed.train), self.means(&seed.eval)]
    }

    /// Where a seed that diverged is marked: at its last point, or at the edge that is nearest to
    /// it; nowhere before its first point.
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

    /// Where the paper's curve of a net, of test error if it has one, is last seen.
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

    /// The last part of a line that can be seen.
    pub(super) fn visible_end(&self, points: &[Xy]) -> Option<Xy> {
        match points[..] {
            [only] => self.frame.contains(only).then_some(only),
            ref points => clip_line(points, &self.frame).last()?.last().copied(),
        }
    }
}
