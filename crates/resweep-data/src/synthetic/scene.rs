//! The content of one synthetic image, and its pixels.
//!
//! Coordinates range from -1 to 1, x to the right and y downwards; colours from 0 to 1. Only `+ - *
//! /`, square roots and comparisons are used, which IEEE 754 rounds identically everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::shapes;

type Colour = [f32; 3];

/// Random colours of shapes lie above this in each channel; those of backgrounds below `1 -
/// DIVIDE`.
const DIVIDE: f32 = 0.45;
/// The weight of the class's typical colour, between 0 and 1.
const LOYALTY: f32 = 0.5;
/// Radius of the shape.
const RADIUS: [f32; 2] = [0.8, 0.95];
/// The largest slant of a shape, as the tangent of the angle.
const LEAN: f32 = 0.3;
/// The largest change of a channel by the background's shading, from the centre to the edge.
const SHADING: f32 = 0.1;
/// The largest change of a channel by noise.
const NOISE: f32 = 0.05;
/// The coverage of a pixel is sampled at this many points in each direction.
const POINTS: usize = 3;

/// A typical colour for each class, all different and bright.
const TYPICAL: [Colour; 10] = [
    [1.0, 0.2, 0.2],
    [0.2, 1.0, 0.2],
    [0.2, 0.2, 1.0],
    [1.0, 1.0, 0.2],
    [1.0, 0.2, 1.0],
    [0.2, 1.0, 1.0],
    [1.0, 0.6, 0.2],
    [0.95, 0.95, 0.95],
    [0.6, 0.3, 1.0],
    [0.3, 0.7, 0.6],
];

/// The content of an image.
pub struct Scene {
    label: u16,
    centre: [f32; 2],
    radius: f32,
    /// Cosine and sine of the shape's rotation.
    turn: [f32; 2],
    colour: Colour,
    ground: Colour,
    /// The direction of the shading, a unit vector, and its strength in each channel.
    slope: [f32; 2],
    shading: Colour,
}

impl Scene {
    /// A scene of class `label`, inside the image except for corners of the larger shapes.
    pub fn random(label: u16, rng: &mut ChaCha8Rng) -> Self {
        let bright = random_colour(rng).map(|channel| DIVIDE + channel * (1.0 - DIVIDE));
        let radius = between(rng, RADIUS[0], RADIUS[1]);
        let room = 1.0 - 0.95 * radius;
        let lean = between(rng, -LEAN, LEAN);
        let length = (1.0 + lean * lean).sqrt();
        Self {
            label,
            centre: [between(rng, -room, room), between(rng, -room, room)],
            radius,
            turn: [1.0 / length, lean / length],
            colour: mix(bright, TYPICAL[usize::from(label)], LOYALTY),
            ground: random_colour(rng).map(|channel| channel * (1.0 - DIVIDE)),
            slope: direction(rng),
            shading: [(); 3].map(|()| between(rng, -SHADING, SHADING)),
        }
    }

    /// Draws into `size` x `size` pixels of three bytes, with noise from `rng`.
    pub fn draw(&self, size: usize, rng: &mut ChaCha8Rng, pixels: &mut [u8]) {
        for (place, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            let colour = self.pixel(place % size, place / size, size);
            let mut bits = rng.next_u64();
            for (byte, channel) in pixel.iter_mut().zip(colour) {
                let noise = NOISE * triangular(&mut bits);
                // A tenth of the range stays free at both ends, so that noise is not clipped.
                *byte = ((0.1 + 0.8 * channel + noise) * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }

    /// The colours of shape and background, mixed by their coverage of the pixel.
    fn pixel(&self, column: usize, row: usize, size: usize) -> Colour {
        let coordinate = |place: usize, of: usize| (2 * place + 1) as f32 / of as f32 - 1.0;
        let mut covered = 0;
        for point in 0..POINTS * POINTS {
            let x = coordinate(column * POINTS + point % POINTS, size * POINTS);
            let y = coordinate(row * POINTS + point / POINTS, size * POINTS);
            covered += usize::from(self.covers(x, y));
        }
        let (x, y) = (coordinate(column, size), coordinate(row, size));
        let depth = self.slope[0] * x + self.slope[1] * y;
        let ground = std::array::from_fn(|i| self.ground[i] + self.shading[i] * depth);
        mix(
            ground,
            self.colour,
            covered as f32 / (POINTS * POINTS) as f32,
        )
    }

    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (
            (x - self.centre[0]) / self.radius,
            (y - self.centre[1]) / self.radius,
        );
        let [cos, sin] = self.turn;
        shapes::contains(self.label, dx * cos + dy * sin, dy * cos - dx * sin)
    }
}

/// A number in 0..1, a multiple of 2^-24.
fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
}

/// A number in -1..1, the more probable the nearer to 0; takes 20 of the random bits.
fn triangular(bits: &mut u64) -> f32 {
    let sum = (*bits & 0x3ff) + (*bits >> 10 & 0x3ff);
    *bits >>= 20;
    (sum as f32 - 1023.0) / 1024.0
}

fn between(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * unit(rng)
}

fn random_colour(rng: &mut ChaCha8Rng) -> Colour {
    [(); 3].map(|()| unit(rng))
}

/// `a` and `b`, mixed with the weight `part` of `b`, between 0 and 1.
fn mix(a: Colour, b: Colour, part: f32) -> Colour {
    std::array::from_fn(|channel| a[channel] * (1.0 - part) + b[channel] * part)
}

/// A unit vector, all directions equally probable.
fn direction(rng: &mut ChaCha8Rng) -> [f32; 2] {
    loop {
        let (x, y) = (between(rng, -1.0, 1.0), between(rng, -1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}
