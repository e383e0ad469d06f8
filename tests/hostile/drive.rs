//! Feeds arbitrary bytes to each reader and asserts its invariants: for the fuzz targets, and for
//! the tests that replay their findings.

use std::fs;
use std::path::{Component, Path, PathBuf};

use resweep_core::domain::{
    Augmentation, BrokenImage, DataConfig, Dataset, Normalisation, Validation, is_unprintable,
};
use resweep_core::sweep_file;
use resweep_data::download::{Archive, ArchiveFile};
use resweep_data::{DataError, probe};

/// Height and width of all images, in pixels.
const SIZE: usize = 8;

/// Above the limits of configurations and runs.
const TOO_MANY: usize = 100_001;

/// A sweep file after any number of lines with `--set` arguments.
pub fn sweep_file(bytes: &[u8]) {
    let mut file = bytes;
    let mut overrides = Vec::new();
    while let Some(rest) = file.strip_prefix(b"--set ") {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, below) = rest.split_at(end.unwrap_or(rest.len()));
        overrides.push(String::from_utf8_lossy(line).into_owned());
        file = below.strip_prefix(b"\n").unwrap_or_default();
    }
    let folder = temporary();
    let path = folder.path().join("sweep.toml");
    fs::write(&path, file).expect("a writable temporary folder");
    match sweep_file::load(&path, &overrides) {
        Ok(sweep) => {
            assert!(!sweep.configurations.is_empty() && !sweep.seeds.is_empty());
            assert!(sweep.configurations.len() * sweep.seeds.len() < TOO_MANY);
            assert_eq!(sweep.labels.len(), sweep.configurations.len());
            assert!(sweep.labels.iter().all(|label| is_line(label)));
            assert!(sweep.title.iter().all(|title| is_line(title)));
            let mut below = Path::new(&sweep.name).components();
            assert!(matches!(below.next(), Some(Component::Normal(_))) && below.next().is_none());
            for panel in sweep.figures.iter().flat_map(|figure| &figure.panels) {
                let last = panel.configurations.iter().max();
                assert!(last.is_some_and(|last| *last < sweep.configurations.len()));
            }
        }
        Err(error) => {
            let report = error.render(false);
            assert!(report.lines().all(is_line), "{report:?}");
            assert!(!report.is_empty() && !error.render(true).is_empty());
        }
    }
}

/// Text that cannot control a terminal.
fn is_line(text: &str) -> bool {
    !text.chars().any(is_unprintable)
}

/// The content of an image file.
pub fn image(bytes: &[u8]) {
    match probe::image(bytes, SIZE) {
        Ok(pixels) => assert_eq!(pixels.len(), SIZE * SIZE * 3),
        Err(reason) => assert!(!reason.is_empty() && is_line(&reason), "{reason:?}"),
    }
}

/// A file of CIFAR-10.
pub fn cifar10(bytes: &[u8]) {
    cifar(Dataset::Cifar10, bytes, 1 + 3072, 10);
}

/// A file of CIFAR-100.
pub fn cifar100(bytes: &[u8]) {
    cifar(Dataset::Cifar100, bytes, 2 + 3072, 100);
}

fn cifar(dataset: Dataset, bytes: &[u8], record: usize, classes: u16) {
    let records = bytes.len() / record;
    match probe::cifar(dataset, bytes, records, SIZE) {
        Ok(set) => {
            assert_eq!((set.len(), bytes.len()), (records, records * record));
            assert_eq!(set.images.len(), records * SIZE * SIZE * 3);
            assert!(set.labels.iter().all(|label| *label < classes));
        }
        Err(DataError::Length { .. }) => assert_ne!(bytes.len(), records * record),
        Err(error) => assert!(matches!(error, DataError::Label { .. }), "{error}"),
    }
    assert!(probe::cifar(dataset, bytes, records + 1, SIZE).is_err());
}

/// A `.tar` that is unpacked.
pub fn archive(bytes: &[u8]) {
    let outside = temporary();
    let folder = outside.path().join("inside");
    fs::create_dir(&folder).expect("a writable temporary folder");
    let file = |name: &str, bytes| ArchiveFile {
        name: name.to_owned(),
        bytes,
    };
    let archive = Archive {
        name: "images.tar.gz".to_owned(),
        md5: String::new(),
        folder: "images".to_owned(),
        files: vec![file("a", Some(5)), file("b", None)],
    };
    let found = probe::unpack(&archive, bytes, &folder).unwrap_or_default();
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    for entry in fs::read_dir(&folder).expect("a folder") {
        let entry = entry.expect("an entry");
        assert!(["a", "b"].iter().any(|name| entry.file_name() == *name));
        let metadata = entry.path().symlink_metadata().expect("a file");
        assert!(metadata.is_file() && metadata.len() <= (1 << 20) + 1);
    }
    for name in found {
        let length = fs::metadata(folder.join(&name)).expect("found").len();
        assert!(name != "a" || length == 5);
    }
}

/// A cache file of decoded images.
pub fn cache(bytes: &[u8]) {
    let folder = temporary();
    let file = folder.path().join("images");
    fs::write(&file, bytes).expect("a writable temporary folder");
    if probe::cache(&file, SIZE, 2) {
        assert!(!probe::cache(&file, SIZE + 4, 2) && !probe::cache(&file, SIZE, 0));
    }
}

/// A class folder data set: lines of `train/cat/1.png` for a file, `train/cat/` for a folder and
/// `train/cat/1.png -> target` for a link. Behind an empty line is the content of every file.
pub fn class_folder(bytes: &[u8]) {
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (lines, content) = match blank {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let folder = temporary();
    let (root, cache) = (folder.path().join("root"), folder.path().join("cache"));
    fs::create_dir(&root).expect("a writable temporary folder");
    for line in lines.split(|byte| *byte == b'\n').take(50) {
        make(&root, line, content);
    }
    let config = DataConfig {
        dataset: Dataset::Folder,
        path: Some(root),
        validation: Validation::None,
        augmentation: Augmentation::None,
        normalisation: Normalisation::PerChannel,
        test_fraction: None,
        broken_image: match content.len() % 2 {
            0 => BrokenImage::Fail,
            _ => BrokenImage::Skip,
        },
    };
    match (
        resweep_data::describe(&config, SIZE, &cache),
        resweep_data::load(&config, SIZE, &cache),
    ) {
        (Ok(facts), Ok(data)) => {
            assert_eq!(facts.fingerprint, data.fingerprint);
            assert_eq!(facts.train_images, data.train.len());
            assert!(
                data.classes
                    .iter()
                    .chain(&data.warnings)
                    .all(|text| is_line(text))
            );
            let labels = data.train.labels.iter().chain(&data.eval.labels);
            assert!(
                labels
                    .into_iter()
                    .all(|label| usize::from(*label) < data.classes.len())
            );
        }
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string());
            assert!(is_line(&one.to_string()), "{one}");
        }
        (one, other) => panic!("{one:?} but {:?}", other.map(|data| data.fingerprint)),
    }
}

/// Creates the file, folder or link of a line below `root`; ignores errors.
fn make(root: &Path, line: &[u8], content: &[u8]) {
    let arrow = line.windows(4).position(|four| four == b" -> ");
    let (path, target) = match arrow {
        Some(at) => (&line[..at], Some(&line[at + 4..])),
        None => (line, None),
    };
    let Some(relative) = below(path) else {
        return;
    };
    let path_on_disk = root.join(relative);
    let made = match target {
        _ if path.ends_with(b"/") => fs::create_dir_all(path_on_disk),
        None => parent(&path_on_disk).and_then(|()| fs::write(path_on_disk, content)),
        Some(target) => match below(target) {
            Some(target) => parent(&path_on_disk).and_then(|()| link(&target, &path_on_disk)),
            None => Ok(()),
        },
    };
    drop(made);
}

fn parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A path that stays below its parent, with arbitrary bytes in its names.
fn below(path: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    let path: PathBuf = {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(path).into()
    };
    #[cfg(not(unix))]
    let path: PathBuf = String::from_utf8_lossy(path).into_owned().into();
    let normal = |part| matches!(part, Component::Normal(_));
    (path.components().all(normal) && path.components().next().is_some()).then_some(path)
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
