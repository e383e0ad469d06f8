//! Fetches the published CIFAR archives: download, verify, unpack.

mod fetch;
mod unpack;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::cifar::{CIFAR10, CIFAR100, Layout};
use fetch::Fetched;
use resweep_core::domain::{Dataset, hex};
pub(crate) use unpack::extract;

/// What a file of unknown length may have at most.
const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;

/// What an archive may have besides the wanted files: other files, the heads of entries.
const MAX_OTHER_BYTES: u64 = 16 << 20;

const OFFICIAL_SITE: &str = "https://www.cs.toronto.edu/~kriz";

/// A published `.tar.gz` and what is wanted of it.
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
    /// Its length; `None` where any length will do.
    pub bytes: Option<u64>,
}

/// What a download did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downloaded {
    /// Every file was there already; the network was not used.
    AlreadyThere(PathBuf),
    /// The archive was fetched and unpacked into this folder.
    Unpacked(PathBuf),
}

/// Why a data set could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("only cifar10 and cifar100 can be downloaded")]
    NotPublished,

    #[error(
        "cannot reach {url}: {reason}; check the network connection and the proxy settings, or \
         name a mirror with `--url`"
    )]
    Connect { url: String, reason: String },

    #[error("{url} answered {status}; name another server with `--url`")]
    Status { url: String, status: u16 },

    #[error(
        "the download of {url} broke off after {bytes} bytes: {reason}; run it again to resume"
    )]
    Interrupted {
        url: String,
        bytes: u64,
        reason: String,
    },

    #[error(
        "{url} is longer than the {most} bytes that {archive} can have; what had come was removed, \
         name another server with `--url`"
    )]
    TooLong {
        url: String,
        archive: String,
        most: u64,
    },

    #[error("{path} is not a file of its own; remove it and run the download again")]
    NoFile { path: PathBuf },

    #[error(
        "{file} has the MD5 {found} instead of {expected}; it was removed, run the download again"
    )]
    Checksum {
        file: PathBuf,
        found: String,
        expected: String,
    },

    #[error("{archive} does not hold {missing} as it should")]
    Incomplete { archive: PathBuf, missing: String },

    #[error("cannot unpack {archive}")]
    Unpack { archive: PathBuf, source: io::Error },

    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// Downloads a data set from the official site, or from `base_url`, into a folder of its own in
/// `dest`; see [`download_archive`].
pub fn download(
    dataset: Dataset,
    base_url: Option<&str>,
    dest: &Path,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Downloaded, DownloadError> {
    let archive = Archive::published(dataset).ok_or(DownloadError::NotPublished)?;
    download_archive(&archive, base_url.unwrap_or(OFFICIAL_SITE), dest, progress)
}

/// Downloads `base_url`/`archive.name` into `dest`, verifies its MD5, and unpacks the wanted
/// files into `dest`/`archive.folder`. Does nothing where they are all there.
///
/// The download goes to a `.part` file, which a later call resumes. `progress` hears the bytes
/// that are there and, where the server tells, all that there will be.
///
/// # Errors
/// An archive with another MD5 or of an impossible length is removed. Nothing is written outside
/// `dest`, and no more than the wanted files and an archive of them can take.
pub fn download_archive(
    archive: &Archive,
    base_url: &str,
    dest: &Path,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Downloaded, DownloadError> {
    let folder = dest.join(&archive.folder);
    if archive.is_complete(&folder) {
        return Ok(Downloaded::AlreadyThere(folder));
    }
    fs::create_dir_all(dest).map_err(|source| write_error(dest, source))?;
    let url = format!("{}/{}", base_url.trim_end_matches('/'), archive.name);
    let part = dest.join(format!("{}.part", archive.name));
    match fetch::fetch(&url, &part, archive.bytes_max(), progress)? {
        Fetched::Whole => {}
        Fetched::TooLong => {
            fs::remove_file(&part).map_err(|source| write_error(&part, source))?;
            return Err(DownloadError::TooLong {
                url,
                archive: archive.name.clone(),
                most: archive.bytes_max(),
            });
        }
    }
    verify(&part, &archive.md5)?;
    unpack::unpack(archive, &part, dest)?;
    fs::remove_file(&part).map_err(|source| write_error(&part, source))?;
    Ok(Downloaded::Unpacked(folder))
}

impl Archive {
    /// The official archive of a data set, where there is one.
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

    /// What the archive can have at most, packed or unpacked: the wanted files and some more for
    /// the others.
    fn bytes_max(&self) -> u64 {
        let bytes = |file: &ArchiveFile| file.bytes.unwrap_or(MAX_SMALL_FILE_BYTES);
        self.files.iter().map(bytes).sum::<u64>() + MAX_OTHER_BYTES
    }

    /// Whether `folder` has every file at its length.
    fn is_complete(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| {
            fs::metadata(folder.join(&file.name)).is_ok_and(|metadata| {
                metadata.is_file() && file.bytes.is_none_or(|bytes| bytes == metadata.len())
            })
        })
    }
}

/// Checks an archive's MD5, and removes it where that is wrong.
fn verify(part: &Path, expected: &str) -> Result<(), DownloadError> {
    let mut hash = Md5::new();
    (fs::File::open(part))
        .and_then(|mut file| io::copy(&mut file, &mut HashWriter(&mut hash)))
        .map_err(|source| write_error(part, source))?;
    let found = hex(&hash.finalize());
    if found == expected {
        return Ok(());
    }
    fs::remove_file(part).map_err(|source| write_error(part, source))?;
    Err(DownloadError::Checksum {
        file: part.to_owned(),
        found,
        expected: expected.to_owned(),
    })
}

/// Feeds a hash through `io::Write`.
struct HashWriter<'a>(&'a mut Md5);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_error(path: &Path, source: io::Error) -> DownloadError {
    DownloadError::Write {
        path: path.to_owned(),
        source,
    }
}
