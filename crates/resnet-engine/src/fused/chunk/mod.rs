//! The work of one thread: one chunk of a batch through one layer, including the operations fused
//! into reading the input and writing the output.

mod backward;
mod forward;
mod input;
mod output;
mod pool;

use std::ops::Range;

use super::geometry::Grid;
use super::kernels::Winograd;

pub use backward::Backward;
pub use forward::Forward;
pub use input::Input;
pub use output::Output;
pub use pool::{Pool, Reduce, Unpool};

/// The range of floats of image `index`.
fn image(grid: Grid, index: usize) -> Range<usize> {
    index * grid.len()..(index + 1) * grid.len()
}

/// Tiles that are multiplied in one matrix product.
struct Group {
    /// The images that the tiles belong to.
    images: Range<usize>,
    /// The tiles of each of these images.
    tiles: Range<usize>,
    /// The rows of these images that the tiles need and that no earlier group has needed.
    rows: Range<usize>,
}

impl Group {
    /// The number of tiles.
    fn len(&self) -> usize {
        self.images.len() * self.tiles.len()
    }

    /// For each image: its index, its position among the group's images, and the position of its
    /// first tile among the group's tiles.
    fn slots(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let tiles = self.tiles.len();
        let images = self.images.clone().enumerate();
        images.map(move |(slot, image)| (image, slot, slot * tiles))
    }

    /// The range that the next group reads of an array of `images` images of `grid`, approximately.
    fn next(&self, grid: Grid, images: usize) -> Range<usize> {
        let (of_image, floats) = (grid.tiles(), images * grid.len());
        let end = (self.images.end - 1) * of_image + self.tiles.end;
        let float = |tile: usize| (tile * grid.len() / of_image).min(floats);
        float(end)..float(end + Winograd::GROUP)
    }
}

/// The groups of tiles of `images` images of `grid`.
fn groups(grid: Grid, images: usize) -> impl Iterator<Item = Group> {
    let (step, of_image) = (grid.group_images(), grid.tiles());
    let across = Winograd::tiles(grid.size);
    // The number of rows needed for the tiles before `tile`.
    let rows = move |tile: usize| match tile {
        0 => 0,
        tile => (4 * ((tile - 1) / across) + 5).min(grid.size),
    };
    (0..images).step_by(step).flat_map(move |first| {
        let starts = (0..of_image).step_by(Winograd::GROUP);
        starts.map(move |tile| {
            let tiles = tile..(tile + Winograd::GROUP).min(of_image);
            Group {
                images: first..(first + step).min(images),
                rows: rows(tiles.start)..rows(tiles.end),
                tiles,
            }
        })
    })
}
