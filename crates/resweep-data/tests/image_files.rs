//! Image files of every format: intact, damaged, unusual and hostile.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, RgbImage};
use resweep_data::probe;

const SIZE: usize = 16;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/images/{name}")).expect("an image of the tests")
}

/// Noise, so that every byte of the file matters.
fn noise() -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(SIZE as u32, SIZE as u32, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image: DynamicImage = image.into();
    image.write_to(&mut bytes, format).expect("an encoder");
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> Result<Vec<u8>, String> {
    probe::image(bytes, SIZE)
}

#[track_caller]
fn assert_refused(what: &str, bytes: &[u8]) {
    let Err(reason) = decoded(bytes) else {
        panic!("{what} is accepted");
    };
    assert!(!reason.is_empty() && !reason.contains("u{a}"), "{reason}");
    assert_eq!(reason.trim(), reason, "{what}");
}

/// The offset of the codes of a JPEG's first scan.
fn scan(jpeg: &[u8]) -> usize {
    let sos = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]);
    let sos = sos.expect("a scan");
    sos + 2 + usize::from(jpeg[sos + 3])
}

#[test]
fn damaged_jpegs_are_refused() {
    for name in ["baseline.jpg", "progressive.jpg", "restart.jpg", "cmyk.jpg"] {
        let whole = file(name);
        assert!(decoded(&whole).is_ok(), "{name}");
        let (start, end) = (scan(&whole), whole.len() - 2);
        for percent in [0, 10, 40, 90, 95] {
            let cut = &whole[..start + (end - start) * percent / 100];
            assert_refused(&format!("{name} cut at {percent} %"), cut);
            let with_end = [cut, &[0xff, 0xd9]].concat();
            assert_refused(&format!("{name} cut at {percent} % and ended"), &with_end);
        }
        assert_refused(&format!("{name} without EOI"), &whole[..end]);
        assert_refused(&format!("{name} with half an EOI"), &whole[..=end]);
        let half = (start + end) / 2;
        let mut zeros = whole.clone();
        zeros[half..].fill(0);
        assert_refused(&format!("{name} with zeros for its second half"), &zeros);
        for cut in [start / 4, start / 2, start - 8] {
            assert_refused(&format!("{name} cut in its header"), &whole[..cut]);
            let reason = decoded(&whole[..cut]).expect_err("it is refused");
            assert!(
                reason.starts_with("the JPEG is cut off"),
                "{name}: {reason}"
            );
        }
    }
    let mut order = file("restart.jpg");
    let start = scan(&order);
    let first = order[start..]
        .windows(2)
        .position(|pair| pair == [0xff, 0xd0]);
    order[start + first.expect("a restart marker") + 1] = 0xd3;
    assert_refused("restart markers out of order", &order);
}

#[test]
fn bytes_behind_the_end_of_an_image_are_ignored() {
    let png = encoded(noise(), ImageFormat::Png);
    for whole in [
        file("baseline.jpg"),
        file("progressive.jpg"),
        file("restart.jpg"),
        png,
    ] {
        let pixels = decoded(&whole).expect("a whole image");
        for tail in [vec![0; 100], noise().into_raw(), whole.clone()] {
            assert_eq!(decoded(&[&whole[..], &tail].concat()), Ok(pixels.clone()));
        }
    }
}

#[test]
fn every_format_is_decoded_and_refused_where_it_is_cut() {
    let lossless = [
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Pnm,
    ];
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for format in lossless {
        let bytes = encoded(noise(), format);
        assert_eq!(decoded(&bytes), Ok(noise().into_raw()), "{format:?}");
        files.push((format!("{format:?}"), bytes));
    }
    files.push(("GIF".to_owned(), encoded(noise(), ImageFormat::Gif)));
    files.push(("lossy WebP".to_owned(), file("lossy.webp")));
    for (name, whole) in files {
        assert!(decoded(&whole).is_ok(), "{name}");
        for percent in [10, 40, 90] {
            let cut = &whole[..whole.len() * percent / 100];
            assert_refused(&format!("{name} cut at {percent} %"), cut);
        }
    }
    let png = encoded(noise(), ImageFormat::Png);
    assert_refused("a PNG without IEND", &png[..png.len() - 12]);
}

#[test]
fn colours_are_those_of_pillow() {
    let places = [(0, 0), (15, 0), (0, 15), (15, 15), (8, 8)];
    let cases: [(&str, [[u8; 3]; 5]); 3] = [
        (
            "cmyk.jpg",
            [
                [255, 255, 195],
                [25, 210, 161],
                [210, 25, 161],
                [19, 19, 126],
                [110, 110, 158],
            ],
        ),
        (
            "ycck.jpg",
            [
                [0, 92, 0],
                [108, 210, 0],
                [0, 12, 143],
                [85, 155, 165],
                [21, 138, 88],
            ],
        ),
        (
            "lossy.webp",
            [
                [4, 3, 117],
                [235, 6, 127],
                [6, 235, 133],
                [232, 239, 139],
                [131, 127, 126],
            ],
        ),
    ];
    for (name, expected) in cases {
        let pixels = decoded(&file(name)).expect(name);
        for ((x, y), expected) in places.into_iter().zip(expected) {
            let at = 3 * (y * SIZE + x);
            let near = (0..3).all(|c| pixels[at + c].abs_diff(expected[c]) <= 3);
            assert!(near, "{name} at {x}, {y}: {:?}", &pixels[at..at + 3]);
        }
    }
}

#[test]
fn sixteen_bits_become_their_upper_eight() {
    let deep = ImageBuffer::from_fn(SIZE as u32, SIZE as u32, |x, y| {
        Rgb([x as u16 * 4369, y as u16 * 4369, 0x8000])
    });
    let pixels = decoded(&encoded(deep, ImageFormat::Png)).expect("a PNG");
    for (at, pixel) in pixels.chunks_exact(3).enumerate() {
        let expected = [(at % SIZE * 17) as u8, (at / SIZE * 17) as u8, 0x80];
        assert_eq!(pixel, expected);
    }
    let grey = ImageBuffer::from_pixel(SIZE as u32, SIZE as u32, image::Luma([0xabcd_u16]));
    let pixels = decoded(&encoded(grey, ImageFormat::Png)).expect("a PNG");
    assert!(pixels.iter().all(|value| *value == 0xab));
}

#[test]
fn an_orientation_in_exif_is_ignored_as_by_torchvision() {
    let plain = file("baseline.jpg");
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = plain[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&plain[2..]);
    assert_eq!(decoded(&turned), decoded(&plain));
}

/// A chunk of a PNG.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [&length[..], kind, content, &crc.sum().to_be_bytes()].concat()
}

/// `bytes` as zlib writes them.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn compressed_profiles_and_texts_of_a_png_are_never_unpacked() {
    let png = encoded(noise(), ImageFormat::Png);
    // the signature and IHDR
    let (head, rest) = png.split_at(8 + 25);
    let bomb = deflated(&vec![0; 100 << 20]);
    let profile = [&b"bomb\0\0"[..], &bomb].concat();
    let international = [&b"bomb\0\x01\0\0\0"[..], &bomb].concat();
    for (kind, content) in [
        (b"iCCP", &profile),
        (b"zTXt", &profile),
        (b"iTXt", &international),
    ] {
        let file = [head, &chunk(kind, content), rest].concat();
        let before = std::time::Instant::now();
        assert_eq!(decoded(&file), Ok(noise().into_raw()));
        // unpacking would take a hundred times as long
        assert!(before.elapsed().as_secs_f64() < 0.5);
    }
}
