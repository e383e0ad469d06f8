//! A figure as a PDF of vectors: text stays text, set in subsets of the embedded fonts.

use std::sync::Arc;

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use usvg_of_krilla::{self as usvg, fontdb};

use super::text::{FAMILY, faces, fallback_id};
use super::{Metadata, RenderError};

/// Points (1/72 inch) of a unit of the SVG, which is a CSS pixel (1/96 inch).
const POINTS_PER_UNIT: f32 = 0.75;

/// Converts an SVG document to a PDF of one page, with the title of the document and the program and
/// sweep of `metadata`. It has no date: equal input gives equal bytes.
///
/// # Errors
/// [`RenderError::Pdf`] where the document cannot be read or converted.
pub(super) fn pdf(svg: &str, metadata: &Metadata) -> Result<Vec<u8>, RenderError> {
    let failed = |message: String| RenderError::Pdf { message };
    let xml = usvg::roxmltree::Document::parse(svg).map_err(|error| failed(error.to_string()))?;
    let tree = usvg::Tree::from_xmltree(&xml, &options());
    let tree = tree.map_err(|error| failed(error.to_string()))?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let size = Size::from_wh(POINTS_PER_UNIT * width, POINTS_PER_UNIT * height);
    let size = size.ok_or_else(|| failed(format!("a page of {width} x {height}")))?;
    let mut document = Document::new();
    document.set_metadata(about(&xml, metadata));
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

/// Title, author and origin of the document.
fn about(xml: &usvg::roxmltree::Document<'_>, metadata: &Metadata) -> krilla::metadata::Metadata {
    let mut elements = xml.root_element().children();
    let title = elements.find(|element| element.has_tag_name("title"));
    let title = title.and_then(|title| title.text()).unwrap_or_default();
    let of = |key| metadata.get(key).unwrap_or_default();
    let program = format!("resweep {}", of("version"));
    krilla::metadata::Metadata::new()
        .title(title.to_owned())
        .authors(vec![program.clone()])
        .creator(program)
        .description(format!("figure {} of sweep {}", of("figure"), of("sweep")))
}

/// As for the PNG, in the version of usvg that krilla draws.
fn options() -> usvg::Options<'static> {
    let mut fonts = fontdb::Database::new();
    let load = |face| fonts.load_font_source(fontdb::Source::Binary(Arc::new(face)));
    let ids: Vec<fontdb::ID> = faces().into_iter().flat_map(load).collect();
    usvg::Options {
        font_family: FAMILY.to_owned(),
        fontdb: Arc::new(fonts),
        font_resolver: usvg::FontResolver {
            select_fallback: Box::new(move |c, used, _| fallback_id(c, used, &ids)),
            ..usvg::FontResolver::default()
        },
        ..usvg::Options::default()
    }
}
