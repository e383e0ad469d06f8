//! Parses the value of `--url`: where an archive comes from.

use std::path::{Path, PathBuf};

use super::DownloadError;

/// Where an archive comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The URL of the archive.
    Url(String),
    /// An archive on this machine.
    File(PathBuf),
}

impl Source {
    /// Parses a URL or path of the archive `name`, or of the folder that has it.
    ///
    /// # Errors
    /// A path that does not exist.
    pub fn parse(from: &str, name: &str) -> Result<Self, DownloadError> {
        let scheme = from
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https") => Ok(Self::Url(match from.ends_with(name) {
                true => from.to_owned(),
                false => format!("{}/{name}", from.trim_end_matches('/')),
            })),
            Some("file") => Self::file(&unescaped(file_path(from)), name),
            _ => Self::file(Path::new(from), name),
        }
    }

    fn file(path: &Path, name: &str) -> Result<Self, DownloadError> {
        let file = if path.is_dir() {
            path.join(name)
        } else {
            path.to_owned()
        };
        match file.is_file() {
            true => Ok(Self::File(file)),
            false => Err(DownloadError::NoSource { path: file }),
        }
    }
}

/// The path of a `file://` URL, whose host may be empty or `localhost`.
fn file_path(url: &str) -> &str {
    let path = url.get("file://".len()..).unwrap_or_default();
    path.strip_prefix("localhost")
        .filter(|path| path.starts_with('/'))
        .unwrap_or(path)
}

/// Decodes percent escapes such as `%20`.
fn unescaped(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| first == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths_are_distinguished() {
        let url = |from| Source::parse(from, "a.tar.gz").expect("a URL");
        let whole = Source::Url("https://x/y/a.tar.gz".to_owned());
        assert_eq!(url("https://x/y/"), whole);
        assert_eq!(url("https://x/y/a.tar.gz"), whole);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("a b");
        std::fs::create_dir(&inner).expect("a folder");
        let file = inner.join("a.tar.gz");
        std::fs::write(&file, b"").expect("a file");
        let path = inner.display().to_string();
        for from in [
            path.clone(),
            file.display().to_string(),
            format!("file://{}", path.replace(' ', "%20")),
            format!("file://localhost{path}/a.tar.gz"),
        ] {
            let found = Source::parse(&from, "a.tar.gz").expect("a file");
            assert_eq!(found, Source::File(file.clone()), "{from}");
        }
        for from in ["nowhere", "ftp://x/y", "file:///nowhere/at/all"] {
            let message = Source::parse(from, "a.tar.gz")
                .expect_err("nothing")
                .to_string();
            assert!(message.contains("there is no"), "{message}");
        }
    }
}
