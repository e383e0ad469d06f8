//! The figures' font, and how wide text set in it is.
//!
//! Noto Sans comes embedded, so that a figure looks the same on every machine.

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Tried in this order by whatever shows the SVG; the PNG always uses the embedded first one.
pub(super) const FAMILIES: &str = "Noto Sans, Helvetica, Arial, sans-serif";
/// The embedded family.
pub(super) const FAMILY: &str = "Noto Sans";
/// A character that the font does not have, as a share of the font size.
const UNKNOWN_WIDTH: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    /// The TrueType file of this weight.
    pub(super) fn font(self) -> &'static [u8] {
        match self {
            Weight::Regular => notosans::REGULAR_TTF,
            Weight::Bold => notosans::BOLD_TTF,
        }
    }
}

/// Advance width of `text` in the unit of `size` (the font size), without kerning.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let Ok(font) = FontRef::new(weight.font()) else {
        return UNKNOWN_WIDTH * size * text.chars().count() as f64;
    };
    let characters = font.charmap();
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    text.chars()
        .map(|c| {
            let glyph = characters.map(c);
            let advance = glyph.and_then(|glyph| metrics.advance_width(glyph));
            advance.map_or(UNKNOWN_WIDTH * size, f64::from)
        })
        .sum()
}

/// The advance width of the widest of `texts`; 0 without any.
pub(super) fn widest(texts: &[String], size: f64, weight: Weight) -> f64 {
    texts
        .iter()
        .map(|text| width(text, size, weight))
        .fold(0.0, f64::max)
}

/// `text`, or as much of its beginning as fits into `limit` with an ellipsis.
pub(super) fn shorten(text: &str, size: f64, weight: Weight, limit: f64) -> String {
    if width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() {
        let short = format!("{}\u{2026}", kept.trim_end());
        if width(&short, size, weight) <= limit {
            return short;
        }
    }
    String::new()
}

/// Breaks `text` at spaces into lines no wider than `limit`; a single word may be wider.
pub(super) fn wrap(text: &str, size: f64, weight: Weight, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, weight) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_in_the_font_file() {
        // The font's hmtx table in 2048ths of an em: digits 1171, space 532, W 1905.
        for (text, units) in [("20", 2342.0), ("2 0", 2874.0), ("W", 1905.0)] {
            assert!(
                (width(text, 2048.0, Weight::Regular) - units).abs() < 0.01,
                "{text}"
            );
        }
        assert!(width("20", 10.0, Weight::Bold) >= width("20", 10.0, Weight::Regular));
        assert_eq!(width("", 10.0, Weight::Regular), 0.0);
        assert!(width("\u{10FFFF}", 10.0, Weight::Regular) > 0.0);
    }

    #[test]
    fn text_that_is_too_wide_ends_in_an_ellipsis() {
        let text = "ResNet-56 B lr=0.05";
        let all = width(text, 12.0, Weight::Regular);
        assert_eq!(shorten(text, 12.0, Weight::Regular, all), text);
        let short = shorten(text, 12.0, Weight::Regular, all / 2.0);
        assert!(short.starts_with("ResNet") && short.ends_with('\u{2026}'));
        assert!(width(&short, 12.0, Weight::Regular) <= all / 2.0);
        assert_eq!(shorten(text, 12.0, Weight::Regular, 1.0), "");
    }

    #[test]
    fn lines_are_broken_at_spaces_only_where_they_must() {
        let all = width("one two three", 10.0, Weight::Regular);
        let text = "one two three";
        assert_eq!(wrap(text, 10.0, Weight::Regular, all), [text]);
        let lines = wrap(text, 10.0, Weight::Regular, all - 1.0);
        assert_eq!(lines, ["one two", "three"]);
        let lines = wrap("unbreakable", 10.0, Weight::Regular, 1.0);
        assert_eq!(lines, ["unbreakable"]);
        assert!(wrap("", 10.0, Weight::Regular, 1.0).is_empty());
    }
}
