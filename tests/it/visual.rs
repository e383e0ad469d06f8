//! Compares figures with the reviewed pictures in `tests/visual/`.
//!
//! Both are scaled to half their size first, so that each pixel is the mean of four and small
//! changes of antialiasing are tolerated. A pixel differs if one of its channels differs by more
//! than [`CHANNEL`]; a picture, if more than [`SHARE`] of its pixels differ: a curve of a hundred
//! pixels that has moved by two exceeds that. `UPDATE_VISUAL=1 cargo test --test it visual::`
//! rewrites the pictures; look at them before committing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::pictures::scenes;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use resweep_figures::Drawing;

const CHANNEL: u8 = 48;
const SHARE: f64 = 0.000_5;

#[test]
fn figure_1_matches_its_picture() {
    check("figure-1", scenes::figure_1());
}

#[test]
fn figure_6_with_paper_curves_matches_its_picture() {
    check("figure-6", scenes::figure_6());
}

#[test]
fn twelve_okabe_ito_curves_match_their_picture() {
    check("twelve-curves", scenes::twelve_curves());
}

#[test]
fn six_dark_panels_match_their_picture() {
    check("six-panels", scenes::six_panels());
}

#[test]
fn hundred_thousand_points_match_their_picture() {
    check("dense", scenes::dense());
}

#[test]
fn curve_moved_by_one_percent_is_detected() {
    let [before, after] = [10.0, 11.0].map(|error| halved(&scenes::level(error)));
    assert!(difference(&before, &after).is_some());
    assert!(difference(&before, &before).is_none());
}

/// Compares a drawing with its picture. On failure the message names two files: the new picture,
/// and one with the differing pixels in red.
fn check(name: &str, drawing: Drawing) {
    let found = halved(&drawing);
    let expected = folder().join(format!("{name}.png"));
    if std::env::var_os("UPDATE_VISUAL").is_some() {
        save_small(&found, &expected);
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let new = made.join(format!("{name}.png"));
    fs::write(&new, drawing.png().expect("a PNG")).expect("the new picture");
    let old = image::open(&expected)
        .expect("a picture in tests/visual")
        .to_rgb8();
    if let Some(marked) = difference(&old, &found) {
        let path = made.join(format!("{name}-difference.png"));
        marked.save(&path).expect("the difference");
        panic!(
            "{} is not {}; what differs is red in {}",
            new.display(),
            expected.display(),
            path.display()
        );
    }
}

/// Saves a picture with eight levels per channel, which is a third as large; the error is below
/// [`CHANNEL`].
fn save_small(picture: &RgbImage, path: &Path) {
    let mut coarse = picture.clone();
    for channel in coarse.iter_mut() {
        *channel = channel.saturating_add(18) / 36 * 36;
    }
    let file = fs::File::create(path).expect("tests/visual can be written");
    let (best, adaptive) = (CompressionType::Best, PngFilter::Adaptive);
    let encoder = PngEncoder::new_with_quality(file, best, adaptive);
    coarse.write_with_encoder(encoder).expect("a PNG");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/visual")
}

fn halved(drawing: &Drawing) -> RgbImage {
    let png = drawing.png().expect("a PNG");
    let image = image::load_from_memory(&png).expect("a PNG").to_rgb8();
    let (width, height) = image.dimensions();
    resize(&image, width / 2, height / 2, FilterType::Triangle)
}

/// `new` in pale colours with the pixels that differ from `old` in red; `None` if few enough
/// differ.
fn difference(old: &RgbImage, new: &RgbImage) -> Option<RgbImage> {
    if old.dimensions() != new.dimensions() {
        return Some(new.clone());
    }
    let mut marked = new.clone();
    let mut count = 0;
    for (mark, was) in marked.pixels_mut().zip(old.pixels()) {
        let differs = (0..3).any(|c| mark.0[c].abs_diff(was.0[c]) > CHANNEL);
        count += u32::from(differs);
        *mark = if differs {
            Rgb([255, 0, 0])
        } else {
            Rgb(mark.0.map(|channel| 128 + channel / 2))
        };
    }
    let all = f64::from(new.width()) * f64::from(new.height());
    (f64::from(count) > SHARE * all).then_some(marked)
}
