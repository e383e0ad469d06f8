//! The folder that an export goes to. What somebody else put there stays.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use resweep_core::files::Place;

/// Lists the files that exports wrote into the folder, and only those may be replaced.
const LIST: &str = ".resweep-export.json";

/// Why an export could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("`{}` is there already and was not written by `resweep export`; move it away, or \
        choose another folder with --to", path.display())]
    NotOurs { path: PathBuf },
    #[error("`{}` is not a list of exported files as this program writes it; move it away, or \
        choose another folder with --to", path.display())]
    List { path: PathBuf },
    #[error("cannot write `{}`; choose another folder with --to", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The list's content: paths below the folder.
#[derive(Default, Serialize, Deserialize)]
struct Listed {
    files: BTreeSet<String>,
}

/// A folder into which certain files may be written.
#[derive(Debug)]
pub struct Folder {
    place: Place,
}

impl Folder {
    /// The files below `place` that exports wrote and that are still there, as paths with `/`.
    ///
    /// # Errors
    /// When the list of them cannot be read.
    pub fn exported(place: &Place) -> Result<BTreeSet<String>, ExportError> {
        let mut files = read(&place.join(LIST))?.files;
        files.retain(|name| place.join(name).is_regular_file());
        Ok(files)
    }

    /// Takes the folder for `files`, given as paths below it with `/`; made where it does not
    /// exist. Writes nothing but the list of its exported files.
    ///
    /// # Errors
    /// When one of the files is there and no export wrote it, or the folder cannot be written.
    pub fn take(place: &Place, files: &[String]) -> Result<Folder, ExportError> {
        let list = place.join(LIST);
        let mut listed = read(&list)?;
        let taken = files.iter().find(|name| {
            // A link that leads nowhere is somebody's too.
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

    /// Writes one of the files that the folder was taken for, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; an old one is then as it was.
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

    /// Appends to a file what it lacks of `bytes`, for readers that have it open; `None`, and
    /// nothing is written, where what it has is not their beginning.
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

    /// Removes a file that an export wrote and another has replaced.
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
