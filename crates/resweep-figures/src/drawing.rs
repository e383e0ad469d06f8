//! A finished figure, and the files that it is written to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RenderError;
use super::text::{FAMILY, faces, fallback_id, unknown};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};
use resweep_core::files::Place;

/// Pixels of the PNG per unit of the SVG, in each direction.
pub const PIXELS_PER_UNIT: u32 = 2;

/// A figure as an SVG document. Equal input gives equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    pub svg: String,
}

impl Drawing {
    /// Renders the figure as a PNG at [`PIXELS_PER_UNIT`], with text in the embedded font.
    pub fn png(&self) -> Result<Vec<u8>, RenderError> {
        encode(&rasterise(&self.svg, PIXELS_PER_UNIT)?)
    }

    /// The characters that the PNG shows as boxes, because no embedded font has them.
    pub fn unknown_characters(&self) -> BTreeSet<char> {
        unknown(&self.svg)
    }

    /// Writes `folder/stem.png` and `folder/stem.svg`; returns their paths in this order.
    ///
    /// Creates the folder. Each file is written atomically and replaces an existing one.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, RenderError> {
        let folder = &Place::root(folder);
        let png = self.png()?;
        Ok(vec![
            write_file(folder, &format!("{stem}.png"), &png)?,
            write_file(folder, &format!("{stem}.svg"), self.svg.as_bytes())?,
        ])
    }
}

/// Renders an SVG document with `scale` pixels per unit.
pub(super) fn rasterise(svg: &str, scale: u32) -> Result<Pixmap, RenderError> {
    let mut fonts = fontdb::Database::new();
    let load = |face| fonts.load_font_source(fontdb::Source::Binary(Arc::new(face)));
    let ids: Vec<fontdb::ID> = faces().into_iter().flat_map(load).collect();
    let options = usvg::Options {
        font_family: FAMILY.to_owned(),
        fontdb: Arc::new(fonts),
        font_resolver: usvg::FontResolver {
            select_fallback: Box::new(move |c, used, _| fallback_id(c, used, &ids)),
            ..usvg::FontResolver::default()
        },
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let (width, height) = (
        size.width().saturating_mul(scale),
        size.height().saturating_mul(scale),
    );
    let mut pixels = Pixmap::new(width, height).ok_or(RenderError::TooLarge { width, height })?;
    let transform = Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    Ok(pixels)
}

pub(super) fn encode(pixels: &Pixmap) -> Result<Vec<u8>, RenderError> {
    pixels.encode_png().map_err(|error| RenderError::Encode {
        message: error.to_string(),
    })
}

/// Writes `folder/name` atomically.
pub(super) fn write_file(folder: &Place, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
    let file = folder.join(name);
    let path = file.to_path_buf();
    file.write(&[bytes]).map_err(|source| RenderError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn drawing() -> Drawing {
        let svg = "<svg width=\"30\" height=\"20\" xmlns=\"http://www.w3.org/2000/svg\">\
                   <rect width=\"30\" height=\"20\" fill=\"#FF0000\"/></svg>";
        Drawing {
            svg: svg.to_owned(),
        }
    }

    #[test]
    fn the_png_has_two_pixels_for_each_unit() {
        let png = drawing().png().expect("the drawing is sound");
        let image = image::load_from_memory(&png).expect("a PNG").to_rgb8();
        assert_eq!(image.dimensions(), (60, 40));
        assert!(image.pixels().all(|pixel| pixel.0 == [255, 0, 0]));
    }

    #[test]
    fn characters_without_font_do_not_hide_others() {
        let png = |text: &str| {
            let svg = format!(
                "<svg width=\"90\" height=\"20\" xmlns=\"http://www.w3.org/2000/svg\">\
                 <text x=\"2\" y=\"16\" font-size=\"14\" font-weight=\"bold\">{text}</text></svg>"
            );
            Drawing { svg }.png().expect("the drawing is sound")
        };
        // No embedded font has Thai: each of these would be a box beside a box.
        let boxes = png("\u{6df1}\u{e01}");
        for known in ["\u{211d}", "\u{207b}", "\u{5e2}", "\u{436}"] {
            assert!(png(&format!("\u{6df1}{known}")) != boxes, "{known}");
        }
    }

    #[test]
    fn files_are_replaced_atomically() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let figures = folder.path().join("results/sweep");
        for _ in 0..2 {
            let paths = drawing()
                .write(&figures, "figure")
                .expect("both are written");
            assert_eq!(
                paths,
                [figures.join("figure.png"), figures.join("figure.svg")]
            );
        }
        let mut names: Vec<_> = fs::read_dir(&figures)
            .expect("the folder was made")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["figure.png", "figure.svg"]);
        let svg = fs::read_to_string(figures.join("figure.svg")).expect("the SVG");
        assert_eq!(svg, drawing().svg);
    }

    #[test]
    fn folder_that_cannot_be_created_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        let error = drawing()
            .write(&file, "figure")
            .expect_err("a file is no folder");
        let expected = format!("cannot write `{}`", file.join("figure.png").display());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn invalid_svg_is_an_error() {
        let broken = Drawing {
            svg: "<svg".to_owned(),
        };
        assert!(matches!(broken.png(), Err(RenderError::Rasterise(_))));
    }
}
