//! One thread's scratch memory.

use std::io;

use super::buffer::Buffer;
use super::geometry::{Backbone, Convolution, Grid, Method};
use super::kernels::Winograd;

/// One thread's scratch memory, large enough for every convolution of a network.
pub struct Scratch {
    /// Padded inputs of a group of images, for Winograd's method.
    pub inputs: Padded,
    /// Padded gradients of the outputs of a group of images, for Winograd's method.
    pub gradients: Padded,
    /// Padded inputs of an image, for the direct method.
    pub rows: Padded,
    /// Transformed tiles of a group.
    pub v: Buffer,
    pub m: Buffer,
    /// The gradient of a transformed kernel.
    pub kernel: Buffer,
    /// One image.
    pub image: Buffer,
    /// One padded image, whose border is not guaranteed to be zero.
    pub padded: Buffer,
    /// One row of outputs times one row of a kernel.
    pub row: Buffer,
}

impl Scratch {
    /// Allocates scratch memory for `backbone`.
    ///
    /// # Errors
    /// When the system is out of memory.
    pub fn new(backbone: &Backbone) -> io::Result<Self> {
        let largest = |len: fn(&Convolution) -> usize| Buffer::new(backbone.largest(len));
        Ok(Self {
            inputs: Padded::new(
                winograd(backbone).map(|conv| conv.input),
                Grid::group_images,
            )?,
            gradients: Padded::new(
                winograd(backbone).map(|conv| conv.output),
                Grid::group_images,
            )?,
            rows: Padded::new(padded(backbone).map(|conv| conv.input), |_| 1)?,
            v: largest(tiles)?,
            m: largest(tiles)?,
            kernel: largest(Convolution::prepared_len)?,
            image: largest(image)?,
            padded: largest(|conv| conv.input.padded_len())?,
            row: largest(row)?,
        })
    }

    /// Floats of the scratch memory for `backbone`.
    pub fn floats(backbone: &Backbone) -> usize {
        let largest = |len: fn(&Convolution) -> usize| backbone.largest(len);
        Padded::floats(
            winograd(backbone).map(|conv| conv.input),
            Grid::group_images,
        ) + Padded::floats(
            winograd(backbone).map(|conv| conv.output),
            Grid::group_images,
        ) + Padded::floats(padded(backbone).map(|conv| conv.input), |_| 1)
            + 2 * largest(tiles)
            + largest(Convolution::prepared_len)
            + largest(image)
            + largest(|conv| conv.input.padded_len())
            + largest(row)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        let buffers = [
            &self.v,
            &self.m,
            &self.kernel,
            &self.image,
            &self.padded,
            &self.row,
        ];
        let padded = [&self.inputs, &self.gradients, &self.rows];
        let padded = padded.into_iter().flat_map(|padded| &padded.0);
        let buffers = buffers.into_iter().chain(padded.map(|(_, buffer)| buffer));
        buffers.map(|buffer| buffer.len()).sum()
    }
}

/// The convolutions that Winograd's method computes.
fn winograd(backbone: &Backbone) -> impl Iterator<Item = &Convolution> {
    let convolutions = backbone.convolutions();
    convolutions.filter(|conv| matches!(conv.method(), Method::Winograd(_)))
}

/// The convolutions that the direct method computes on padded images.
fn padded(backbone: &Backbone) -> impl Iterator<Item = &Convolution> {
    let convolutions = backbone.convolutions();
    convolutions.filter(|conv| matches!(conv.method(), Method::Direct(_)) && conv.is_padded())
}

/// Floats of a group's transformed tiles.
fn tiles(conv: &Convolution) -> usize {
    match conv.method() {
        Method::Winograd(_) => Winograd::group_len(conv.input.channels.max(conv.output.channels)),
        Method::Direct(_) => 0,
    }
}

/// Floats of an image of inputs or outputs.
fn image(conv: &Convolution) -> usize {
    conv.input.len().max(conv.output.len())
}

/// Floats of one row of outputs times one row of the kernel.
fn row(conv: &Convolution) -> usize {
    conv.output.size * conv.kernel * conv.input.channels
}

/// Padded images, as many as are needed at a time for each grid. Their borders stay zero, because
/// only the interior is written.
pub struct Padded(Vec<(Grid, Buffer)>);

impl Padded {
    fn new(grids: impl Iterator<Item = Grid>, images: impl Fn(Grid) -> usize) -> io::Result<Self> {
        let padded = distinct(grids).into_iter().map(|grid| {
            let buffer = Buffer::new(images(grid) * grid.padded_len())?;
            Ok((grid, buffer))
        });
        padded.collect::<Result<_, _>>().map(Self)
    }

    /// Floats for `grids`.
    fn floats(grids: impl Iterator<Item = Grid>, images: impl Fn(Grid) -> usize) -> usize {
        let grids = distinct(grids).into_iter();
        grids.map(|grid| images(grid) * grid.padded_len()).sum()
    }

    /// The images of `grid`.
    ///
    /// # Panics
    /// When no convolution of the network has this grid.
    pub fn of(&mut self, grid: Grid) -> &mut [f32] {
        let found = self.0.iter_mut().find(|(known, _)| *known == grid);
        &mut found.expect("every convolution's grids are known").1
    }
}

/// Each grid once.
fn distinct(grids: impl Iterator<Item = Grid>) -> Vec<Grid> {
    let mut distinct = Vec::new();
    for grid in grids {
        if !distinct.contains(&grid) {
            distinct.push(grid);
        }
    }
    distinct
}
