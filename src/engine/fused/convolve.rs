//! A convolution of one chunk of a batch, forward and backward, with everything that happens to
//! its values on their way in and out.

use std::ops::Range;

use super::batch_norm::{Normalisation, NormalisationGradient};
use super::geometry::{Convolution, Grid, Method};
use super::kernels::{
    Direct, PixelSink, PixelSource, Prefetch, Sums, Task, Vector, Winograd, copy, pad, scan,
};
use super::scratch::{Padded, Scratch};
use super::sinks::{AgainstValue, Centred, InnerGradient, Kept, Measured, OuterGradient, Summed};
use super::sources::{Activated, Joined, Stored, Uniform, Unnormalised};

/// A chunk's images on their way into a convolution.
pub enum Input<'a> {
    Stored(&'a [f32]),
    Activated {
        x: &'a [f32],
        norm: &'a Normalisation,
    },
    Joined(Joined<'a>),
}

impl<'a> Input<'a> {
    /// Cuts the images into chunks of `len` floats.
    pub fn chunks(self, len: usize) -> Vec<Self> {
        match self {
            Self::Stored(x) => x.chunks(len).map(Self::Stored).collect(),
            Self::Activated { x, norm } => {
                let chunks = x.chunks(len);
                chunks.map(|x| Self::Activated { x, norm }).collect()
            }
            Self::Joined(joined) => joined.chunks(len).into_iter().map(Self::Joined).collect(),
        }
    }
}

impl Input<'_> {
    /// What the images at `range` are read from and written to.
    fn arrays(&self, range: Range<usize>) -> [&[f32]; 3] {
        match self {
            Self::Stored(x) | Self::Activated { x, .. } => [&x[range], &[], &[]],
            Self::Joined(joined) => joined.arrays(range),
        }
    }

    /// Fills the inside of a padded image with the image at `range`.
    #[inline(always)]
    fn pad<S: Vector>(&mut self, simd: S, grid: Grid, range: Range<usize>, padded: &mut [f32]) {
        let (shape, pitch) = ((grid.size, grid.channels), grid.padded_pitch());
        match self {
            Self::Stored(x) if !grid.channels.is_multiple_of(S::LANES) => {
                copy_rows(grid, &x[range], padded);
            }
            Self::Stored(x) => pad(simd, shape, &mut Stored(&x[range]), pitch, padded),
            Self::Activated { x, norm } => {
                let x = &x[range];
                pad(simd, shape, &mut Activated { x, norm }, pitch, padded);
            }
            Self::Joined(joined) => pad(simd, shape, &mut joined.image(range), pitch, padded),
        }
    }
}

/// Copies an image into a padded one, whatever its channels.
fn copy_rows(grid: Grid, image: &[f32], padded: &mut [f32]) {
    let pitch = grid.padded_pitch();
    let rows = image.chunks_exact(grid.size * grid.channels);
    for (row, padded) in rows.zip(padded[pitch..].chunks_mut(pitch)) {
        padded[grid.channels..grid.channels + row.len()].copy_from_slice(row);
    }
}

/// The range of one of many images of a grid.
fn image(grid: Grid, index: usize) -> Range<usize> {
    index * grid.len()..(index + 1) * grid.len()
}

/// The range of several of many images of a grid.
fn all(grid: Grid, images: Range<usize>) -> Range<usize> {
    images.start * grid.len()..images.end * grid.len()
}

/// The groups of images and the tile rows of each that go through the products together.
fn groups(grid: Grid, images: usize) -> impl Iterator<Item = Range<usize>> {
    let step = grid.group_images();
    (0..images)
        .step_by(step)
        .map(move |first| first..(first + step).min(images))
}

fn row_groups(grid: Grid) -> impl Iterator<Item = Range<usize>> {
    let (step, tiles) = (grid.group_rows(), Winograd::tiles(grid.size));
    (0..tiles)
        .step_by(step)
        .map(move |first| first..(first + step).min(tiles))
}

/// Convolves a chunk.
pub struct Forward<'a> {
    pub conv: &'a Convolution,
    /// As the method wants it.
    pub kernel: &'a [f32],
    pub input: Input<'a>,
    pub output: &'a mut [f32],
    /// Of the outputs and of their squares.
    pub sums: &'a mut Sums,
    pub scratch: &'a mut Scratch,
}

impl Task for Forward<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        match self.conv.method() {
            Method::Winograd(winograd) => self.winograd(simd, winograd),
            Method::Direct(direct) => self.direct(simd, direct),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn winograd<S: Vector>(mut self, simd: S, winograd: Winograd) {
        let (from, to) = (self.conv.input, self.conv.output);
        let across = Winograd::tiles(from.size);
        let Scratch { inputs, v, m, .. } = self.scratch;
        let padded = inputs.of(from);
        let images = self.output.len() / to.len();
        for group in groups(from, images) {
            for (index, padded) in group
                .clone()
                .zip(padded.chunks_exact_mut(from.padded_len()))
            {
                self.input.pad(simd, from, image(from, index), padded);
            }
            let next = group.end..(group.end + group.len()).min(images);
            let [x, shortcut, joint] = self.input.arrays(all(from, next.clone()));
            let arrays = [x, shortcut, joint, &self.output[all(to, next)], &[], &[]];
            let mut ahead = Prefetch::new(arrays, Winograd::TICKS * row_groups(from).count());
            for rows in row_groups(from) {
                let tiles = rows.len() * across;
                let images = padded.chunks_exact(from.padded_len()).take(group.len());
                for (slot, padded) in images.enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, from.channels, padded, rows, first, v);
                }
                winograd.multiply_tiles(
                    simd,
                    group.len() * tiles,
                    (from.channels, to.channels),
                    (v, self.kernel),
                    m,
                    &mut ahead,
                );
                for (slot, index) in group.clone().enumerate() {
                    let tiles = Tiles {
                        winograd,
                        channels: to.channels,
                        rows: rows.clone(),
                        first: slot * tiles,
                        m,
                    };
                    let output = &mut self.output[image(to, index)];
                    tiles.send(simd, &mut Measured { output }, self.sums);
                }
            }
        }
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let to = self.conv.output;
        for (index, output) in self.output.chunks_exact_mut(to.len()).enumerate() {
            let padded = &mut self.scratch.inputs;
            let input = prepare(simd, self.conv, &mut self.input, index, padded);
            direct.forward(simd, input, self.kernel, output);
            let shape = (to.size * to.size, to.channels);
            let mut source = Stored(output);
            scan(simd, shape, &mut source, &mut Summed, self.sums);
        }
    }
}

/// One image as the direct method reads it: padded, but for 1x1 kernels.
#[inline(always)]
fn prepare<'a, S: Vector>(
    simd: S,
    conv: &Convolution,
    input: &'a mut Input<'_>,
    index: usize,
    padded: &'a mut Padded,
) -> &'a [f32] {
    let range = image(conv.input, index);
    match input {
        Input::Stored(x) if !conv.is_padded() => &x[range],
        input => {
            let padded = padded.of(conv.input);
            input.pad(simd, conv.input, range, padded);
            padded
        }
    }
}

/// Where the gradients of a chunk's inputs go.
pub enum Output<'a> {
    /// Nobody wants them: the first layer.
    None,
    /// As they are.
    Kept(&'a mut [f32]),
    /// [`InnerGradient`] for many.
    Inner {
        norm: &'a Normalisation,
        x: &'a [f32],
        gradient: &'a mut [f32],
    },
    /// [`OuterGradient`] for many.
    Outer {
        output: &'a [f32],
        shortcut: Option<&'a [f32]>,
        centred: Centred<'a>,
        gradient: &'a mut [f32],
    },
}

impl<'a> Output<'a> {
    /// Cuts the images into `count` chunks of `len` floats.
    pub fn chunks(self, count: usize, len: usize) -> Vec<Self> {
        match self {
            Self::None => (0..count).map(|_| Self::None).collect(),
            Self::Kept(gradient) => gradient.chunks_mut(len).map(Self::Kept).collect(),
            Self::Inner { norm, x, gradient } => {
                let chunks = x.chunks(len).zip(gradient.chunks_mut(len));
                chunks
                    .map(|(x, gradient)| Self::Inner { norm, x, gradient })
                    .collect()
            }
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => {
                let chunks = output.chunks(len).zip(gradient.chunks_mut(len)).enumerate();
                let chunk = |(index, (output, gradient)): (usize, (&'a [f32], &'a mut [f32]))| {
                    let range = index * len..index * len + output.len();
                    Self::Outer {
                        output,
                        shortcut: shortcut.map(|shortcut| &shortcut[range.clone()]),
                        centred: centred.slice(range),
                        gradient,
                    }
                };
                chunks.map(chunk).collect()
            }
        }
    }
}

impl Output<'_> {
    /// What the gradients of the images at `range` are computed from and written to.
    fn arrays(&self, range: Range<usize>) -> [&[f32]; 4] {
        match self {
            Self::None => [&[]; 4],
            Self::Kept(gradient) => [&gradient[range], &[], &[], &[]],
            Self::Inner { x, gradient, .. } => [&x[range.clone()], &gradient[range], &[], &[]],
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => [
                &output[range.clone()],
                shortcut.map_or(&[], |shortcut| &shortcut[range.clone()]),
                &centred.x[range.clone()],
                &gradient[range],
            ],
        }
    }

    /// Takes the gradients of the image at `range`.
    #[inline(always)]
    fn take<S: Vector>(
        &mut self,
        simd: S,
        range: Range<usize>,
        pixels: impl Pixels,
        sums: &mut Sums,
    ) {
        match self {
            Self::None => {}
            Self::Kept(gradient) => pixels.send(simd, &mut Kept(&mut gradient[range]), sums),
            Self::Inner { norm, x, gradient } => {
                let mut sink = InnerGradient {
                    norm,
                    x: &x[range.clone()],
                    gradient: &mut gradient[range],
                };
                pixels.send(simd, &mut sink, sums);
            }
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => {
                let mut sink = OuterGradient {
                    output: &output[range.clone()],
                    shortcut: shortcut.map(|shortcut| &shortcut[range.clone()]),
                    centred: centred.slice(range.clone()),
                    gradient: &mut gradient[range],
                };
                pixels.send(simd, &mut sink, sums);
            }
        }
    }
}

/// Some pixels of an image, ready to be sent to a sink.
trait Pixels {
    fn send<S: Vector>(self, simd: S, sink: &mut impl PixelSink, sums: &mut Sums);
}

/// The pixels of Winograd's tiles.
struct Tiles<'a> {
    winograd: Winograd,
    channels: usize,
    rows: Range<usize>,
    /// The tile in `m` that is the first of the rows.
    first: usize,
    m: &'a [f32],
}

impl Pixels for Tiles<'_> {
    #[inline(always)]
    fn send<S: Vector>(self, simd: S, sink: &mut impl PixelSink, sums: &mut Sums) {
        let Self {
            winograd,
            channels,
            rows,
            first,
            m,
        } = self;
        winograd.transform_output(simd, channels, m, rows, first, sink, sums);
    }
}

/// All the pixels of one image.
struct Image<T> {
    grid: Grid,
    source: T,
}

impl<T: PixelSource> Pixels for Image<T> {
    #[inline(always)]
    fn send<S: Vector>(mut self, simd: S, sink: &mut impl PixelSink, sums: &mut Sums) {
        let shape = (self.grid.size * self.grid.size, self.grid.channels);
        scan(simd, shape, &mut self.source, sink, sums);
    }
}

/// Takes a chunk's gradients back through a convolution and the BN after it.
pub struct Backward<'a> {
    pub conv: &'a Convolution,
    /// For the gradient of the inputs, as the method wants it.
    pub kernel: &'a [f32],
    /// Of the BN's output.
    pub gradient: &'a [f32],
    /// The convolution's output, which the BN normalised.
    pub x: &'a [f32],
    pub norm: &'a NormalisationGradient,
    /// The convolution's input.
    pub input: Input<'a>,
    pub output: Output<'a>,
    /// (height, width, in, out), overwritten.
    pub kernel_gradient: &'a mut [f32],
    /// What `output` sums.
    pub sums: &'a mut Sums,
    pub scratch: &'a mut Scratch,
}

impl Task for Backward<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        match self.conv.method() {
            Method::Winograd(winograd) => self.winograd(simd, winograd),
            Method::Direct(direct) => self.direct(simd, direct),
        }
    }
}

impl Backward<'_> {
    #[inline(always)]
    fn winograd<S: Vector>(mut self, simd: S, winograd: Winograd) {
        let (from, to) = (self.conv.input, self.conv.output);
        let across = Winograd::tiles(from.size);
        let Scratch {
            inputs,
            gradients,
            v,
            m,
            kernel: kernel_gradient,
            ..
        } = self.scratch;
        let kernel_gradient = &mut kernel_gradient[..winograd.kernel_len()];
        let (inputs, gradients) = (inputs.of(from), gradients.of(to));
        let mut accumulate = false;
        let images = self.x.len() / to.len();
        for group in groups(from, images) {
            let padded = inputs.chunks_exact_mut(from.padded_len());
            for (index, padded) in group.clone().zip(padded) {
                self.input.pad(simd, from, image(from, index), padded);
            }
            let padded = gradients.chunks_exact_mut(to.padded_len());
            for (index, padded) in group.clone().zip(padded) {
                let mut source = Unnormalised {
                    gradient: &self.gradient[image(to, index)],
                    x: &self.x[image(to, index)],
                    norm: self.norm,
                };
                let shape = (to.size, to.channels);
                pad(simd, shape, &mut source, to.padded_pitch(), padded);
            }
            let next = group.end..(group.end + group.len()).min(images);
            let of_output = all(to, next.clone());
            let gradient = &self.gradient[of_output.clone()];
            // The input that the kernel's gradient needs is among these already.
            let [a, b, c, d] = self.output.arrays(all(from, next));
            let arrays = [gradient, &self.x[of_output], a, b, c, d];
            let mut ahead = Prefetch::new(arrays, 2 * Winograd::TICKS * row_groups(from).count());
            for rows in row_groups(from) {
                let tiles = rows.len() * across;
                let images = gradients.chunks_exact(to.padded_len()).take(group.len());
                for (slot, padded) in images.clone().enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, to.channels, padded, rows, first, m);
                }
                winograd.multiply_tiles(
                    simd,
                    group.len() * tiles,
                    (to.channels, from.channels),
                    (m, self.kernel),
                    v,
                    &mut ahead,
                );
                for (slot, index) in group.clone().enumerate() {
                    let tiles = Tiles {
                        winograd,
                        channels: from.channels,
                        rows: rows.clone(),
                        first: slot * tiles,
                        m: v,
                    };
                    self.output.take(simd, image(from, index), tiles, self.sums);
                }
                for (slot, padded) in images.enumerate() {
                    winograd.transform_gradient(simd, padded, rows.clone(), slot * tiles, m);
                }
                let images = inputs.chunks_exact(from.padded_len()).take(group.len());
                for (slot, padded) in images.enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, from.channels, padded, rows, first, v);
                }
                let tiles = group.len() * tiles;
                winograd.multiply_kernel_gradient(
                    simd,
                    tiles,
                    (v, m),
                    kernel_gradient,
                    accumulate,
                    &mut ahead,
                );
                accumulate = true;
            }
        }
        Winograd::transform_kernel_gradient(simd, kernel_gradient, self.kernel_gradient);
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let (conv, from, to) = (self.conv, self.conv.input, self.conv.output);
        let Scratch {
            inputs,
            image: gradient,
            padded,
            row,
            ..
        } = self.scratch;
        let gradient = &mut gradient[..to.len()];
        for index in 0..self.x.len() / to.len() {
            let mut source = Unnormalised {
                gradient: &self.gradient[image(to, index)],
                x: &self.x[image(to, index)],
                norm: self.norm,
            };
            copy(simd, to.channels, &mut source, gradient);
            let input = prepare(simd, conv, &mut self.input, index, inputs);
            direct.kernel_gradient(simd, input, gradient, self.kernel_gradient, index > 0);
            if let Output::None = self.output {
                continue;
            }
            let len = direct.pitch
                * if conv.is_padded() {
                    Winograd::padded_size(from.size)
                } else {
                    from.size
                };
            let inputs_gradient = &mut padded[..len];
            inputs_gradient.fill(0.0);
            direct.backward(simd, gradient, self.kernel, row, inputs_gradient);
            if conv.is_padded() {
                strip_border(from, inputs_gradient);
            }
            let pixels = Image {
                grid: from,
                source: Stored(&inputs_gradient[..from.len()]),
            };
            self.output
                .take(simd, image(from, index), pixels, self.sums);
        }
    }
}

/// Moves the inside of a padded image to its start, without gaps.
fn strip_border(grid: Grid, padded: &mut [f32]) {
    let row_len = grid.size * grid.channels;
    for row in 0..grid.size {
        let from = (row + 1) * grid.padded_pitch() + grid.channels;
        padded.copy_within(from..from + row_len, row * row_len);
    }
}

/// Computes the last block's output and averages each feature over the pixels of each image.
pub struct Pool<'a> {
    pub grid: Grid,
    pub joined: Joined<'a>,
    /// Features of an image that count.
    pub channels: usize,
    /// (images, channels)
    pub features: &'a mut [f32],
}

impl Task for Pool<'_> {
    #[inline(always)]
    fn run<S: Vector>(mut self, simd: S) {
        let pixels = self.grid.size * self.grid.size;
        for (index, features) in self.features.chunks_exact_mut(self.channels).enumerate() {
            let grid = self.grid;
            let source = self.joined.image(image(grid, index));
            let mut sums = Sums::new(grid.channels);
            Image { grid, source }.send(simd, &mut Summed, &mut sums);
            for (feature, sum) in features.iter_mut().zip(&sums.first) {
                *feature = (sum / pixels as f64) as f32;
            }
        }
    }
}

/// Takes the gradients of the features back to the pixels.
pub struct Unpool<'a> {
    pub grid: Grid,
    /// Of the features, (images, channels).
    pub features: &'a [f32],
    /// Features of an image that count.
    pub channels: usize,
    pub output: Output<'a>,
    /// What `output` sums.
    pub sums: &'a mut Sums,
}

impl Task for Unpool<'_> {
    #[inline(always)]
    fn run<S: Vector>(mut self, simd: S) {
        let share = 1.0 / (self.grid.size * self.grid.size) as f32;
        let mut shares = vec![0.0; self.grid.channels];
        for (index, features) in self.features.chunks_exact(self.channels).enumerate() {
            for (to, feature) in shares.iter_mut().zip(features) {
                *to = feature * share;
            }
            let pixels = Image {
                grid: self.grid,
                source: Uniform(&shares),
            };
            self.output
                .take(simd, image(self.grid, index), pixels, self.sums);
        }
    }
}

/// Sums a gradient g, and g (x - mean).
pub struct Reduce<'a> {
    pub grid: Grid,
    pub gradient: &'a [f32],
    pub against: Centred<'a>,
    pub sums: &'a mut Sums,
}

impl Task for Reduce<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        for (index, gradient) in self.gradient.chunks_exact(self.grid.len()).enumerate() {
            let pixels = Image {
                grid: self.grid,
                source: Stored(gradient),
            };
            let against = self.against.slice(image(self.grid, index));
            pixels.send(simd, &mut AgainstValue(against), self.sums);
        }
    }
}
