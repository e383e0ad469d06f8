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

/// The range of several of many images of a grid.
fn all(grid: Grid, images: Range<usize>) -> Range<usize> {
    images.start * grid.len()..images.end * grid.len()
}

/// The groups of `images` images whose tiles are multiplied together.
fn groups(grid: Grid, images: usize) -> impl Iterator<Item = Range<usize>> {
    let step = grid.group_images();
    (0..images)
        .step_by(step)
        .map(move |first| first..(first + step).min(images))
}

/// The rows of tiles of each image of a group that are multiplied together.
fn row_groups(grid: Grid) -> impl Iterator<Item = Range<usize>> {
    let (step, tiles) = (grid.group_rows(), Winograd::tiles(grid.size));
    (0..tiles)
        .step_by(step)
        .map(move |first| first..(first + step).min(tiles))
}
