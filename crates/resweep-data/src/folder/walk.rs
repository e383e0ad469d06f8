//! Lists the files of one class folder: images, and skipped files.

use std::collections::HashSet;
use std::fs::{self, DirEntry, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use image::{ImageFormat, guess_format};

use crate::error::DataError;
use crate::files;

/// The supported formats, for messages.
pub const FORMATS: &str = "JPEG, PNG, WebP, BMP, GIF, TIFF, PNM";

/// Extensions of image files. Such files count as images even if they turn out to be damaged.
const ENDINGS: [&str; 15] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "gif", "tif", "tiff", "ppm", "pgm",
    "pbm", "pnm",
];

/// Files and folders that file managers and network drives create, in lower case.
const LITTER: [&str; 5] = [
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__macosx",
    "@eadir",
];

/// The bytes at the start of a file that identify its format.
const MAGIC_BYTES: u64 = 32;

/// One image file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the root of the data set.
    pub path: PathBuf,
    pub label: u16,
    pub bytes: u64,
    pub stamp: Stamp,
}

/// Identifies a file's version: length, times in nanoseconds since 1970, and on Unix the inode and
/// its change time, which programs cannot set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    bytes: u64,
    modified: u128,
    changed: i128,
    number: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let stamp = Self {
            bytes: metadata.len(),
            modified: since.map_or(0, |since| since.as_nanos()),
            ..Self::default()
        };
        #[cfg(unix)]
        let stamp = {
            use std::os::unix::fs::MetadataExt;
            let seconds = i128::from(metadata.ctime());
            Self {
                changed: seconds * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
                number: metadata.ino(),
                ..stamp
            }
        };
        stamp
    }

    /// The latest of its times.
    pub fn newest(&self) -> u128 {
        self.modified.max(u128::try_from(self.changed).unwrap_or(0))
    }

    pub fn bytes(&self) -> Vec<u8> {
        [
            &self.bytes.to_le_bytes()[..],
            &self.modified.to_le_bytes(),
            &self.changed.to_le_bytes(),
            &self.number.to_le_bytes(),
        ]
        .concat()
    }
}

/// The content of a class folder.
#[derive(Debug, Default)]
pub struct Found {
    /// Sorted by path.
    pub images: Vec<Entry>,
    pub left: Left,
}

/// The skipped files and folders of a class, relative to its folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Files of other kinds.
    pub files: Vec<PathBuf>,
    /// Links to folders that have been read.
    pub folders: Vec<PathBuf>,
}

/// Lists everything below a class folder and follows links; `folder` is relative to `root`.
pub fn class(root: &Path, folder: &Path, label: u16) -> Result<Found, DataError> {
    let mut walk = Walk {
        base: root.join(folder),
        folder,
        label,
        // a link to a parent of the class would lead to all classes
        seen: root
            .join(folder)
            .ancestors()
            .skip(1)
            .map(Path::to_owned)
            .collect(),
        found: Found::default(),
    };
    walk.visit(Path::new(""))?;
    let mut found = walk.found;
    found.images.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    found.left.files.sort_unstable();
    Ok(found)
}

struct Walk<'a> {
    /// The class folder.
    base: PathBuf,
    /// The class folder, relative to the root of the data set.
    folder: &'a Path,
    label: u16,
    /// The folders visited, as canonical paths.
    seen: HashSet<PathBuf>,
    found: Found,
}

impl Walk<'_> {
    /// Lists a folder below the class folder.
    fn visit(&mut self, below: &Path) -> Result<(), DataError> {
        let path = self.base.join(below);
        let real = fs::canonicalize(&path).map_err(|source| files::read_error(&path, source))?;
        if !self.seen.insert(real) {
            self.found.left.folders.push(below.to_owned());
            return Ok(());
        }
        for entry in visible(&path)? {
            let below = below.join(entry.file_name());
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() => self.visit(&below)?,
                metadata => self.file(&entry.path(), below, metadata.ok()),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, below: PathBuf, metadata: Option<Metadata>) {
        if !is_image(path, metadata.as_ref()) {
            self.found.left.files.push(below);
            return;
        }
        let stamp = metadata.as_ref().map(Stamp::of).unwrap_or_default();
        self.found.images.push(Entry {
            path: self.folder.join(below),
            label: self.label,
            bytes: stamp.bytes,
            stamp,
        });
    }
}

/// Whether a file is an image by its name or content. A file that cannot be opened counts as one,
/// so that decoding reports it.
pub fn is_image(path: &Path, metadata: Option<&Metadata>) -> bool {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let known = ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    match metadata {
        Some(metadata) if !metadata.is_file() => false,
        _ => known || has_magic(path).unwrap_or(true),
    }
}

/// Whether a file begins with the magic number of an image format.
fn has_magic(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?
        .take(MAGIC_BYTES)
        .read_to_end(&mut start)?;
    Ok(guess_format(&start).is_ok_and(|format| is_decoded(format, &start)))
}

/// Whether a format is one of [`FORMATS`]. Many texts begin with the two letters of a BMP, so the
/// bytes after them, which are 0, are checked too.
fn is_decoded(format: ImageFormat, start: &[u8]) -> bool {
    match format {
        ImageFormat::Bmp => start.get(6..10) == Some(&[0; 4]),
        ImageFormat::Pnm => start.get(2).is_some_and(u8::is_ascii_whitespace),
        format => format.reading_enabled(),
    }
}

/// The entries of a folder, sorted by name, without hidden ones (`._*` of macOS, `.thumbnails`) and
/// those in [`LITTER`].
pub fn visible(folder: &Path) -> Result<Vec<DirEntry>, DataError> {
    let failed = |source| files::read_error(folder, source);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_ascii_lowercase();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && !LITTER.iter().any(|litter| name == *litter) {
            entries.push(entry);
        }
    }
    entries.sort_unstable_by_key(DirEntry::file_name);
    Ok(entries)
}
