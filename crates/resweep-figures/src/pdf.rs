//! A figure as a PDF of vectors: text stays text, set in subsets of the embedded fonts.

use std::sync::Arc;

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use usvg_of_krilla::{self as usvg, fontdb};

use super::RenderError;
use super::text::{FAMILY, faces, fallback_face};

/// Points (1/72 inch) of a unit of the SVG, which is a CSS pixel (1/96 inch).
const POINTS_PER_UNIT: f32 = 0.75;

/// Converts an SVG document to a PDF of one page. The same document gives the same bytes.
///
/// # Errors
/// [`RenderError::Pdf`] where the document cannot be read or converted.
pub(super) fn pdf(svg: &str) -> Result<Vec<u8>, RenderError> {
    let failed = |message: String| RenderError::Pdf { message };
    let tree = usvg::Tree::from_str(svg, &options()).map_err(|error| failed(error.to_string()))?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let size = Size::from_wh(POINTS_PER_UNIT * width, POINTS_PER_UNIT * height);
    let size = size.ok_or_else(|| failed(format!("a page of {width} x {height}")))?;
    let mut document = Document::new();
    let mut page = document.start_page_with(PageSettings::new(size));
    let mut surface = page.surface();
    let drawn = surface.draw_svg(&tree, size, SvgSettings::default());
    surface.finish();
    page.finish();
    drawn.ok_or_else(|| failed("the drawing is empty".to_owned()))?;
    document
        .finish()
        .map_err(|error| failed(format!("{error:?}")))
}

/// As for the PNG, in the version of usvg that krilla draws.
fn options() -> usvg::Options<'static> {
    let mut fonts = fontdb::Database::new();
    let load = |face| fonts.load_font_source(fontdb::Source::Binary(Arc::new(face)));
    let ids: Vec<fontdb::ID> = faces().into_iter().flat_map(load).collect();
    let fallback = move |c: char, used: &[fontdb::ID]| {
        let places = used
            .iter()
            .filter_map(|id| ids.iter().position(|known| known == id));
        ids.get(fallback_face(c, &places.collect::<Vec<usize>>())?)
            .copied()
    };
    usvg::Options {
        font_family: FAMILY.to_owned(),
        fontdb: Arc::new(fonts),
        font_resolver: usvg::FontResolver {
            select_fallback: Box::new(move |c, used, _| fallback(c, used)),
            ..usvg::FontResolver::default()
        },
        ..usvg::Options::default()
    }
}
