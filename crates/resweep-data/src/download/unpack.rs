//! Unpacks the needed files, and nothing else, from a `.tar.gz`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::Entry;

use super::{Archive, ArchiveFile, DownloadError, MAX_SMALL_FILE_BYTES, write_error};

/// Unpacks to a temporary folder in `dest`, and moves the files to `archive.folder` once all are
/// complete. Only regular files at exactly `archive.folder`/`name` are read, so no path in the
/// archive can escape.
pub fn unpack(archive: &Archive, file: &Path, dest: &Path) -> Result<(), DownloadError> {
    let temporary = tempfile::tempdir_in(dest).map_err(|source| write_error(dest, source))?;
    let found = (File::open(file))
        .and_then(|file| {
            let unpacked = GzDecoder::new(BufReader::new(file));
            extract(archive, unpacked, temporary.path())
        })
        .map_err(|source| DownloadError::Unpack {
            archive: file.to_owned(),
            source,
        })?;
    if let Some(missing) = archive
        .files
        .iter()
        .find(|file| !found.contains(&file.name))
    {
        return Err(DownloadError::Incomplete {
            archive: file.to_owned(),
            missing: format!("{}/{}", archive.folder, missing.name),
        });
    }
    let folder = dest.join(&archive.folder);
    fs::create_dir_all(&folder).map_err(|source| write_error(&folder, source))?;
    for ArchiveFile { name, .. } in &archive.files {
        let target = folder.join(name);
        fs::rename(temporary.path().join(name), &target)
            .map_err(|source| write_error(&target, source))?;
    }
    Ok(())
}

/// Writes the needed files of a `.tar` to `folder`. Returns the names of those with their full
/// length.
pub fn extract(archive: &Archive, tar: impl Read, folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let reader = Capped {
        inner: tar,
        left: archive.bytes_max(),
    };
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        if let Some(wanted) = wanted(archive, &entry) {
            let limit = wanted.bytes.unwrap_or(MAX_SMALL_FILE_BYTES);
            let mut out = File::create(folder.join(&wanted.name))?;
            let length = io::copy(&mut entry.by_ref().take(limit + 1), &mut out)?;
            if length <= limit && wanted.bytes.is_none_or(|bytes| bytes == length) {
                found.insert(wanted.name.clone());
            }
        }
    }
    Ok(found)
}

/// The needed file of an entry, if it is one.
fn wanted<'a, R: Read>(archive: &'a Archive, entry: &Entry<'_, R>) -> Option<&'a ArchiveFile> {
    let path = entry.path_bytes();
    let path = path.strip_prefix(b"./").unwrap_or(&path);
    let name = path
        .strip_prefix(archive.folder.as_bytes())?
        .strip_prefix(b"/")?;
    (archive.files.iter())
        .find(|file| entry.header().entry_type().is_file() && file.name.as_bytes() == name)
}

/// Fails after a number of bytes, as a defence against decompression bombs.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = (self.left.checked_sub(count as u64))
            .ok_or_else(|| io::Error::other("it unpacks to more bytes than allowed"))?;
        Ok(count)
    }
}
