//! Names what is in a folder that lacks `train` or `test`: such a folder under another name, a level
//! deeper, or in an archive.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::Path;

use super::walk::visible;
use crate::error::{DataError, shown};

/// Other names of the folders, in lower case.
const NAMES: [(&str, &[&str]); 2] = [
    ("train", &["train", "training", "train_set", "trainset"]),
    (
        "test",
        &[
            "test",
            "testing",
            "val",
            "valid",
            "validation",
            "eval",
            "test_set",
            "testset",
        ],
    ),
];

const ARCHIVES: [&str; 7] = ["zip", "tar", "gz", "tgz", "7z", "rar", "xz"];

/// What to do with what is found instead of the folder `name` of `root`.
///
/// # Errors
/// When the folder cannot be read.
pub fn instead(root: &Path, name: &str) -> Result<Option<String>, DataError> {
    let entries = visible(root)?;
    let deeper = |entry: &&DirEntry| entry.path().join(name).is_dir();
    if let Some(entry) = entries.iter().find(|entry| is_other_name(entry, name)) {
        return Ok(Some(format!("rename `{}` to `{name}`", text(entry))));
    }
    if let Some(entry) = entries.iter().find(deeper) {
        let inner = root.join(entry.file_name());
        return Ok(Some(format!(
            "`{}` has it: set `data.path` to that",
            shown(&inner)
        )));
    }
    let archive = entries.iter().find(|entry| is_archive(entry));
    Ok(archive.map(|entry| format!("unpack `{}` first", text(entry))))
}

fn text(entry: &DirEntry) -> String {
    shown(Path::new(&entry.file_name()))
}

fn is_other_name(entry: &DirEntry, name: &str) -> bool {
    let lower = entry.file_name().to_string_lossy().to_lowercase();
    let known = NAMES.iter().find(|(right, _)| *right == name);
    known.is_some_and(|(_, others)| others.contains(&lower.as_str())) && entry.path().is_dir()
}

fn is_archive(entry: &DirEntry) -> bool {
    let path = entry.path();
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    extension.is_some_and(|found| ARCHIVES.iter().any(|known| found == *known)) && path.is_file()
}
