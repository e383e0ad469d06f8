//! The ten shapes, as tests of whether a point is inside.

/// The names of the shapes, by label.
pub const NAMES: [&str; 10] = [
    "bar", "chevron", "crescent", "cross", "disc", "frame", "pair", "ring", "square", "triangle",
];

/// Whether the point is inside the shape of class `label`, which fits into the circle of radius 1.1
/// around the origin.
pub fn contains(label: u16, x: f32, y: f32) -> bool {
    match label {
        0 => rectangle(x, y, 1.0, 0.3),
        1 => rectangle(x + 0.5, y, 0.3, 0.8) || rectangle(x - 0.1, y + 0.5, 0.8, 0.3),
        2 => disc(x, y, 0.95) && !disc(x - 0.45, y, 0.75),
        3 => rectangle(x, y, 0.95, 0.28) || rectangle(x, y, 0.28, 0.95),
        4 => disc(x, y, 0.85),
        5 => rectangle(x, y, 0.75, 0.75) && !rectangle(x, y, 0.4, 0.4),
        6 => disc(x - 0.55, y, 0.42) || disc(x + 0.55, y, 0.42),
        7 => disc(x, y, 0.9) && !disc(x, y, 0.48),
        8 => rectangle(x, y, 0.72, 0.72),
        _ => y > -0.6 && 1.75 * x + y < 1.05 && -1.75 * x + y < 1.05,
    }
}

fn disc(x: f32, y: f32, radius: f32) -> bool {
    x * x + y * y < radius * radius
}

fn rectangle(x: f32, y: f32, half_width: f32, half_height: f32) -> bool {
    x.abs() < half_width && y.abs() < half_height
}
