//! From iterations and errors to places on the page. Pure.

use super::clip::{Rect, Xy, clip_line};
use super::series::Point;
use super::view::PanelView;

/// Where a panel's data lie on the page.
pub(super) struct Plot<'a> {
    pub view: &'a PanelView,
    pub frame: Rect,
}

impl Plot<'_> {
    /// The place of an error in percent at an iteration.
    pub(super) fn at(&self, iteration: u64, error: f64) -> Xy {
        let x = self.frame.left + self.view.x.share(iteration as f64) * self.frame.width();
        let y = self.frame.bottom - self.view.y.share(error) * self.frame.height();
        (x, y)
    }

    /// The line through the means over seeds.
    pub(super) fn means(&self, line: &[Point]) -> Vec<Xy> {
        line.iter().map(|p| self.at(p.iteration, p.mean)).collect()
    }

    /// The last part of a line that can be seen.
    pub(super) fn visible_end(&self, line: &[Point]) -> Option<Xy> {
        match self.means(line)[..] {
            [only] => self.frame.contains(only).then_some(only),
            ref points => clip_line(points, &self.frame).last()?.last().copied(),
        }
    }
}
