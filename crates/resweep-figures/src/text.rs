//! The figures' fonts, and the widths of text.
//!
//! Noto Sans is embedded, so that figures look the same on every machine; DejaVu Sans has the
//! characters that it lacks.

use std::collections::BTreeSet;
use std::ops::Range;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The font list of the SVG; the PNG always uses the embedded first one.
pub(super) const FAMILIES: &str = "Noto Sans, Helvetica, Arial, sans-serif";
/// The embedded family.
pub(super) const FAMILY: &str = "Noto Sans";
/// The width of a character that the fonts lack, as a fraction of the font size.
const UNKNOWN_WIDTH: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    /// The TrueType file with characters that [`Weight::font`] lacks.
    pub(super) fn fallback(self) -> &'static [u8] {
        match self {
            Weight::Regular => dejavu::sans::regular(),
            Weight::Bold => dejavu::sans::bold(),
        }
    }

    /// The TrueType file of this weight.
    pub(super) fn font(self) -> &'static [u8] {
        match self {
            Weight::Regular => notosans::REGULAR_TTF,
            Weight::Bold => notosans::BOLD_TTF,
        }
    }
}

/// All faces, each weight followed by its fallback.
pub(super) fn faces() -> [&'static [u8]; 4] {
    let [regular, bold] = [Weight::Regular, Weight::Bold];
    [
        regular.font(),
        regular.fallback(),
        bold.font(),
        bold.fallback(),
    ]
}

/// The next of [`faces`] to try for the characters that those in `used` lack, of which `c` is the
/// first: a face that has it, of the same weight if possible. If none has it, any other face, since
/// that may have characters later in the text.
fn fallback_face(c: char, used: &[usize]) -> Option<usize> {
    let is_bold = |face: usize| face > 1;
    let first = *used.first()?;
    let lacks = |face: usize| {
        let font = FontRef::new(faces()[face]);
        font.map_or(true, |font| font.charmap().map(c).is_none())
    };
    let unused = (0..faces().len()).filter(|face| !used.contains(face));
    unused.min_by_key(|&face| (lacks(face), is_bold(face) != is_bold(first)))
}

/// As [`fallback_face`], by the ids that a font database has given to [`faces`].
pub(super) fn fallback_id<I: Copy + PartialEq>(c: char, used: &[I], ids: &[I]) -> Option<I> {
    let places = used
        .iter()
        .filter_map(|id| ids.iter().position(|known| known == id));
    let face = fallback_face(c, &places.collect::<Vec<usize>>())?;
    ids.get(face).copied()
}

/// The fonts of a weight, in the order in which they are searched for a character.
fn fonts(weight: Weight) -> [FontRef<'static>; 2] {
    let read = |bytes| FontRef::new(bytes).expect("the embedded fonts are sound");
    [weight.font(), weight.fallback()].map(read)
}

/// Advance width of `text` in the unit of `size` (the font size), without kerning.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let advance = |font: &FontRef<'static>, c: char| {
        let glyph = font.charmap().map(c)?;
        let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
        metrics.advance_width(glyph).map(f64::from)
    };
    let [own, fallback] = fonts(weight);
    let characters = own.charmap();
    let metrics = own.glyph_metrics(Size::new(size as f32), LocationRef::default());
    let of = |c: char| {
        let glyph = characters.map(c);
        let own = glyph.and_then(|glyph| metrics.advance_width(glyph));
        own.map(f64::from).or_else(|| advance(&fallback, c))
    };
    text.chars()
        .map(|c| of(c).unwrap_or(UNKNOWN_WIDTH * size))
        .sum()
}

/// The characters of a text that no embedded font has, without duplicates: a PNG shows boxes
/// instead.
pub(super) fn unknown(text: &str) -> BTreeSet<char> {
    let [own, fallback] = fonts(Weight::Regular);
    let (own, fallback) = (own.charmap(), fallback.charmap());
    let is_drawn = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c);
    let foreign = text.chars().filter(|c| !c.is_ascii() && !is_drawn(*c));
    let all: BTreeSet<char> = foreign.collect();
    let unknown = all
        .into_iter()
        .filter(|&c| own.map(c).is_none() && fallback.map(c).is_none());
    unknown.collect()
}

/// A warning about missing characters, for all pictures of a command; `None` if there are none.
pub fn unknown_warning(unknown: &BTreeSet<char>) -> Option<String> {
    const NAMED: usize = 20;
    let named: Vec<String> = unknown.iter().take(NAMED).map(char::to_string).collect();
    let more = match unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!unknown.is_empty()).then(|| {
        format!(
            "warning: the fonts of PNG files lack {}{more}: boxes stand for them; an SVG shows them \
             where the viewer has a font",
            named.join(" ")
        )
    })
}

/// Joiners and variation selectors, which have no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}')
}

/// The advance width of the widest of `texts`; 0 without any.
pub(super) fn widest(texts: &[String], size: f64, weight: Weight) -> f64 {
    texts
        .iter()
        .map(|text| width(text, size, weight))
        .fold(0.0, f64::max)
}

/// Returns `text`, or its beginning and end around an ellipsis if it is wider than `limit`: names
/// often differ at the end. Numbers are never split.
pub(super) fn shorten(text: &str, size: f64, weight: Weight, limit: f64) -> String {
    if width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let numbers = numbers(&characters);
    let number_around = |at: usize| numbers.iter().find(|n| n.start < at && at < n.end);
    let cut = |head: usize, tail: usize| {
        let head = number_around(head).map_or(head, |number| number.start);
        let tail = number_around(tail).map_or(tail, |number| number.end);
        let head: String = characters[..head].iter().collect();
        let tail: String = characters[tail..].iter().collect();
        format!("{}\u{2026}{}", head.trim_end(), tail.trim_start())
    };
    let fits = |cut: &str| width(cut, size, weight) <= limit;
    let tail_of = |kept: usize| characters.len() - kept / 2;
    let even = |kept: usize| cut(kept.div_ceil(2), tail_of(kept));
    // The width grows with the number of characters, so a binary search works.
    let lengths: Vec<usize> = (1..characters.len()).collect();
    let kept = lengths.partition_point(|&kept| fits(&even(kept)));
    let mut ways = vec![even(kept)];
    // A number at the cut is kept if a shorter beginning leaves space for it.
    if let Some(number) = number_around(tail_of(kept)) {
        let heads: Vec<usize> = (1..=kept.div_ceil(2)).collect();
        let head = heads.partition_point(|&head| fits(&cut(head, number.start)));
        ways.push(cut(head, number.start));
    }
    let is_cut = |cut: &String| fits(cut) && cut.chars().count() > 1;
    let longest = ways
        .into_iter()
        .filter(is_cut)
        .max_by_key(|cut| cut.chars().count());
    longest.unwrap_or_default()
}

/// The positions of numbers in a text: digits with a point, a sign and an exponent, `-2.5e-7`.
fn numbers(text: &[char]) -> Vec<Range<usize>> {
    let digit = |at: usize| text.get(at).is_some_and(char::is_ascii_digit);
    let is = |at: usize, any_of: &[char]| text.get(at).is_some_and(|c| any_of.contains(c));
    let belongs = |at: usize| {
        digit(at)
            || is(at, &['.', ',']) && digit(at + 1)
            || is(at, &['e', 'E']) && (digit(at + 1) || is(at + 1, &['-', '+']) && digit(at + 2))
            || is(at, &['-', '+']) && at > 0 && is(at - 1, &['e', 'E']) && digit(at + 1)
    };
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        if digit(at) {
            while belongs(at) {
                at += 1;
            }
            numbers.push(start..at);
        } else {
            at += 1;
        }
    }
    numbers
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
    fn text_that_is_too_wide_keeps_its_beginning_and_its_end() {
        let text = "ResNet-56 B lr=0.05";
        let all = width(text, 12.0, Weight::Regular);
        assert_eq!(shorten(text, 12.0, Weight::Regular, all), text);
        let short = shorten(text, 12.0, Weight::Regular, all / 2.0);
        assert!(short.starts_with("Res"), "{short}");
        assert!(
            short.contains('\u{2026}') && short.ends_with(".05"),
            "{short}"
        );
        let width = width(&short, 12.0, Weight::Regular);
        assert!(width <= all / 2.0 && width > all / 3.0, "{short}");
        assert_eq!(shorten(text, 12.0, Weight::Regular, 1.0), "");
    }

    #[test]
    fn numbers_are_never_cut() {
        let text = "plain-1202 batch_size=128 lr=0.0316 weight_decay=2.5e-7";
        let whole = ["1202", "128", "0.0316", "2.5e-7"];
        let all = width(text, 12.0, Weight::Regular);
        for percent in 0..100 {
            let short = shorten(
                text,
                12.0,
                Weight::Regular,
                all * f64::from(percent) / 100.0,
            );
            let characters: Vec<char> = short.chars().collect();
            for number in numbers(&characters) {
                let found: String = characters[number].iter().collect();
                assert!(whole.contains(&found.as_str()), "{short}");
            }
        }
    }

    #[test]
    fn characters_that_no_font_has_are_found() {
        let known = "Глубина ελ \u{211d} \u{2207} 10\u{207b}\u{2074} \u{5e2}\u{5d1} \u{639}\u{645}\u{642} \u{2211}\u{2192} \u{a0}\u{200b}";
        assert_eq!(unknown(known), BTreeSet::new());
        let found: String = unknown("深さ vs. 深 \u{1f680} \u{e01}")
            .into_iter()
            .collect();
        assert_eq!(found, "\u{e01}さ深\u{1f680}");
    }

    #[test]
    fn lines_are_broken_at_spaces_only_if_needed() {
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
