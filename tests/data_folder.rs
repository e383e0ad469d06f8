//! Class folders of real image files, their cache and their faults.

mod workplace;

use std::fs;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use resweep_core::domain::{
    Augmentation, BrokenImage, DataConfig, Dataset, Normalisation, Validation,
};
use resweep_data::{Data, DataError};
use tempfile::TempDir;
use workplace::{Workplace, write_images};

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
    // Not one image can be decoded any more, but listing, lengths and times are the same.
    for class in ["cat", "dog"] {
        let path = fixture.root().join(format!("train/{class}/1.png"));
        let metadata = fs::metadata(&path).unwrap();
        fs::write(&path, vec![0; metadata.len() as usize]).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(metadata.modified().unwrap()).unwrap();
    }
    assert_eq!(fixture.load().unwrap(), first);
    let facts =
        resweep_data::describe(&fixture.config(BrokenImage::Fail), SIZE, &fixture.cache()).unwrap();
    assert_eq!(facts.fingerprint, first.fingerprint);
    assert_eq!(facts.train_images, first.train.len());
    assert_eq!(facts.classes, first.classes.len());
}

#[test]
fn a_damaged_cache_is_made_anew() {
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
    // The cache remembers, in both directions.
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
}

/// The start of a PNG that claims these dimensions.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc32(&chunk).to_be_bytes());
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
fn hidden_files_and_other_files_are_left_out() {
    let fixture = Fixture::new();
    let before = fixture.load().unwrap().fingerprint;
    fixture.write("train/cat/._1.png", b"resource fork");
    fixture.write("train/cat/notes.txt", b"notes");
    fixture.write("train/README", b"about");
    fixture.write("train/.hidden/1.png", b"hidden");
    fixture.write(
        "train/cat/nested.png/1.png",
        b"a folder named like an image",
    );
    assert_eq!(fixture.load().unwrap().fingerprint, before);
}

#[cfg(unix)]
#[test]
fn links_to_folders_are_not_followed() {
    let fixture = Fixture::new();
    let train = fixture.root().join("train");
    std::os::unix::fs::symlink(&train, train.join("loop")).unwrap();
    std::os::unix::fs::symlink(&train, train.join("cat").join("loop.png")).unwrap();
    assert_eq!(fixture.load().unwrap().train.len(), 6);
    std::os::unix::fs::symlink("nowhere.png", train.join("cat").join("dangling.png")).unwrap();
    assert!(fixture.error().contains("dangling.png"));
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
        fixture.error().contains("emu holds no images"),
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
fn names_that_cannot_be_shown_are_refused_for_classes_and_written_out_for_images() {
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
fn zero_bytes_a_cut_jpeg_and_another_format_count_as_broken() {
    let fixture = Fixture::new();
    let jpeg = fs::read(fixture.root().join("train/dog/2.jpg")).unwrap();
    fixture.write("train/dog/zero.jpg", b"");
    fixture.write("train/dog/cut.jpg", &jpeg[..40]);
    fixture.write("train/dog/page.png", b"<html></html>");
    // What an image is, its content decides.
    fixture.write("train/dog/jpeg.png", &jpeg);
    let data = fixture.skip().unwrap();
    assert_eq!((data.train.len(), data.warnings.len()), (7, 3));
}

#[test]
fn a_path_is_asked_for() {
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
fn counts_are_printed_by_every_command_and_recorded() {
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
fn held_out_images_are_counted_as_the_run_has_them() {
    let place = Workplace::new("p.toml", SWEEP);
    write_images(&place.path().join("pics"));
    let held_out = place.stdout(&["plan", "p.toml", "--set", "data.validation=5"]);
    let counts = "3 classes, 19 training and 5 validation images";
    assert!(held_out.contains(counts), "{held_out}");
}
