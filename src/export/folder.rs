//! The folder of an export. Must not touch files that were not exported.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use resweep_core::files::Place;

/// Lists the exported files; only those may be replaced.
const LIST: &str = ".resweep-export.json";

/// Why an export could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("`{}` exists and was not written by `resweep export`; move it away, or \
        choose another folder with --to", path.display())]
    NotOurs { path: PathBuf },
    #[error("`{}` is not a valid list of exported files; move it away, or \
        choose another folder with --to", path.display())]
    List { path: PathBuf },
    #[error("cannot write `{}`; choose another folder with --to", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The list's content: paths relative to the folder.
#[derive(Default, Serialize, Deserialize)]
struct Listed {
    files: BTreeSet<String>,
}

/// A folder with a set of files that may be written.
#[derive(Debug)]
pub struct Folder {
    place: Place,
}

impl Folder {
    /// The exported files below `place` that still exist, as paths with `/`.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn exported(place: &Place) -> Result<BTreeSet<String>, ExportError> {
        let mut files = read(&place.join(LIST))?.files;
        files.retain(|name| place.join(name).is_regular_file());
        Ok(files)
    }

    /// Claims `files`, paths relative to the folder with `/`; creates the folder. Writes only the
    /// list of exported files.
    ///
    /// # Errors
    /// When one of the files exists and was not exported, or the folder cannot be written.
    pub fn take(place: &Place, files: &[String]) -> Result<Folder, ExportError> {
        let list = place.join(LIST);
        let mut listed = read(&list)?;
        let taken = files.iter().find(|name| {
            // A dangling link belongs to somebody else, too.
            !listed.files.contains(*name) && place.join(name).exists()
        });
        if let Some(name) = taken {
            let path = place.join(name).to_path_buf();
            return Err(ExportError::NotOurs { path });
        }
        listed
            .files
            .retain(|name| place.join(name).is_regular_file());
        listed.files.extend(files.iter().cloned());
        let text = serde_json::to_vec_pretty(&listed).unwrap_or_default();
        list.write(&[&text, b"\n"])
            .map_err(|source| ExportError::Write {
                path: list.to_path_buf(),
                source,
            })?;
        let place = place.clone();
        Ok(Folder { place })
    }

    /// Writes one of the claimed files atomically.
    ///
    /// # Errors
    /// When it cannot be written; an existing file is unchanged.
    pub fn write(
        &self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<PathBuf, ExportError> {
        let file = self.place.join(name);
        let path = file.to_path_buf();
        match file.write_unsynced_with(fill) {
            Ok(()) => Ok(path),
            Err(source) => Err(ExportError::Write { path, source }),
        }
    }

    /// Appends the missing part of `bytes` to a file, for readers that have it open. Returns `None`
    /// and writes nothing if the file's content is not a prefix of `bytes`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>, ExportError> {
        let file = self.place.join(name);
        let append = || {
            let Some(rest) = bytes.strip_prefix(file.read()?.as_slice()) else {
                return Ok(false);
            };
            if !rest.is_empty() {
                file.open_to_append()?.write_all(rest)?;
            }
            Ok(true)
        };
        let path = file.to_path_buf();
        match append() {
            Ok(appended) => Ok(appended.then_some(path)),
            Err(source) => Err(ExportError::Write { path, source }),
        }
    }

    /// Removes an exported file that another one has replaced.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), ExportError> {
        let file = self.place.join(name);
        file.remove_file().map_err(|source| ExportError::Write {
            path: file.to_path_buf(),
            source,
        })
    }
}

fn read(list: &Place) -> Result<Listed, ExportError> {
    let path = list.to_path_buf();
    match list.read() {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| ExportError::List { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Listed::default()),
        Err(source) => Err(ExportError::Write { path, source }),
    }
}
