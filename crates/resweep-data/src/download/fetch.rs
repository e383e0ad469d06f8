//! Downloads one file over HTTP or HTTPS; resumes if the server supports it.
//!
//! The data go to a `.part` file, which one process at a time locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::{DownloadError, write_error};

/// The time after which a silent server counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);
const CHUNK_BYTES: usize = 128 << 10;

/// The result of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The file has the announced length.
    Whole,
    /// It has, or would have, more bytes than allowed.
    TooLong,
}

/// The interval at which a process checks whether the lock is free.
const PAUSE: Duration = Duration::from_millis(100);

/// A `.part` file locked by this process.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// Opens the file that an earlier call left, or an empty one, and waits for the lock. Returns
    /// `None` if `done` reports that the download is no longer needed.
    pub fn open(path: &Path, done: impl Fn() -> bool) -> Result<Option<Self>, DownloadError> {
        let failed = |source| write_error(path, source);
        loop {
            if done() {
                return Ok(None);
            }
            refuse_links(path)?;
            let file = open(path).map_err(failed)?;
            match file.try_lock() {
                // the previous owner has removed or replaced the file
                Ok(()) if !is_at(&file, path) => {}
                // a file system without locks
                Ok(()) | Err(TryLockError::Error(_)) => {
                    let path = path.to_owned();
                    return Ok(Some(Self { path, file }));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |data| data.len())
    }

    /// Removes the file.
    pub fn remove(self) -> Result<(), DownloadError> {
        fs::remove_file(&self.path).map_err(|source| write_error(&self.path, source))
    }
}

/// Whether `path` refers to this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |data: fs::Metadata| (data.dev(), data.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(one), Ok(other)) => identity(one) == identity(other),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Downloads at most `bytes_max` bytes from `url` to `part`, resuming an earlier call.
pub fn fetch(
    url: &str,
    part: &mut Part,
    bytes_max: u64,
    progress: impl FnMut(u64, Option<u64>),
) -> Result<Fetched, DownloadError> {
    let Part { path, file } = part;
    let there = file
        .seek(SeekFrom::End(0))
        .map_err(|source| write_error(path, source))?;
    let agent = agent();
    let mut response = request(&agent, url, there)?;
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE
        && complete_length(&response) == Some(there)
    {
        return Ok(Fetched::Whole);
    }
    if !continues_at(&response, there) {
        response = request(&agent, url, 0)?;
    }
    let start = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT => there,
        status => {
            return Err(DownloadError::Status {
                url: url.to_owned(),
                status: status.as_u16(),
            });
        }
    };
    (file.set_len(start))
        .and_then(|()| file.seek(SeekFrom::Start(start)))
        .map_err(|source| write_error(path, source))?;
    let target = Target {
        url,
        part: path,
        file,
        start,
        bytes_max,
    };
    target.receive(response, progress)
}

/// Rejects links and special files at the path.
fn refuse_links(part: &Path) -> Result<(), DownloadError> {
    match part.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => Err(DownloadError::NoFile {
            path: part.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Opens the file that an earlier call left, or an empty one.
fn open(part: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(part)
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // No transparent decompression: the checksum is that of the archive.
        .accept_encoding("identity")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("resweep/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Requests the file from byte `start` on.
fn request(agent: &Agent, url: &str, start: u64) -> Result<Response<Body>, DownloadError> {
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    request.call().map_err(|error| DownloadError::Connect {
        url: url.to_owned(),
        reason: error.to_string(),
    })
}

/// The file that a response body is written to.
struct Target<'a> {
    url: &'a str,
    part: &'a Path,
    file: &'a mut File,
    /// The offset of the body.
    start: u64,
    bytes_max: u64,
}

impl Target<'_> {
    fn receive(
        self,
        response: Response<Body>,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<Fetched, DownloadError> {
        let mut body = response.into_body();
        let length = body.content_length();
        let total = length.map(|length| self.start.saturating_add(length));
        let mut reader = body.as_reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut done = self.start;
        progress(done, total);
        loop {
            if total.unwrap_or(done) > self.bytes_max {
                return Ok(Fetched::TooLong);
            }
            let count = (reader.read(&mut chunk))
                .map_err(|error| self.interrupted(done, error.to_string()))?;
            if count == 0 {
                break;
            }
            (self.file.write_all(&chunk[..count]))
                .map_err(|source| write_error(self.part, source))?;
            done += count as u64;
            progress(done, total);
        }
        match total {
            Some(total) if done < total => {
                Err(self.interrupted(done, format!("{total} bytes were announced")))
            }
            _ => {
                (self.file.sync_all()).map_err(|source| write_error(self.part, source))?;
                Ok(Fetched::Whole)
            }
        }
    }

    fn interrupted(&self, bytes: u64, reason: String) -> DownloadError {
        DownloadError::Interrupted {
            url: self.url.to_owned(),
            bytes,
            reason,
        }
    }
}

/// Whether a response continues a file with `start` bytes: a partial response must begin there
/// (`Content-Range: bytes START-END/LENGTH`).
fn continues_at(response: &Response<Body>, start: u64) -> bool {
    match response.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => false,
        StatusCode::PARTIAL_CONTENT => {
            let first = content_range(response).and_then(|range| range.split_once('-'));
            first.and_then(|(first, _)| first.parse().ok()) == Some(start)
        }
        _ => true,
    }
}

/// The whole file's length, from `Content-Range: bytes */LENGTH`.
fn complete_length(response: &Response<Body>) -> Option<u64> {
    content_range(response)?.split_once('/')?.1.parse().ok()
}

fn content_range(response: &Response<Body>) -> Option<&str> {
    let value = response.headers().get("content-range")?.to_str().ok()?;
    value.trim().strip_prefix("bytes ")
}
