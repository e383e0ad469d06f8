//! Downloads the published CIFAR archives: fetch, verify, unpack.

mod fetch;
mod source;
mod unpack;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::Md5;

use super::cifar::{CIFAR10, CIFAR100, Layout};
use fetch::{Fetched, Part};
use resweep_core::domain::Dataset;
use resweep_core::files;
use source::Source;
pub(crate) use unpack::extract;

/// The most bytes of a file of unknown length.
const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;

/// The most bytes of an archive besides the needed files: other files, entry headers.
const MAX_OTHER_BYTES: u64 = 16 << 20;

const OFFICIAL_SITE: &str = "https://www.cs.toronto.edu/~kriz";

/// A published `.tar.gz` and the files needed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name on the server.
    pub name: String,
    /// Its published MD5 in hexadecimal.
    pub md5: String,
    /// The folder that it unpacks to.
    pub folder: String,
    pub files: Vec<ArchiveFile>,
}

/// A file of an archive's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    pub name: String,
    /// Its length; `None` if any length is accepted.
    pub bytes: Option<u64>,
}

/// The result of a download command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downloaded {
    /// Every file existed; nothing was downloaded.
    AlreadyThere(PathBuf),
    /// The archive was downloaded or found, and unpacked into this folder.
    Unpacked(PathBuf),
}

/// Why a data set could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("only cifar10 and cifar100 can be downloaded")]
    NotPublished,

    #[error(
        "cannot reach {url}: {reason}; check the network connection and the proxy settings, or \
         name a mirror or a file with `--url`"
    )]
    Connect { url: String, reason: String },

    #[error("{url} answered {status}; name another server with `--url`")]
    Status { url: String, status: u16 },

    #[error(
        "the download of {url} was interrupted after {bytes} bytes: {reason}; run it again to resume"
    )]
    Interrupted {
        url: String,
        bytes: u64,
        reason: String,
    },

    #[error(
        "{url} is longer than the {most} bytes that {archive} can have; the partial download was removed, \
         name another server with `--url`"
    )]
    TooLong {
        url: String,
        archive: String,
        most: u64,
    },

    #[error("{path} is a link or not a regular file; remove it and run the download again")]
    NoFile { path: PathBuf },

    #[error(
        "{file} has the MD5 {found} instead of {expected}; it was removed, run the download again"
    )]
    Checksum {
        file: PathBuf,
        found: String,
        expected: String,
    },

    #[error(
        "{file} has the MD5 {found} instead of {expected}: it is damaged or another archive; \
         remove it to download it again, or name another one with `--url`"
    )]
    OtherArchive {
        file: PathBuf,
        found: String,
        expected: String,
    },

    #[error(
        "there is no {path}; `--url` takes the archive, its folder, or a URL that begins with \
         https://, http:// or file://"
    )]
    NoSource { path: PathBuf },

    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },

    #[error("{archive} lacks {missing}, or has it with another length")]
    Incomplete { archive: PathBuf, missing: String },

    #[error("cannot unpack {archive}")]
    Unpack { archive: PathBuf, source: io::Error },

    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// Downloads a data set from the official site, or from another URL or path, to its own folder in
/// `dest`; see [`download_archive`].
pub fn download(
    dataset: Dataset,
    from: Option<&str>,
    dest: &Path,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Downloaded, DownloadError> {
    let archive = Archive::published(dataset).ok_or(DownloadError::NotPublished)?;
    download_archive(&archive, from.unwrap_or(OFFICIAL_SITE), dest, progress)
}

/// Downloads `archive` to `dest`, verifies its MD5, and unpacks the needed files to
/// `dest`/`archive.folder`. Does nothing if all of them exist.
///
/// `from` is a URL whose folder has the archive, or a path or `file://` URL of the archive or of
/// its folder. An archive already in `dest` is used instead of the network and kept. A download
/// goes to a `.part` file, which a later call resumes; a second process waits for it. `progress`
/// receives the bytes downloaded and, if the server announces it, the total.
///
/// # Errors
/// A downloaded archive with another MD5 or an impossible length is removed. Nothing is written
/// outside `dest`, and no more than the needed files and their archive can have.
pub fn download_archive(
    archive: &Archive,
    from: &str,
    dest: &Path,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Downloaded, DownloadError> {
    let folder = dest.join(&archive.folder);
    if archive.is_complete(&folder) {
        return Ok(Downloaded::AlreadyThere(folder));
    }
    let source = Source::parse(from, &archive.name)?;
    fs::create_dir_all(dest).map_err(|source| write_error(dest, source))?;
    let here = dest.join(&archive.name);
    let url = match source {
        Source::File(file) => {
            take(archive, &file, dest)?;
            return Ok(Downloaded::Unpacked(folder));
        }
        Source::Url(_) if here.is_file() => {
            take(archive, &here, dest)?;
            return Ok(Downloaded::Unpacked(folder));
        }
        Source::Url(url) => url,
    };
    let part = dest.join(format!("{}.part", archive.name));
    match Part::open(&part, || archive.is_complete(&folder))? {
        None => Ok(Downloaded::AlreadyThere(folder)),
        Some(part) => {
            fetch_and_unpack(archive, &url, part, dest, progress)?;
            Ok(Downloaded::Unpacked(folder))
        }
    }
}

/// Unpacks an archive that the user provided; does not remove it.
fn take(archive: &Archive, file: &Path, dest: &Path) -> Result<(), DownloadError> {
    let found = md5(file)?;
    if found != archive.md5 {
        return Err(DownloadError::OtherArchive {
            file: file.to_owned(),
            found,
            expected: archive.md5.clone(),
        });
    }
    unpack::unpack(archive, file, dest)
}

/// Downloads the missing part of an archive, unpacks it and removes it. Removes an empty file.
fn fetch_and_unpack(
    archive: &Archive,
    url: &str,
    mut part: Part,
    dest: &Path,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<(), DownloadError> {
    let is_whole = part.bytes() > 0 && md5(part.path())? == archive.md5;
    if !is_whole {
        match fetch::fetch(url, &mut part, archive.bytes_max(), progress) {
            Ok(Fetched::Whole) => {}
            Ok(Fetched::TooLong) => {
                part.remove()?;
                return Err(DownloadError::TooLong {
                    url: url.to_owned(),
                    archive: archive.name.clone(),
                    most: archive.bytes_max(),
                });
            }
            Err(error) => {
                if part.bytes() == 0 {
                    part.remove()?;
                }
                return Err(error);
            }
        }
        let found = md5(part.path())?;
        if found != archive.md5 {
            let file = part.path().to_owned();
            part.remove()?;
            return Err(DownloadError::Checksum {
                file,
                found,
                expected: archive.md5.clone(),
            });
        }
    }
    unpack::unpack(archive, part.path(), dest)?;
    part.remove()
}

impl Archive {
    /// The official archive of a data set, if it is published.
    pub fn published(dataset: Dataset) -> Option<Self> {
        match dataset {
            Dataset::Cifar10 => Some(Self::cifar(
                &CIFAR10,
                "cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
            )),
            Dataset::Cifar100 => Some(Self::cifar(
                &CIFAR100,
                "cifar-100-binary.tar.gz",
                "03b5dce01913d631647c71ecec9e9cb8",
            )),
            Dataset::Synthetic | Dataset::Folder => None,
        }
    }

    fn cifar(layout: &Layout, name: &str, md5: &str) -> Self {
        let images = layout.files().map(|(name, bytes)| (name, Some(bytes)));
        Self {
            name: name.to_owned(),
            md5: md5.to_owned(),
            folder: layout.folder.to_owned(),
            files: (images.chain([(layout.names, None)]))
                .map(|(name, bytes)| ArchiveFile {
                    name: name.to_owned(),
                    bytes,
                })
                .collect(),
        }
    }

    /// The most bytes of the archive, packed or unpacked: the needed files and an allowance for
    /// others.
    fn bytes_max(&self) -> u64 {
        let bytes = |file: &ArchiveFile| file.bytes.unwrap_or(MAX_SMALL_FILE_BYTES);
        self.files.iter().map(bytes).sum::<u64>() + MAX_OTHER_BYTES
    }

    /// Whether `folder` has every file with its length.
    fn is_complete(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| {
            fs::metadata(folder.join(&file.name)).is_ok_and(|metadata| {
                metadata.is_file() && file.bytes.is_none_or(|bytes| bytes == metadata.len())
            })
        })
    }
}

/// A file's MD5 in hexadecimal.
fn md5(file: &Path) -> Result<String, DownloadError> {
    let hash = fs::File::open(file).and_then(files::hash::<Md5>);
    hash.map_err(|source| DownloadError::Read {
        path: file.to_owned(),
        source,
    })
}

fn write_error(path: &Path, source: io::Error) -> DownloadError {
    DownloadError::Write {
        path: path.to_owned(),
        source,
    }
}
