//! Marker shapes on lines that share a colour with another line of the panel.

use std::collections::HashMap;

use resweep_core::domain::Shortcut;

use super::RenderError;
use super::canvas::Canvas;
use super::clip::Xy;
use super::palette::Colour;

/// Half of a marker's height.
const SIZE: f64 = 3.6;
/// Distance between two markers of a line.
const STEP: f64 = 70.0;
/// With more curves than this in a panel, markers would cover everything.
const CURVES_MAX: usize = 60;

/// A filled shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Square,
    Triangle,
    Diamond,
    Arrow,
    Bar,
}

const ALL: [Marker; 5] = [
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Arrow,
    Marker::Bar,
];

/// A marker for each curve whose colour an earlier one has; a different one each time.
pub(super) fn markers(colours: &[Colour]) -> Vec<Option<Marker>> {
    let mut seen: HashMap<Colour, usize> = HashMap::new();
    let markers = colours.iter().map(|&colour| {
        let times = seen.entry(colour).or_default();
        *times += 1;
        let again = times
            .checked_sub(2)
            .filter(|_| colours.len() <= CURVES_MAX)?;
        Some(ALL[again % ALL.len()])
    });
    markers.collect()
}

/// The marker of a shortcut type, if a plot has several of them.
pub(super) fn of_type(shortcut: Shortcut, all: &[Shortcut]) -> Option<Marker> {
    let is_other = |other: &&Shortcut| **other != Shortcut::None && **other != shortcut;
    all.iter().find(is_other)?;
    match shortcut {
        Shortcut::None => None,
        Shortcut::A => Some(Marker::Diamond),
        Shortcut::B => Some(Marker::Square),
        Shortcut::C => Some(Marker::Triangle),
    }
}

impl Marker {
    pub(super) fn draw(self, canvas: &Canvas, at: Xy, colour: Colour) -> Result<(), RenderError> {
        canvas.fill(&self.corners(at, 1.4), canvas.scheme().background, 1.0)?;
        canvas.fill(&self.corners(at, 1.0), colour, 1.0)
    }

    fn corners(self, (x, y): Xy, scale: f64) -> Vec<Xy> {
        let s = SIZE * scale;
        let corners: &[Xy] = match self {
            Marker::Square => &[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
            Marker::Triangle => &[(0.0, -1.1), (1.0, 0.8), (-1.0, 0.8)],
            Marker::Diamond => &[(0.0, -1.2), (1.0, 0.0), (0.0, 1.2), (-1.0, 0.0)],
            Marker::Arrow => &[(0.0, 1.1), (-1.0, -0.8), (1.0, -0.8)],
            Marker::Bar => &[(-0.4, -1.3), (0.4, -1.3), (0.4, 1.3), (-0.4, 1.3)],
        };
        corners
            .iter()
            .map(|(dx, dy)| (x + s * dx, y + s * dy))
            .collect()
    }
}

/// Positions of the markers along the visible part of a line: at equal horizontal distances,
/// shifted for each curve `index` so that they do not coincide.
pub(super) fn places(points: &[Xy], index: usize) -> Vec<Xy> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let shift = STEP * (0.5 + 0.382 * index as f64).fract();
    let steps = (0..).map(|i| first.0 + shift + STEP * f64::from(i));
    let on = |x: f64| {
        let after = points.partition_point(|point| point.0 < x);
        let (from, to) = (points[after.saturating_sub(1)], points[after]);
        let share = if to.0 > from.0 {
            (x - from.0) / (to.0 - from.0)
        } else {
            0.0
        };
        (x, from.1 + share * (to.1 - from.1))
    };
    let places: Vec<Xy> = steps.take_while(|x| *x < last.0).map(on).collect();
    match places.is_empty() {
        true => vec![*last],
        false => places,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_colours_get_distinct_markers() {
        let [a, b] = [Colour(1, 2, 3), Colour(4, 5, 6)];
        let expected = [
            None,
            None,
            Some(Marker::Square),
            Some(Marker::Square),
            Some(Marker::Triangle),
        ];
        assert_eq!(markers(&[a, b, a, b, a]), expected);
        assert!(markers(&vec![a; 100]).iter().all(Option::is_none));
    }

    #[test]
    fn markers_lie_on_their_line() {
        let line = [(0.0, 0.0), (100.0, 100.0), (200.0, 0.0)];
        let places = places(&line, 1);
        assert!(places.len() >= 2);
        for (x, y) in places {
            let expected = if x < 100.0 { x } else { 200.0 - x };
            assert!((y - expected).abs() < 1e-9, "{x} {y}");
        }
        assert_eq!(super::places(&[(3.0, 4.0)], 7), [(3.0, 4.0)]);
        assert!(super::places(&[], 0).is_empty());
    }
}
