//! Clips lines and bands at the edges of a plot. Pure geometry.

pub(super) type Xy = (f64, f64);

/// An upright rectangle; y grows downwards, as on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn contains(&self, (x, y): Xy) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// The parts of the line through `points` inside `frame`, in order.
pub(super) fn clip_line(points: &[Xy], frame: &Rect) -> Vec<Vec<Xy>> {
    let mut parts: Vec<Vec<Xy>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = clip_segment(pair[0], pair[1], frame) else {
            continue;
        };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&from) => part.push(to),
            _ => parts.push(vec![from, to]),
        }
    }
    parts
}

/// The part of a segment inside `frame` (Liang and Barsky).
fn clip_segment(from: Xy, to: Xy, frame: &Rect) -> Option<(Xy, Xy)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, room) in [
        (-dx, from.0 - frame.left),
        (dx, frame.right - from.0),
        (-dy, from.1 - frame.top),
        (dy, frame.bottom - from.1),
    ] {
        if step == 0.0 && room < 0.0 {
            return None;
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else if step > 0.0 {
            leave = leave.min(room / step);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    // Unclipped ends are returned exactly, so that parts join.
    let start = if enter == 0.0 { from } else { at(enter) };
    let end = if leave == 1.0 { to } else { at(leave) };
    (enter <= leave).then_some((start, end))
}

/// Clips a polygon at the four edges of `frame` (Sutherland and Hodgman); empty if it is outside.
pub(super) fn clip_polygon(points: &[Xy], frame: &Rect) -> Vec<Xy> {
    let edges: [&dyn Fn(Xy) -> f64; 4] = [
        &|(x, _)| x - frame.left,
        &|(x, _)| frame.right - x,
        &|(_, y)| y - frame.top,
        &|(_, y)| frame.bottom - y,
    ];
    edges
        .iter()
        .fold(points.to_vec(), |polygon, room| cut(&polygon, room))
}

/// Keeps the part of a polygon where `room` is not negative.
fn cut(polygon: &[Xy], room: &dyn Fn(Xy) -> f64) -> Vec<Xy> {
    let mut kept = Vec::new();
    for (i, &to) in polygon.iter().enumerate() {
        let from = polygon[(i + polygon.len() - 1) % polygon.len()];
        let (before, after) = (room(from), room(to));
        if (before < 0.0) != (after < 0.0) {
            let t = before / (before - after);
            kept.push((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)));
        }
        if after >= 0.0 {
            kept.push(to);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Rect = Rect {
        left: 0.0,
        top: 0.0,
        right: 10.0,
        bottom: 10.0,
    };

    #[test]
    fn a_line_is_cut_where_it_crosses_the_edge() {
        let parts = clip_line(&[(0.0, -10.0), (4.0, 10.0), (8.0, 5.0)], &UNIT);
        assert_eq!(parts, [[(2.0, 0.0), (4.0, 10.0), (8.0, 5.0)]]);
    }

    #[test]
    fn a_line_that_leaves_and_returns_has_two_parts() {
        let parts = clip_line(&[(0.0, 5.0), (2.0, -5.0), (4.0, 5.0)], &UNIT);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], [(0.0, 5.0), (1.0, 0.0)]);
        assert_eq!(parts[1], [(3.0, 0.0), (4.0, 5.0)]);
    }

    #[test]
    fn a_line_outside_has_no_parts() {
        assert!(clip_line(&[(0.0, -1.0), (10.0, -2.0)], &UNIT).is_empty());
        assert!(clip_line(&[(5.0, 5.0)], &UNIT).is_empty());
        assert!(clip_line(&[], &UNIT).is_empty());
    }

    #[test]
    fn a_band_is_cut_at_the_edges() {
        let band = [(2.0, -5.0), (6.0, -5.0), (6.0, 5.0), (2.0, 5.0)];
        let cut = clip_polygon(&band, &UNIT);
        assert_eq!(cut.len(), 4);
        for corner in [(2.0, 0.0), (6.0, 0.0), (6.0, 5.0), (2.0, 5.0)] {
            assert!(cut.contains(&corner), "{corner:?} is not in {cut:?}");
        }
        assert!(clip_polygon(&[(2.0, -5.0), (6.0, -5.0), (4.0, -1.0)], &UNIT).is_empty());
        assert!(clip_polygon(&[], &UNIT).is_empty());
    }
}
