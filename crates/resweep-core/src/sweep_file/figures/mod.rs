//! Reads `[[figure]]`: the kind of a figure, its panels, and the configurations in each.

mod facet;
pub mod figure;
mod heat_grid;
mod pairs;
mod panels;
