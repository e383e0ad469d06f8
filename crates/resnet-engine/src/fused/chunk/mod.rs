//! The work of one thread: a chunk of a batch through one layer, with everything that happens to
//! its values on their way in and out.

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

/// The range of one of many images of a grid.
fn image(grid: Grid, index: usize) -> Range<usize> {
    index * grid.len()..(index + 1) * grid.len()
}

/// Tiles that are multiplied together.
struct Group {
    /// Images whose tiles they are.
    images: Range<usize>,
    /// Tiles of each of these images.
    tiles: Range<usize>,
    /// Rows of these images that the tiles need and that no group before has needed.
    rows: Range<usize>,
}

impl Group {
    /// The number of tiles.
    fn len(&self) -> usize {
        self.images.len() * self.tiles.len()
    }

    /// The images with the place among the group's images and among the group's tiles where each
    /// of them starts.
    fn slots(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let tiles = self.tiles.len();
        let images = self.images.clone().enumerate();
        images.map(move |(slot, image)| (image, slot, slot * tiles))
    }

    /// What the next group takes of an array of `images` images of `grid`, roughly.
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
    // Rows that are needed up to a tile.
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
