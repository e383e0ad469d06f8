//! Downloads from a server on the loopback interface.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use md5::{Digest, Md5};
use resweep_core::domain::Dataset;
use resweep_data::download::{
    Archive, ArchiveFile, DownloadError, Downloaded, download, download_archive,
};
use tempfile::TempDir;

/// The server's responses: one per connection, the last one repeats.
#[derive(Clone, Copy)]
enum Answer {
    Whole,
    /// Announces the full length and closes the connection after this many bytes.
    CutAfter(usize),
    /// Honours `Range`.
    Ranges,
    /// Responds with another range, from the first byte.
    WrongRange,
    NotFound,
    /// Announces no length and sends as long as the client reads.
    Endless,
}

/// A server of one file that records the `Range` header of every request.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn new(content: Vec<u8>, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (ranges.clone(), answers.to_vec());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let answer = answers[number.min(answers.len() - 1)];
                // A client may close the connection early.
                let _ = respond(stream.unwrap(), &content, answer, &seen);
            }
        });
        Self { url, ranges }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn respond(
    mut stream: TcpStream,
    content: &[u8],
    answer: Answer,
    seen: &Mutex<Vec<Option<String>>>,
) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        range = range.or(line.strip_prefix("range: ").map(str::to_owned));
    }
    seen.lock().unwrap().push(range.clone());
    let length = content.len();
    let start: Option<usize> = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    if let Answer::Endless = answer {
        write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[0; 1 << 16])?;
        }
    }
    let (head, body) = match (answer, start) {
        (Answer::NotFound, _) => ("404 Not Found\r\ncontent-length: 0".to_owned(), &[][..]),
        (Answer::Ranges, Some(start)) if start < length => (
            format!(
                "206 Partial Content\r\ncontent-range: bytes {start}-{}/{length}\r\n\
                 content-length: {}",
                length - 1,
                length - start
            ),
            &content[start..],
        ),
        (Answer::Ranges, Some(_)) => (
            format!(
                "416 Range Not Satisfiable\r\ncontent-range: bytes */{length}\r\ncontent-length: 0"
            ),
            &[][..],
        ),
        (Answer::WrongRange, Some(_)) => (
            format!(
                "206 Partial Content\r\ncontent-range: bytes 0-{}/{length}\r\n\
                 content-length: {length}",
                length - 1
            ),
            content,
        ),
        (Answer::CutAfter(bytes), _) => (
            format!("200 OK\r\ncontent-length: {length}"),
            &content[..bytes],
        ),
        _ => (format!("200 OK\r\ncontent-length: {length}"), content),
    };
    write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(body)
}

/// Incompressible bytes, so that a download has some length.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// A `.tar.gz` of these paths, including invalid ones.
fn tarball(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn archive(content: &[u8]) -> Archive {
    let md5 = Md5::digest(content);
    let file = |name: &str, bytes| ArchiveFile {
        name: name.to_owned(),
        bytes,
    };
    Archive {
        name: "images.tar.gz".to_owned(),
        md5: md5.iter().map(|byte| format!("{byte:02x}")).collect(),
        folder: "images-bin".to_owned(),
        files: vec![file("data.bin", Some(300_000)), file("names.txt", None)],
    }
}

fn good() -> Vec<u8> {
    tarball(&[
        ("images-bin/data.bin", &noise(300_000)),
        ("images-bin/readme.html", b"not wanted"),
        ("images-bin/names.txt", b"cat\n"),
    ])
}

fn fetch(server: &Server, archive: &Archive, dest: &Path) -> Result<Downloaded, DownloadError> {
    download_archive(archive, &server.url, dest, |_, _| {})
}

/// The names in a folder and below it, sorted.
fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(self::names(&path));
        }
        names.push(path);
    }
    names.sort();
    names
}

fn assert_only_the_wanted_files(dest: &Path) {
    let inside = ["images-bin", "images-bin/data.bin", "images-bin/names.txt"];
    assert_eq!(names(dest), inside.map(|name| dest.join(name)));
    assert_eq!(
        fs::read(dest.join("images-bin/data.bin")).unwrap(),
        noise(300_000)
    );
}

#[test]
fn an_archive_is_fetched_verified_and_unpacked_once() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::Whole]);
    let mut heard = Vec::new();
    let done = download_archive(
        &archive(&content),
        &server.url,
        dest.path(),
        |bytes, total| {
            heard.push((bytes, total));
        },
    );
    let folder = dest.path().join("images-bin");
    assert_eq!(done.unwrap(), Downloaded::Unpacked(folder.clone()));
    assert_only_the_wanted_files(dest.path());
    let length = content.len() as u64;
    assert_eq!(heard.first(), Some(&(0, Some(length))));
    assert_eq!(heard.last(), Some(&(length, Some(length))));

    let again = fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_eq!(again, Downloaded::AlreadyThere(folder));
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn interrupted_download_is_resumed() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(
        content.clone(),
        &[Answer::CutAfter(100_000), Answer::Ranges],
    );
    let error = fetch(&server, &archive(&content), dest.path()).unwrap_err();
    assert!(
        matches!(error, DownloadError::Interrupted { bytes: 100_000, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("run it again to resume"));
    fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_only_the_wanted_files(dest.path());
    assert_eq!(server.ranges(), [None, Some("bytes=100000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::CutAfter(100_000), Answer::Whole]);
    fetch(&server, &archive(&content), dest.path()).unwrap_err();
    fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_only_the_wanted_files(dest.path());
}

#[test]
fn mismatched_range_response_is_not_appended() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::CutAfter(9), Answer::WrongRange]);
    fetch(&server, &archive(&content), dest.path()).unwrap_err();
    fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_only_the_wanted_files(dest.path());
}

#[test]
fn complete_part_file_is_not_downloaded_again() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::Ranges]);
    fs::write(dest.path().join("images.tar.gz.part"), &content).unwrap();
    fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_only_the_wanted_files(dest.path());
}

#[test]
fn part_file_longer_than_the_file_is_downloaded_again() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::Ranges]);
    fs::write(
        dest.path().join("images.tar.gz.part"),
        [&content[..], b"more"].concat(),
    )
    .unwrap();
    fetch(&server, &archive(&content), dest.path()).unwrap();
    assert_only_the_wanted_files(dest.path());
}

#[test]
fn a_wrong_checksum_removes_the_file_and_says_so() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content, &[Answer::Whole]);
    let message = fetch(&server, &archive(b"another"), dest.path())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("MD5") && message.contains("was removed"),
        "{message}"
    );
    assert_eq!(names(dest.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_missing_file_and_a_missing_server_are_explained() {
    let dest = TempDir::new().unwrap();
    let server = Server::new(Vec::new(), &[Answer::NotFound]);
    let message = fetch(&server, &archive(b""), dest.path())
        .unwrap_err()
        .to_string();
    assert!(message.contains("images.tar.gz answered 404"), "{message}");

    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{nobody}");
    let error = download_archive(&archive(b""), &url, dest.path(), |_, _| {}).unwrap_err();
    assert!(matches!(error, DownloadError::Connect { .. }), "{error}");
    assert!(
        error.to_string().contains("check the network connection"),
        "{error}"
    );
}

#[test]
fn paths_that_lead_out_of_the_folder_are_never_written() {
    let (outer, data) = (TempDir::new().unwrap(), noise(300_000));
    let content = tarball(&[
        ("../evil", b"evil"),
        ("images-bin/../../evil", b"evil"),
        ("/tmp/evil/data.bin", b"evil"),
        ("images-bin/data.bin", &data),
        ("images-bin/names.txt", b"cat\n"),
    ]);
    let dest = outer.path().join("dest");
    let server = Server::new(content.clone(), &[Answer::Whole]);
    fetch(&server, &archive(&content), &dest).unwrap();
    assert_only_the_wanted_files(&dest);
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
}

#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "images-bin/data.bin", "/etc/passwd")
        .unwrap();
    let content = tar.into_inner().unwrap().finish().unwrap();
    let dest = TempDir::new().unwrap();
    let server = Server::new(content.clone(), &[Answer::Whole]);
    let message = fetch(&server, &archive(&content), dest.path())
        .unwrap_err()
        .to_string();
    assert!(message.contains("lacks images-bin/data.bin"), "{message}");
    assert!(!dest.path().join("images-bin").exists());
}

#[test]
fn files_of_a_wrong_length_are_not_accepted() {
    let content = tarball(&[
        ("images-bin/data.bin", &noise(300_001)),
        ("images-bin/names.txt", b"cat\n"),
    ]);
    let dest = TempDir::new().unwrap();
    let server = Server::new(content.clone(), &[Answer::Whole]);
    let error = fetch(&server, &archive(&content), dest.path()).unwrap_err();
    assert!(matches!(error, DownloadError::Incomplete { .. }), "{error}");
}

#[test]
fn endless_or_oversized_downloads_are_aborted() {
    let long = vec![0; 18 << 20];
    let announced = Server::new(long, &[Answer::Whole]);
    let endless = Server::new(Vec::new(), &[Answer::Endless]);
    for server in [announced, endless] {
        let dest = TempDir::new().unwrap();
        let mut most = 0;
        let error = download_archive(&archive(b""), &server.url, dest.path(), |bytes, _| {
            most = most.max(bytes);
        });
        let message = error.unwrap_err().to_string();
        assert!(message.contains("is longer than the"), "{message}");
        assert!(most < 19 << 20, "{most} bytes were written");
        assert_eq!(names(dest.path()), [] as [PathBuf; 0]);
    }
}

#[test]
fn a_bomb_and_a_huge_declared_size_are_not_unpacked() {
    let bomb = tarball(&[("images-bin/filler", &vec![0; 20 << 20])]);
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..19].copy_from_slice(b"images-bin/data.bin");
    header.set_size(1 << 50);
    header.set_cksum();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    let huge = gzip.finish().unwrap();
    for (content, said) in [(bomb, "more bytes than allowed"), (huge, "unexpected EOF")] {
        let dest = TempDir::new().unwrap();
        let server = Server::new(content.clone(), &[Answer::Whole]);
        let error = fetch(&server, &archive(&content), dest.path()).unwrap_err();
        let reason = std::error::Error::source(&error)
            .expect("a reason")
            .to_string();
        assert!(reason.contains(said), "{reason}");
        let part = dest.path().join("images.tar.gz.part");
        assert_eq!(names(dest.path()), [part]);
    }
}

#[cfg(unix)]
#[test]
fn link_in_place_of_the_part_file_is_not_followed() {
    let (dest, outside, content) = (TempDir::new().unwrap(), TempDir::new().unwrap(), good());
    let target = outside.path().join("precious");
    fs::write(&target, b"precious").unwrap();
    std::os::unix::fs::symlink(&target, dest.path().join("images.tar.gz.part")).unwrap();
    let server = Server::new(content.clone(), &[Answer::Whole]);
    let error = fetch(&server, &archive(&content), dest.path()).unwrap_err();
    assert!(
        error.to_string().contains("a link or not a regular file"),
        "{error}"
    );
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn only_published_data_sets_can_be_downloaded() {
    let error = download(Dataset::Folder, None, Path::new("unused"), |_, _| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "only cifar10 and cifar100 can be downloaded"
    );
    let cifar = Archive::published(Dataset::Cifar10).unwrap();
    assert_eq!(cifar.md5, "c32a1d4ab5d03f1284b67883e8d87530");
    assert_eq!(cifar.files.len(), 7);
    assert_eq!(cifar.files[0].bytes, Some(30_730_000));
    let cifar100 = Archive::published(Dataset::Cifar100).unwrap();
    assert_eq!(cifar100.files[0].bytes, Some(153_700_000));
}

#[test]
fn existing_archive_is_used_without_network_and_kept() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let archive = archive(&content);
    let lying = dest.path().join("images.tar.gz");
    fs::write(&lying, &content).unwrap();
    let from = "http://127.0.0.1:9";
    download_archive(&archive, from, dest.path(), |_, _| {}).unwrap();
    assert_eq!(fs::read(&lying).unwrap(), content);
    fs::remove_file(&lying).unwrap();
    assert_only_the_wanted_files(dest.path());

    let other = TempDir::new().unwrap();
    let lying = other.path().join("images.tar.gz");
    fs::write(&lying, b"damaged").unwrap();
    let message = download_archive(&archive, from, other.path(), |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(message.contains("images.tar.gz has the MD5"), "{message}");
    assert_eq!(names(other.path()), [lying]);
}

#[test]
fn complete_part_file_is_used_without_network_and_an_empty_one_is_removed() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let archive = archive(&content);
    let from = "http://127.0.0.1:9";
    download_archive(&archive, from, dest.path(), |_, _| {}).unwrap_err();
    assert_eq!(names(dest.path()), [] as [PathBuf; 0]);
    fs::write(dest.path().join("images.tar.gz.part"), &content).unwrap();
    download_archive(&archive, from, dest.path(), |_, _| {}).unwrap();
    assert_only_the_wanted_files(dest.path());
}

#[test]
fn paths_and_file_urls_are_accepted() {
    let (outside, content) = (TempDir::new().unwrap(), good());
    let file = outside.path().join("images.tar.gz");
    fs::write(&file, &content).unwrap();
    let folder = outside.path().display().to_string();
    for from in [
        folder.clone(),
        file.display().to_string(),
        format!("file://{folder}"),
        format!("file://{folder}/images.tar.gz"),
    ] {
        let dest = TempDir::new().unwrap();
        download_archive(&archive(&content), &from, dest.path(), |_, _| {}).unwrap();
        assert_only_the_wanted_files(dest.path());
    }
    assert_eq!(names(outside.path()), [file]);
    let dest = TempDir::new().unwrap();
    let error = download_archive(&archive(&content), "/nowhere", dest.path(), |_, _| {});
    let message = error.unwrap_err().to_string();
    assert!(message.contains("there is no /nowhere"), "{message}");
}

#[test]
fn two_downloads_at_once_give_whole_files() {
    let (dest, content) = (TempDir::new().unwrap(), good());
    let server = Server::new(content.clone(), &[Answer::Whole]);
    let archive = archive(&content);
    thread::scope(|scope| {
        let starts = (0..4).map(|_| scope.spawn(|| fetch(&server, &archive, dest.path())));
        let starts: Vec<_> = starts.collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
    });
    assert_only_the_wanted_files(dest.path());
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn other_versions_of_cifar_are_recognised() {
    let place = TempDir::new().unwrap();
    let sweep = "sweep.name = \"c\"\ndata = { dataset = \"cifar10\", path = \"py\" }\n\
                 model.depth = 8\ntrain.iterations = 1\naxes.shortcut = [\"none\"]\n";
    fs::write(place.path().join("c.toml"), sweep).unwrap();
    let data = place.path().join("py");
    fs::create_dir_all(data.join("cifar-10-batches-py")).unwrap();
    let run = || {
        let mut command = assert_cmd::Command::cargo_bin("resweep").unwrap();
        let assert = command
            .current_dir(place.path())
            .args(["run", "c.toml"])
            .assert();
        String::from_utf8_lossy(&assert.code(3).get_output().stderr).into_owned()
    };
    let said = run();
    assert!(
        said.contains("py/cifar-10-batches-py is the Python version"),
        "{said}"
    );
    assert!(
        said.contains("`resweep data download cifar10 --to py`"),
        "{said}"
    );
    fs::write(data.join("cifar-10-binary.tar.gz"), b"").unwrap();
    let said = run();
    assert!(
        said.contains("py/cifar-10-binary.tar.gz is not unpacked yet"),
        "{said}"
    );
}
