//! Class folders of real image files: loading, cache, damaged files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::workplace::{Workplace, write_images};
use image::{Rgb, RgbImage};
use resweep_core::domain::{
    Augmentation, BrokenImage, DataConfig, Dataset, Normalisation, Validation,
};
use resweep_data::{Data, DataError};
use tempfile::TempDir;

/// A sweep of one tiny run on the class folder `pics`.
const SWEEP: &str = r#"
sweep.name = "p"
data = { dataset = "folder", path = "pics", augmentation = "none" }
model = { image_size = 8, width = 1, depth = 8 }
train = { iterations = 2, batch_size = 2 }
axes.shortcut = ["none"]
"#;

const SIZE: usize = 16;

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// Two classes, `cat` dark and `dog` light; three training images and one test image each.
    fn new() -> Self {
        let fixture = Self {
            folder: TempDir::new().unwrap(),
        };
        for (class, shade) in [("cat", 40), ("dog", 200)] {
            for name in ["1.png", "2.jpg", "3.JPEG"] {
                fixture.image(&format!("train/{class}/{name}"), shade, (SIZE, SIZE));
            }
            fixture.image(&format!("test/{class}/1.png"), shade, (SIZE, SIZE));
        }
        fixture
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn cache_files(&self) -> Vec<PathBuf> {
        (fs::read_dir(self.cache()).into_iter().flatten())
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    fn image(&self, name: &str, shade: u8, (width, height): (usize, usize)) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = RgbImage::from_pixel(width as u32, height as u32, Rgb([shade, shade / 2, 7]));
        image.save(path).unwrap();
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn config(&self, broken_image: BrokenImage) -> DataConfig {
        DataConfig {
            dataset: Dataset::Folder,
            path: Some(self.root()),
            validation: Validation::None,
            augmentation: Augmentation::None,
            normalisation: Normalisation::PerPixelMean,
            test_fraction: None,
            broken_image,
        }
    }

    fn load(&self) -> Result<Data, DataError> {
        resweep_data::load(&self.config(BrokenImage::Fail), SIZE, &self.cache())
    }

    fn skip(&self) -> Result<Data, DataError> {
        resweep_data::load(&self.config(BrokenImage::Skip), SIZE, &self.cache())
    }

    fn error(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

#[test]
fn classes_come_from_the_folders_and_images_are_decoded() {
    let data = Fixture::new().load().unwrap();
    assert_eq!(data.classes, ["cat", "dog"]);
    assert_eq!(data.train.labels, [0, 0, 0, 1, 1, 1]);
    assert_eq!(data.eval.labels, [0, 1]);
    assert_eq!(data.train.image(0)[..3], [40, 20, 7]);
    let jpeg = &data.train.image(4)[..3];
    assert!(
        (0..3).all(|i| jpeg[i].abs_diff([200, 100, 7][i]) < 6),
        "{jpeg:?}"
    );
}

#[test]
fn val_serves_as_the_test_set() {
    let fixture = Fixture::new();
    fs::rename(fixture.root().join("test"), fixture.root().join("val")).unwrap();
    assert_eq!(fixture.load().unwrap().eval.len(), 2);
}

#[test]
fn images_of_other_sizes_are_scaled_and_cropped() {
    let fixture = Fixture::new();
    fixture.image("train/cat/0.png", 99, (100, 40));
    let data = fixture.load().unwrap();
    assert_eq!(data.train.len(), 7);
    assert!(
        data.train
            .image(0)
            .chunks(3)
            .all(|pixel| pixel == [99, 49, 7])
    );
}

#[test]
fn the_second_load_reads_the_cache_and_gives_the_same() {
    let fixture = Fixture::new();
    let first = fixture.load().unwrap();
    assert_eq!(fixture.cache_files().len(), 1);
    let written = |file: &PathBuf| fs::metadata(file).unwrap().modified().unwrap();
    let cache = fixture.cache_files();
    let before = written(&cache[0]);
    assert_eq!(fixture.load().unwrap(), first);
    let facts =
        resweep_data::describe(&fixture.config(BrokenImage::Fail), SIZE, &fixture.cache()).unwrap();
    assert_eq!(facts.fingerprint, first.fingerprint);
    assert_eq!(facts.train_images, first.train.len());
    assert_eq!(facts.classes, first.classes.len());
    assert_eq!((fixture.cache_files(), written(&cache[0])), (cache, before));
}

#[cfg(unix)]
#[test]
fn replaced_image_with_same_length_and_mtime_is_decoded_again() {
    let fixture = Fixture::new();
    for (name, shade) in [("train/cat/1.png", 90), ("train/cat/2.png", 91)] {
        fixture.image(name, shade, (SIZE, SIZE));
    }
    let before = fixture.load().unwrap();
    // as `cp -p` and `rsync -t` do
    let path = fixture.root().join("train/cat/1.png");
    let metadata = fs::metadata(&path).unwrap();
    let other = fs::read(fixture.root().join("train/cat/2.png")).unwrap();
    assert_eq!(metadata.len(), other.len() as u64);
    fs::write(&path, other).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
    let after = fixture.load().unwrap();
    assert_ne!(after.fingerprint, before.fingerprint);
    assert_eq!(after.train.image(0)[..3], [91, 45, 7]);
}

#[test]
fn damaged_cache_is_rebuilt() {
    let fixture = Fixture::new();
    let first = fixture.load().unwrap();
    let cache = fixture.cache_files().remove(0);
    let whole = fs::read(&cache).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [
        &flipped[..],
        &whole[..whole.len() - 9],
        &whole[..12],
        b"",
        b"nonsense nonsense",
    ] {
        fs::write(&cache, damaged).unwrap();
        assert_eq!(fixture.load().unwrap(), first);
        assert_eq!(fs::read(&cache).unwrap(), whole);
    }
}

#[test]
fn a_new_image_changes_the_fingerprint_and_a_move_does_not() {
    let fixture = Fixture::new();
    let before = fixture.load().unwrap().fingerprint;
    let moved = Fixture::new();
    assert_eq!(moved.load().unwrap().fingerprint, before);
    fixture.image("train/dog/9.png", 210, (SIZE, SIZE));
    assert_ne!(fixture.load().unwrap().fingerprint, before);
}

#[test]
fn a_broken_image_is_named_and_fatal_or_skipped() {
    let fixture = Fixture::new();
    fixture.write("train/dog/broken.jpg", b"not an image");
    let whole = fs::read(fixture.root().join("train/cat/1.png")).unwrap();
    fixture.write("train/cat/cut.png", &whole[..whole.len() / 2]);
    let message = fixture.error();
    assert!(
        message.contains("cannot decode 2 of the images"),
        "{message}"
    );
    assert!(
        message.contains("cut.png") && message.contains("broken_image"),
        "{message}"
    );

    let data = fixture.skip().unwrap();
    assert_eq!(data.train.len(), 6);
    assert_eq!(data.warnings.len(), 2);
    assert!(
        data.warnings[1].contains("broken.jpg"),
        "{:?}",
        data.warnings
    );
    // The cache stores broken images for both settings.
    assert_eq!(fixture.error(), message);
    assert_eq!(fixture.skip().unwrap(), data);
}

#[test]
fn an_image_bomb_is_refused_before_it_is_decoded() {
    let fixture = Fixture::new();
    fixture.write("train/dog/bomb.png", &png_header(1_000_000, 1_000_000));
    fixture.write("train/dog/large.png", &png_header(16_000, 16_000));
    let data = fixture.skip().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (6, 2));
    let limit = |warning: &String| warning.to_lowercase().contains("limit");
    assert!(data.warnings.iter().all(limit), "{:?}", data.warnings);
}

/// A small file of each format claims 16,000 pixels on each side: 768 MB in colour.
#[test]
fn small_files_of_huge_images_are_refused_by_every_decoder() {
    let fixture = Fixture::new();
    let side: u16 = 16_000;
    let (little, big) = (side.to_le_bytes(), side.to_be_bytes());
    let mut jpeg = fs::read(fixture.root().join("train/dog/2.jpg")).unwrap();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[big, big].concat());
    let bmp = [
        &little[..],
        &[0, 0],
        &little,
        &[0, 0, 1, 0, 24, 0],
        &[0; 24],
    ];
    let bmp = [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", &bmp.concat()[..]].concat();
    let gif = [
        b"GIF89a",
        &little[..],
        &little,
        &[0, 0, 0, b',', 0, 0, 0, 0],
    ]
    .concat();
    let gif = [&gif[..], &little, &little, &[0, 2, 1, 0, 0, b';']].concat();
    let bits = (u32::from(side) - 1) << 14 | (u32::from(side) - 1);
    let webp = [&[0x2f][..], &bits.to_le_bytes(), &[0; 15]].concat();
    let webp = [b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0", &webp[..]].concat();
    let tag = |tag: u8, value: u16| {
        [
            &[tag, 1, 3, 0, 1, 0, 0, 0][..],
            &value.to_le_bytes(),
            &[0, 0],
        ]
        .concat()
    };
    let tags = [
        (0, side),
        (1, side),
        (2, 8),
        (3, 1),
        (6, 1),
        (17, 8),
        (21, 1),
        (22, side),
        (23, 9),
    ];
    let tags = tags.map(|(number, value)| tag(number, value)).concat();
    let tiff = [b"II*\0\x08\0\0\0\x09\0", &tags[..], &[0; 4]].concat();
    for (name, content) in [
        ("grey.png", png_with(16_000, 16_000, [1, 0])),
        ("grey.pgm", b"P5 16000 16000 255\n".to_vec()),
        ("grey.tif", tiff),
        ("colour.jpg", jpeg),
        ("colour.bmp", bmp),
        ("colour.gif", gif),
        ("colour.webp", webp),
    ] {
        let path = format!("train/dog/huge-{name}");
        fixture.write(&path, &content);
        let data = fixture.skip().unwrap();
        assert_eq!(data.train.len(), 6, "{name}");
        let [warning] = &data.warnings[..] else {
            panic!("{name}: {:?}", data.warnings);
        };
        assert!(
            warning.to_lowercase().contains("limit"),
            "{name}: {warning}"
        );
        fs::remove_file(fixture.root().join(path)).unwrap();
    }
}

/// The start of a PNG in colour that claims these dimensions.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    png_with(width, height, [8, 2])
}

/// The start of a PNG of these dimensions, and this depth and type of colour.
fn png_with(width: u32, height: u32, colour: [u8; 2]) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend(colour);
    chunk.extend([0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc32(&chunk).to_be_bytes());
    for kind in [b"IDAT", b"IEND"] {
        png.extend([0; 4]);
        png.extend(kind);
        png.extend(crc32(kind).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn hidden_files_and_litter_are_skipped_silently() {
    let fixture = Fixture::new();
    let before = fixture.load().unwrap().fingerprint;
    for name in [
        "train/cat/._1.png",
        "train/cat/.DS_Store",
        "train/cat/Thumbs.db",
        "train/dog/desktop.ini",
        "train/.hidden/1.png",
        "train/README",
        "train/__MACOSX/._cat",
    ] {
        fixture.write(name, b"not for training");
    }
    let data = fixture.load().unwrap();
    assert_eq!(data.fingerprint, before);
    assert_eq!(data.warnings, [] as [&str; 0]);
}

#[test]
fn other_files_are_counted_and_named_per_class() {
    let fixture = Fixture::new();
    for name in ["notes.txt", "x.heic", "y.pdf", "z.svg"] {
        fixture.write(&format!("train/cat/{name}"), b"no image");
    }
    fixture.write("test/dog/BMW.txt", b"BM begins a bitmap and this text");
    fixture.image("train/stray.png", 1, (SIZE, SIZE));
    let data = fixture.load().unwrap();
    assert_eq!((data.train.len(), data.eval.len()), (6, 2));
    assert_eq!(
        data.warnings,
        [
            "1 image is skipped because it is outside the class folders: train/stray.png",
            "4 of 7 files in train/cat are skipped because their format is none of JPEG, PNG, \
             WebP, BMP, GIF, TIFF, PNM: notes.txt, x.heic, y.pdf, ...",
            "1 of 2 files in test/dog is skipped because its format is none of JPEG, PNG, \
             WebP, BMP, GIF, TIFF, PNM: BMW.txt",
        ]
    );
}

#[test]
fn a_folder_without_train_is_answered_with_what_is_there() {
    let fixture = Fixture::new();
    let root = fixture.root();
    let train = root.join("train");
    fs::rename(&train, root.join("Training")).unwrap();
    let said = fixture.error();
    assert!(
        said.contains("is missing; rename `Training` to `train`; a class"),
        "{said}"
    );
    fs::rename(root.join("Training"), &train).unwrap();
    fs::rename(root.join("test"), root.join("Testing")).unwrap();
    let said = fixture.error();
    assert!(said.contains("rename `Testing` to `test`"), "{said}");
    fs::create_dir(root.join("pets")).unwrap();
    fs::rename(&train, root.join("pets/train")).unwrap();
    let said = fixture.error();
    assert!(
        said.contains("pets` has it: set `data.path` to that"),
        "{said}"
    );
    fs::remove_dir_all(root.join("pets")).unwrap();
    fixture.write("pets.tar.gz", b"");
    let said = fixture.error();
    assert!(said.contains("unpack `pets.tar.gz` first"), "{said}");
}

#[test]
fn a_class_of_other_files_names_them() {
    let fixture = Fixture::new();
    let cat = fixture.root().join("train/cat");
    fs::remove_dir_all(&cat).unwrap();
    fixture.write("train/cat/IMG_1.HEIC", b"no image");
    let said = fixture.error();
    assert!(
        said.ends_with("; its only file is none: IMG_1.HEIC"),
        "{said}"
    );
}

#[test]
fn images_are_recognised_by_content() {
    let fixture = Fixture::new();
    let (jpeg, png) = ("train/dog/2.jpg", "train/dog/1.png");
    for (from, name) in [
        (jpeg, "a.jpe"),
        (jpeg, "b.jfif"),
        (jpeg, "c"),
        (jpeg, "d.png"),
        (png, "e"),
        (png, "f.txt"),
        (png, "g.jpg"),
    ] {
        let bytes = fs::read(fixture.root().join(from)).unwrap();
        fixture.write(&format!("train/dog/{name}"), &bytes);
    }
    for name in ["h.webp", "i.bmp", "j.gif", "k.tif", "l.tiff", "m.ppm"] {
        fixture.image(&format!("train/dog/{name}"), 200, (SIZE, SIZE));
    }
    let data = fixture.load().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (19, 0));
    let close =
        |image: usize| (0..3).all(|c| data.train.image(image)[c].abs_diff([200, 100, 7][c]) < 6);
    assert!((3..19).all(close));
}

#[test]
fn nested_folders_are_read() {
    let fixture = Fixture::new();
    fixture.image("train/cat/old/1.png", 41, (SIZE, SIZE));
    fixture.image("train/cat/old/older/1.png", 42, (SIZE, SIZE));
    fixture.image("train/cat/nested.png/1.png", 43, (SIZE, SIZE));
    fixture.image("train/x.jpg/1.png", 44, (SIZE, SIZE));
    fixture.image("test/x.jpg/1.png", 44, (SIZE, SIZE));
    let data = fixture.load().unwrap();
    assert_eq!(data.classes, ["cat", "dog", "x.jpg"]);
    let shades: Vec<u8> = (0..7).map(|image| data.train.image(image)[0]).collect();
    assert_eq!(data.train.len(), 10);
    assert_eq!((shades[0], &shades[3..6]), (40, &[43, 41, 42][..]));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_cycles_are_not() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new();
    let train = fixture.root().join("train");
    let elsewhere = fixture.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(train.join("cat/1.png"), elsewhere.join("image")).unwrap();
    symlink(&elsewhere, train.join("cat/more")).unwrap();
    symlink(elsewhere.join("image"), train.join("dog/linked")).unwrap();
    symlink(&elsewhere, train.join("emu")).unwrap();
    symlink(&elsewhere, fixture.root().join("test/emu")).unwrap();
    let data = fixture.load().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (9, 0));
    assert_eq!(data.train.labels, [0, 0, 0, 0, 1, 1, 1, 1, 2]);

    symlink(&train, train.join("loop")).unwrap();
    symlink(fixture.root(), train.join("cat/up")).unwrap();
    symlink(".", train.join("dog/self")).unwrap();
    let data = fixture.load().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (9, 3));
    assert!(
        data.warnings[0].contains("train/loop"),
        "{:?}",
        data.warnings
    );
    assert!(
        data.warnings[1].contains("in train/cat"),
        "{:?}",
        data.warnings
    );
    symlink("nowhere.png", train.join("cat").join("dangling.png")).unwrap();
    assert!(fixture.error().contains("dangling.png"));
}

#[test]
fn similar_class_names_are_distinguished() {
    for (train, test, said) in [
        (
            "Red",
            "red",
            "`Red` is only in the training folder and `red` only in the test folder",
        ),
        (
            "red",
            "red ",
            "`red\\u{20}` only in the test folder; they differ in spaces at the ends",
        ),
    ] {
        let fixture = Fixture::new();
        fixture.image(&format!("train/{train}/1.png"), 1, (SIZE, SIZE));
        fixture.image(&format!("test/{test}/1.png"), 1, (SIZE, SIZE));
        let message = fixture.error();
        assert!(message.contains(said), "{message}");
    }
    let fixture = Fixture::new();
    fixture.image("train/caf\u{e9}/1.png", 1, (SIZE, SIZE));
    fixture.image("test/cafe\u{301}/1.png", 1, (SIZE, SIZE));
    let data = fixture.load().unwrap();
    assert_eq!((data.classes.len(), data.eval.labels.len()), (3, 3));
}

#[test]
fn test_fraction_splits_by_image_path() {
    let fixture = Fixture::new();
    fs::remove_dir_all(fixture.root().join("test")).unwrap();
    for number in 0..40 {
        fixture.image(&format!("train/cat/n{number}.png"), number, (SIZE, SIZE));
        fixture.image(
            &format!("train/dog/n{number}.png"),
            100 + number,
            (SIZE, SIZE),
        );
    }
    let divided = |fraction| {
        let config = DataConfig {
            test_fraction: Some(fraction),
            ..fixture.config(BrokenImage::Fail)
        };
        resweep_data::load(&config, SIZE, &fixture.cache())
    };
    let message = fixture.error();
    assert!(message.contains("data.test_fraction = 0.2"), "{message}");
    let before = divided(0.2).unwrap();
    assert_eq!(before.train.len() + before.eval.len(), 86);
    assert!(
        (8..30).contains(&before.eval.len()),
        "{}",
        before.eval.len()
    );
    assert_ne!(divided(0.5).unwrap().fingerprint, before.fingerprint);
    assert_eq!(
        divided(0.01).unwrap().warnings,
        ["1 of 2 classes have no test image with `data.test_fraction = 0.01`: dog"]
    );

    // Adding images and moving the folder do not move images between the sets.
    for number in 0..9 {
        fixture.image(&format!("train/dog/new/{number}.png"), 250, (SIZE, SIZE));
    }
    let after = divided(0.2).unwrap();
    let images = |set: &resweep_data::ImageSet| -> Vec<Vec<u8>> {
        let all = (0..set.len()).map(|index| set.image(index).to_vec());
        all.filter(|image| image[0] != 250).collect()
    };
    assert_eq!(images(&after.eval), images(&before.eval));
    assert_eq!(images(&after.train), images(&before.train));
    for class in ["cat", "dog"] {
        let from = fixture.root().join("train").join(class);
        fs::rename(from, fixture.root().join(class)).unwrap();
    }
    fs::remove_dir(fixture.root().join("train")).unwrap();
    assert_eq!(divided(0.2).unwrap().fingerprint, after.fingerprint);

    let other = Fixture::new();
    let config = DataConfig {
        test_fraction: Some(0.2),
        ..other.config(BrokenImage::Fail)
    };
    let message = resweep_data::load(&config, SIZE, &other.cache())
        .unwrap_err()
        .to_string();
    assert!(message.contains("test exists"), "{message}");
}

#[test]
fn missing_empty_and_mismatched_folders_are_explained() {
    let fixture = Fixture::new();
    let root = fixture.root();
    fs::create_dir_all(root.join("train/emu")).unwrap();
    assert!(
        fixture.error().contains("`emu` is only in"),
        "{}",
        fixture.error()
    );
    fs::create_dir_all(root.join("test/emu")).unwrap();
    assert!(
        fixture.error().contains("emu contains no images"),
        "{}",
        fixture.error()
    );
    for split in ["train", "test"] {
        fs::remove_dir(root.join(split).join("emu")).unwrap();
        fs::remove_dir_all(root.join(split).join("dog")).unwrap();
    }
    assert!(
        fixture.error().contains("holds 1 class folders"),
        "{}",
        fixture.error()
    );
    fs::remove_dir_all(root.join("test")).unwrap();
    assert!(
        fixture.error().contains("test is missing"),
        "{}",
        fixture.error()
    );
    fs::remove_dir_all(&root).unwrap();
    assert!(
        fixture.error().contains("cannot read"),
        "{}",
        fixture.error()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn unprintable_names_are_rejected_for_classes_and_escaped_for_images() {
    use std::os::unix::ffi::OsStrExt;
    for name in [&b"caf\xe9"[..], b"\x1b[31m", "\u{202e}".as_bytes()] {
        let fixture = Fixture::new();
        let name = std::ffi::OsStr::from_bytes(name);
        let mut file = name.to_owned();
        file.push(".png");
        fs::write(fixture.root().join("train/cat").join(&file), b"no image").unwrap();
        let message = fixture.error();
        assert!(
            message.contains("cannot decode 1 of the images"),
            "{message}"
        );
        assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message}");
        assert_eq!(fixture.skip().unwrap().train.len(), 6);

        fs::create_dir(fixture.root().join("train").join(name)).unwrap();
        let message = fixture.error();
        assert!(message.contains("rename it"), "{message}");
        assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message}");
    }
}

#[test]
fn empty_truncated_and_unsupported_images_count_as_broken() {
    let fixture = Fixture::new();
    let jpeg = fs::read(fixture.root().join("train/dog/2.jpg")).unwrap();
    fixture.write("train/dog/zero.jpg", b"");
    fixture.write("train/dog/cut.jpg", &jpeg[..40]);
    fixture.write("train/dog/page.png", b"<html></html>");
    // The content determines the format.
    fixture.write("train/dog/jpeg.png", &jpeg);
    let data = fixture.skip().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (7, 3));
}

#[test]
fn missing_data_path_is_reported() {
    let config = DataConfig {
        path: None,
        ..Fixture::new().config(BrokenImage::Fail)
    };
    let message = resweep_data::load(&config, SIZE, Path::new("unused"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("`folder` needs `data.path`"), "{message}");
}

#[test]
fn image_counts_are_printed_and_recorded() {
    let place = Workplace::new("p.toml", SWEEP);
    write_images(&place.path().join("pics"));
    fs::remove_file(place.path().join("pics/train/class-1/3.png")).unwrap();
    let counts = "3 classes, 23 training and 9 test images (7 to 8 in a class); \
                  always answering the largest class: 66.67 % error";
    let line = format!("data pics: {counts}\n");
    assert!(place.stdout(&["plan", "p.toml"]).contains(&line));
    let json = place.json(&["plan", "p.toml", "--json"]);
    assert_eq!(json["data"][0]["train"]["smallest_class"], 7);
    assert!(place.stdout(&["data", "preview", "p.toml"]).contains(&line));
    let run = place.resweep(&["run", "p.toml"]).assert().success();
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(said.contains(&line), "{said}");
    place.stdout(&["report", "p.toml"]);
    let page = fs::read_to_string(place.path().join("results/p/report.html")).unwrap();
    assert!(page.contains(counts));
    let recorded = place.rows(
        "results",
        "SELECT classes, train_images, train_smallest_class, eval_images, evaluated_on
         FROM run_images",
    );
    assert_eq!(
        recorded,
        ["Integer(3) Integer(23) Integer(7) Integer(9) test"]
    );
}

#[test]
fn held_out_images_are_counted() {
    let place = Workplace::new("p.toml", SWEEP);
    write_images(&place.path().join("pics"));
    let held_out = place.stdout(&["plan", "p.toml", "--set", "data.validation=5"]);
    let counts = "3 classes, 19 training and 5 validation images";
    assert!(held_out.contains(counts), "{held_out}");
}

/// The text that a command prints on standard error.
fn said(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn truncated_jpeg_is_an_error_or_skipped_with_a_warning() {
    let place = Workplace::new("p.toml", SWEEP);
    write_images(&place.path().join("pics"));
    let cut = fs::read("crates/resweep-data/tests/images/baseline.jpg").unwrap();
    let cut = &cut[..cut.len() - 40];
    fs::write(place.path().join("pics/train/class-1/cut.jpg"), cut).unwrap();
    let refused = place.resweep(&["plan", "p.toml"]).assert().code(3);
    assert!(
        said(&refused).contains("train/class-1/cut.jpg"),
        "{}",
        said(&refused)
    );
    let skip = "data.broken_image=skip";
    let run = place.resweep(&["run", "p.toml", "--set", skip]).assert();
    let said = said(&run.success());
    assert_eq!(said.matches("warning: skipped").count(), 1, "{said}");
    assert!(said.contains("24 training and 9 test images"), "{said}");
    place.stdout(&["report", "p.toml", "--set", skip]);
    let page = fs::read_to_string(place.path().join("results/p/report.html")).unwrap();
    assert!(page.contains("skipped train/class-1/cut.jpg"));
}

#[test]
fn memory_of_the_plan_includes_the_decoding_of_large_photos() {
    let place = Workplace::new("p.toml", SWEEP);
    let pics = place.path().join("pics");
    write_images(&pics);
    let plan = || place.json(&["plan", "p.toml", "--json"])["memory_bytes_max"].as_u64();
    let small = plan().expect("an estimate");
    let photo = RgbImage::from_pixel(4500, 4000, Rgb([40, 20, 7]));
    photo.save(pics.join("train/class-1/photo.bmp")).unwrap();
    let large = plan().expect("an estimate");
    // The file and the pixels, 3 bytes each.
    assert!(large > small + (90 << 20), "{small} {large}");
    let said = place.stdout(&["plan", "p.toml"]);
    assert!(
        said.contains("program and decoding of images included"),
        "{said}"
    );
}

#[test]
fn test_fraction_is_shown_and_recorded() {
    let place = Workplace::new("p.toml", SWEEP);
    write_images(&place.path().join("pics"));
    fs::remove_dir_all(place.path().join("pics/test")).unwrap();
    let fraction = ["--set", "data.test_fraction=0.3"];
    let plan = place.stdout(&[&["plan", "p.toml"], &fraction[..]].concat());
    assert!(
        plan.contains("data pics (test_fraction 0.3): 3 classes"),
        "{plan}"
    );
    place.stdout(&[&["run", "p.toml"], &fraction[..]].concat());
    let recorded = place.rows(
        "results",
        "SELECT json_extract(config_json, '$.data.test_fraction') = 0.3, train_images + eval_images
         FROM runs JOIN run_images ON run_id = id",
    );
    assert_eq!(recorded, ["Integer(1) Integer(24)"]);
    for wrong in ["0", "1", "-0.1"] {
        let set = format!("data.test_fraction={wrong}");
        place
            .resweep(&["plan", "p.toml", "--set", &set])
            .assert()
            .code(2);
    }
}
