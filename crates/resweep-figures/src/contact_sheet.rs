//! Draws a contact sheet: rows of small images with labels, as a preview of training images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use resweep_core::domain::Theme;
use resweep_core::files::Place;

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font, Words, page};
use super::drawing::{encode, rasterise, write_file};
use super::text::{Weight, unknown, width};

const MARGIN: usize = 16;
const GAP: usize = 4;
const TITLE_ROW: usize = 30;
const TITLE_SIZE: f64 = 17.0;
const NAME_SIZE: f64 = 14.0;
/// Between a row's name and its images.
const NAME_GAP: usize = 12;
/// Images are magnified up to this many pixels, at most fourfold.
const MAGNIFIED: usize = 100;

/// A square image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Height and width in pixels.
    pub size: usize,
    /// `size * size * 3` bytes: row by row, red, green and blue of each pixel.
    pub rgb: Vec<u8>,
}

/// A finished contact sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub png: Vec<u8>,
    /// Characters of its labels that are boxes because no embedded font has them.
    pub unknown_characters: BTreeSet<char>,
}

impl Sheet {
    /// Writes `folder/stem.png` atomically and returns its path. Creates the folder.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<PathBuf, RenderError> {
        write_file(&Place::root(folder), &format!("{stem}.png"), &self.png)
    }
}

/// Draws rows of images, each with its label at the left. The images are magnified by an integer
/// factor without smoothing.
///
/// # Errors
/// [`RenderError::Tile`] when an image's bytes do not match its size.
pub fn contact_sheet(title: &str, rows: &[(String, Vec<Tile>)]) -> Result<Sheet, RenderError> {
    for tile in rows.iter().flat_map(|(_, tiles)| tiles) {
        check(tile)?;
    }
    let grid = Grid::new(title, rows);
    let svg = page(grid.page(), Theme::Light, &Words::default(), |canvas| {
        paint(canvas, title, rows, &grid)
    })?;
    let mut pixels = rasterise(&svg, 1)?;
    for (row, (_, tiles)) in rows.iter().enumerate() {
        for (column, tile) in tiles.iter().enumerate() {
            magnify(&mut pixels, tile, grid.cell(row, column), grid.factor);
        }
    }
    Ok(Sheet {
        png: encode(&pixels)?,
        unknown_characters: unknown(&svg),
    })
}

fn check(tile: &Tile) -> Result<(), RenderError> {
    let expected = tile.size.saturating_mul(tile.size).saturating_mul(3);
    if tile.rgb.len() == expected {
        return Ok(());
    }
    Err(RenderError::Tile {
        size: tile.size,
        expected,
        found: tile.rgb.len(),
    })
}

/// The positions of the images, in pixels.
struct Grid {
    factor: usize,
    /// Distance from one image to the next, across and down.
    step: usize,
    left: usize,
    width: usize,
    height: usize,
}

impl Grid {
    fn new(title: &str, rows: &[(String, Vec<Tile>)]) -> Grid {
        let tiles = || rows.iter().flat_map(|(_, tiles)| tiles);
        let size = tiles().map(|tile| tile.size).max().unwrap_or(0);
        let factor = (MAGNIFIED / size.max(1)).clamp(1, 4);
        let step = (size * factor).max(NAME_SIZE as usize + 6) + GAP;
        let name_width = rows
            .iter()
            .map(|(name, _)| width(name, NAME_SIZE, Weight::Regular).ceil() as usize)
            .max();
        let left = MARGIN + name_width.unwrap_or(0) + NAME_GAP;
        let columns = rows.iter().map(|(_, tiles)| tiles.len()).max().unwrap_or(0);
        let title_width = width(title, TITLE_SIZE, Weight::Bold).ceil() as usize;
        Grid {
            factor,
            step,
            left,
            width: (left + columns * step).max(MARGIN + title_width) + MARGIN - GAP,
            height: MARGIN + TITLE_ROW + rows.len() * step + MARGIN - GAP,
        }
    }

    fn page(&self) -> (f64, f64) {
        (self.width as f64, self.height as f64)
    }

    /// The upper left pixel of an image.
    fn cell(&self, row: usize, column: usize) -> (usize, usize) {
        let x = self.left + column * self.step;
        (x, MARGIN + TITLE_ROW + row * self.step)
    }
}

fn paint(
    canvas: &Canvas,
    title: &str,
    rows: &[(String, Vec<Tile>)],
    grid: &Grid,
) -> Result<(), RenderError> {
    let font = |size, weight| Font {
        size,
        weight,
        colour: canvas.scheme().ink,
    };
    let at = (MARGIN as f64, (MARGIN + TITLE_ROW / 3) as f64);
    canvas.text(title, at, Anchor::Start, font(TITLE_SIZE, Weight::Bold))?;
    for (row, (name, _)) in rows.iter().enumerate() {
        let (x, y) = grid.cell(row, 0);
        let middle = y as f64 + (grid.step - GAP) as f64 / 2.0;
        let at = ((x - NAME_GAP) as f64, middle);
        canvas.text(name, at, Anchor::End, font(NAME_SIZE, Weight::Regular))?;
    }
    Ok(())
}

/// Copies `tile` to (x, y), each pixel as a square of `factor` pixels.
fn magnify(pixels: &mut Pixmap, tile: &Tile, (x, y): (usize, usize), factor: usize) {
    let width = pixels.width() as usize;
    let side = tile.size * factor;
    for (row, line) in pixels
        .pixels_mut()
        .chunks_mut(width)
        .skip(y)
        .take(side)
        .enumerate()
    {
        for (column, pixel) in line.iter_mut().skip(x).take(side).enumerate() {
            let from = 3 * (row / factor * tile.size + column / factor);
            let [r, g, b] = [tile.rgb[from], tile.rgb[from + 1], tile.rgb[from + 2]];
            *pixel = PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(*pixel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(size: usize, colour: [u8; 3]) -> Tile {
        Tile {
            size,
            rgb: colour.repeat(size * size),
        }
    }

    #[test]
    fn images_are_magnified_without_smoothing() {
        let mut first = tile(16, [10, 20, 30]);
        first.rgb[..3].copy_from_slice(&[200, 100, 50]);
        let rows = [
            ("cat".to_owned(), vec![first, tile(16, [1, 2, 3])]),
            ("dog & <wolf>".to_owned(), vec![tile(16, [7, 8, 9])]),
        ];
        let sheet = contact_sheet("samples", &rows).expect("the tiles are sound");
        let image = image::load_from_memory(&sheet.png)
            .expect("a PNG")
            .to_rgb8();
        let count = |colour: [u8; 3]| image.pixels().filter(|p| p.0 == colour).count();
        assert_eq!(count([200, 100, 50]), 4 * 4);
        assert_eq!(count([10, 20, 30]), 64 * 64 - 4 * 4);
        assert_eq!(count([1, 2, 3]), 64 * 64);
        assert_eq!(count([7, 8, 9]), 64 * 64);
    }

    #[test]
    fn a_tile_of_the_wrong_length_is_refused() {
        let rows = [(
            "cat".to_owned(),
            vec![Tile {
                size: 2,
                rgb: vec![0; 11],
            }],
        )];
        let error = contact_sheet("samples", &rows).expect_err("one byte is missing");
        let expected = "a tile of 2 x 2 pixels needs 12 bytes of RGB, but has 11";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_sheet_without_images_is_drawn() {
        for rows in [
            vec![],
            vec![("cat".to_owned(), vec![])],
            vec![(String::new(), vec![tile(0, [0; 3])])],
        ] {
            contact_sheet("", &rows).expect("nothing to magnify");
        }
    }
}
