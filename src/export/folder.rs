//! The folder that an export goes to. What somebody else put there stays.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use resweep_core::files::{write_atomically, write_atomically_with};

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
    path: PathBuf,
}

impl Folder {
    /// Takes the folder for `files`, given as paths below it with `/`; made where it does not
    /// exist. Writes nothing but the list of its exported files.
    ///
    /// # Errors
    /// When one of the files is there and no export wrote it, or the folder cannot be written.
    pub fn take(path: &Path, files: &[String]) -> Result<Folder, ExportError> {
        let list = path.join(LIST);
        let mut listed = read(&list)?;
        let taken = files.iter().find(|name| {
            // A link that leads nowhere is somebody's too.
            !listed.files.contains(*name) && path.join(name).symlink_metadata().is_ok()
        });
        if let Some(name) = taken {
            let path = path.join(name);
            return Err(ExportError::NotOurs { path });
        }
        listed.files.extend(files.iter().cloned());
        let text = serde_json::to_vec_pretty(&listed).unwrap_or_default();
        write_atomically(&list, &[&text, b"\n"])
            .map_err(|source| ExportError::Write { path: list, source })?;
        let path = path.to_owned();
        Ok(Folder { path })
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
        let path = self.path.join(name);
        match write_atomically_with(&path, fill) {
            Ok(()) => Ok(path),
            Err(source) => Err(ExportError::Write { path, source }),
        }
    }
}

fn read(list: &Path) -> Result<Listed, ExportError> {
    let path = list.to_owned();
    match fs::read(list) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| ExportError::List { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Listed::default()),
        Err(source) => Err(ExportError::Write { path, source }),
    }
}
