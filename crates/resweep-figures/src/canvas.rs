//! Draws on a page; the only file that uses plotters.
//!
//! Lengths are in page units, one CSS pixel each, y downwards. Plotters has integer coordinates, so
//! it draws on a page [`FINENESS`] times as large, nested in an `<svg>` of the page's size:
//! positions are exact to a tenth of a pixel.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::{DashedPathElement, PathElement, Polygon};
use plotters::prelude::{
    Circle, Color, DrawingArea, FontStyle, FontTransform, IntoDrawingArea, IntoFont, RGBAColor,
    RGBColor, SVGBackend, ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, TextStyle};

use resweep_core::domain::Theme;

use super::RenderError;
use super::clip::{Rect, Xy};
use super::metadata::escaped;
use super::palette::{Colour, Scheme};
use super::text::{FAMILIES, Weight};

/// Plotters' units per page unit.
const FINENESS: f64 = 10.0;
/// Plotters divides font sizes by this factor for SVG.
const FONT_SCALE: f64 = 1.24;
/// Digits and capitals are centred below SVG's `0.5ex` by this fraction of the font size.
const CENTRING: f64 = 0.1;

/// The style of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    pub colour: Colour,
    /// 0 (invisible) to 1.
    pub opacity: f64,
    pub width: f64,
    /// Lengths of dash and gap; `None` for a solid line.
    pub dash: Option<(f64, f64)>,
}

/// The point of a text that is at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The style of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Font {
    pub size: f64,
    pub weight: Weight,
    pub colour: Colour,
}

/// A page being drawn.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    scheme: Scheme,
}

/// The text alternative of a page, for screen readers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    pub title: String,
    pub description: String,
}

impl Words {
    /// The first elements of an SVG document, which screen readers read.
    fn elements(&self) -> String {
        let element = |name: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("<{name}>{}</{name}>\n", escaped(text)),
        };
        element("title", &self.title) + &element("desc", &self.description)
    }
}

/// Draws a page of the given size on the theme's background with `paint`. Returns it as an SVG
/// document with a text alternative.
pub(super) fn page(
    (width, height): (f64, f64),
    theme: Theme,
    words: &Words,
    paint: impl FnOnce(&Canvas) -> Result<(), RenderError>,
) -> Result<String, RenderError> {
    let (fine_width, fine_height) = (length(width), length(height));
    let mut fine = String::new();
    {
        let area = SVGBackend::with_string(&mut fine, (fine_width, fine_height));
        let canvas = Canvas {
            area: area.into_drawing_area(),
            scheme: Scheme::of(theme),
        };
        let whole = Rect {
            left: 0.0,
            top: 0.0,
            right: width,
            bottom: height,
        };
        canvas.fill_rect(&whole, canvas.scheme.background, 1.0)?;
        paint(&canvas)?;
        canvas.area.present()?;
    }
    Ok(format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {fine_width} {fine_height}\" \
         stroke-linejoin=\"round\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         {}{fine}</svg>\n",
        words.elements()
    ))
}

impl Canvas<'_> {
    /// The colours of the page's theme.
    pub(super) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// A line of straight segments.
    pub(super) fn line(&self, points: &[Xy], stroke: Stroke) -> Result<(), RenderError> {
        let style = style(stroke.colour, stroke.opacity).stroke_width(length(stroke.width));
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        match stroke.dash {
            None => self.area.draw(&PathElement::new(points, style))?,
            Some((dash, gap)) => {
                let (dash, gap) = (length(dash), length(gap));
                self.area
                    .draw(&DashedPathElement::new(points, dash, gap, style))?;
            }
        }
        Ok(())
    }

    /// A filled shape without an outline.
    pub(super) fn fill(
        &self,
        corners: &[Xy],
        colour: Colour,
        opacity: f64,
    ) -> Result<(), RenderError> {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(fine).collect();
        self.area
            .draw(&Polygon::new(corners, style(colour, opacity)))?;
        Ok(())
    }

    /// A filled upright rectangle.
    pub(super) fn fill_rect(
        &self,
        rect: &Rect,
        colour: Colour,
        opacity: f64,
    ) -> Result<(), RenderError> {
        let corners = [
            (rect.left, rect.top),
            (rect.right, rect.top),
            (rect.right, rect.bottom),
            (rect.left, rect.bottom),
        ];
        self.fill(&corners, colour, opacity)
    }

    /// A filled disc.
    pub(super) fn disc(&self, centre: Xy, radius: f64, colour: Colour) -> Result<(), RenderError> {
        let style = style(colour, 1.0).filled();
        self.area
            .draw(&Circle::new(fine(centre), length(radius), style))?;
        Ok(())
    }

    /// A circle filled with the background colour.
    pub(super) fn ring(&self, centre: Xy, radius: f64, stroke: Stroke) -> Result<(), RenderError> {
        self.disc(centre, radius, self.scheme.background)?;
        let style = style(stroke.colour, stroke.opacity).stroke_width(length(stroke.width));
        let outline = ShapeStyle {
            filled: false,
            ..style
        };
        self.area
            .draw(&Circle::new(fine(centre), length(radius), outline))?;
        Ok(())
    }

    /// A line of text, vertically centred at its position.
    pub(super) fn text(
        &self,
        text: &str,
        (x, y): Xy,
        anchor: Anchor,
        font: Font,
    ) -> Result<(), RenderError> {
        let at = fine((x, y + CENTRING * font.size));
        self.draw_text(text, at, anchor, font, FontTransform::None)
    }

    /// A line of text rotated to read upwards, centred at its position.
    pub(super) fn text_upwards(
        &self,
        text: &str,
        (x, y): Xy,
        font: Font,
    ) -> Result<(), RenderError> {
        let at = fine((x + CENTRING * font.size, y));
        self.draw_text(text, at, Anchor::Middle, font, FontTransform::Rotate270)
    }

    fn draw_text(
        &self,
        text: &str,
        at: (i32, i32),
        anchor: Anchor,
        font: Font,
        transform: FontTransform,
    ) -> Result<(), RenderError> {
        let weight = match font.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let colour = rgba(font.colour, 1.0);
        let style = TextStyle::from(
            (
                FontFamily::Name(FAMILIES),
                font.size * FINENESS * FONT_SCALE,
            )
                .into_font()
                .style(weight)
                .transform(transform),
        )
        .color(&colour)
        .pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text, at, style))?;
        Ok(())
    }
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for RenderError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        RenderError::Draw {
            message: error.to_string(),
        }
    }
}

fn style(colour: Colour, opacity: f64) -> ShapeStyle {
    ShapeStyle::from(rgba(colour, opacity)).filled()
}

fn rgba(Colour(r, g, b): Colour, opacity: f64) -> RGBAColor {
    RGBColor(r, g, b).mix(opacity)
}

fn fine((x, y): Xy) -> (i32, i32) {
    ((x * FINENESS).round() as i32, (y * FINENESS).round() as i32)
}

fn length(value: f64) -> u32 {
    (value * FINENESS).round() as u32
}
