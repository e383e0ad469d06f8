//! Paths below a root folder that are never reached through a symbolic link.
//!
//! Other users may be able to write into a shared results folder. If they replace a folder or a
//! file in it by a link, a program that follows it writes or removes files elsewhere, with the
//! rights of whoever runs it. Each operation here opens the root, which may be a link, and from
//! there one folder after another relative to the open one, with `O_NOFOLLOW`; so a link that
//! appears in between is refused as well.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{self as system, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{TEMPORARY_PREFIX, create_folder, parent, write_parts};

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const FOLDER: OFlags = READ.union(OFlags::DIRECTORY);
/// Neither follows a link nor waits for the other end of a pipe.
const FILE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// A path with a root. Links are followed on the way to the root, and refused from there on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    path: PathBuf,
    /// How many of the last components of the path are below the root.
    below: usize,
}

/// An entry of a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    pub place: Place,
    pub bytes: u64,
    /// When it was last written, where the system knows.
    pub modified: Option<SystemTime>,
    pub is_file: bool,
    pub is_folder: bool,
    pub is_link: bool,
}

impl Entry {
    /// The last component of the path, if it is UTF-8.
    pub fn name(&self) -> Option<&str> {
        self.place.file_name()?.to_str()
    }

    /// Whether it is a file or a link with the name of a temporary file.
    pub fn is_temporary(&self) -> bool {
        let named = self
            .name()
            .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX));
        named && (self.is_file || self.is_link)
    }
}

impl Deref for Place {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Place {
    /// A folder below which no link is followed.
    pub fn root(path: &Path) -> Place {
        Place {
            path: path.to_owned(),
            below: 0,
        }
    }

    /// A file of any folder, which is the root.
    pub fn of_file(path: &Path) -> Place {
        Place {
            path: path.to_owned(),
            below: usize::from(path.file_name().is_some()),
        }
    }

    /// A path below the folder `root`, if it is there, or else of any folder, which is then the root.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn below(root: &Path, path: &Path) -> io::Result<Place> {
        let (root, path) = (std::path::absolute(root)?, std::path::absolute(path)?);
        Ok(match path.strip_prefix(&root) {
            Ok(below) => Place::root(&root).join(below),
            Err(_) => Place::of_file(&path),
        })
    }

    /// The folder that links may lead to.
    pub fn root_folder(&self) -> &Path {
        self.path.ancestors().nth(self.below).unwrap_or(&self.path)
    }

    /// The same place for a process with another working directory.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn absolute(&self) -> io::Result<Place> {
        Ok(Place {
            path: std::path::absolute(&self.path)?,
            below: self.below,
        })
    }

    /// A path below this one. Only ordinary components of `name` count, so the result is never
    /// outside the root.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Place {
        let mut joined = self.clone();
        for component in name.as_ref().components() {
            if let Component::Normal(name) = component {
                joined.path.push(name);
                joined.below += 1;
            }
        }
        joined
    }

    /// The folder that holds it; the root is its own.
    #[must_use]
    pub fn folder(&self) -> Place {
        match self.below {
            0 => self.clone(),
            below => Place {
                path: parent(&self.path).to_owned(),
                below: below - 1,
            },
        }
    }

    /// Whether there is a file, a folder or a link of this name.
    pub fn exists(&self) -> bool {
        let Ok((folder, name)) = self.open_folder_of() else {
            return false;
        };
        system::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Whether there is a regular file of this name, and not a link to one.
    pub fn is_regular_file(&self) -> bool {
        self.open().is_ok()
    }

    /// Opens a regular file to read it.
    ///
    /// # Errors
    /// Any error of the system; it is not a regular file, or a link is in the way.
    pub fn open(&self) -> io::Result<File> {
        super::retry_stale(|| {
            let (folder, name) = self.open_folder_of()?;
            self.regular(system::openat(
                &folder,
                name,
                FILE | OFlags::RDONLY,
                Mode::empty(),
            ))
        })
    }

    /// The content of a regular file.
    ///
    /// # Errors
    /// As of [`Place::open`].
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = self.open()?;
        let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Creates an empty file and its folders, and opens it for writing. An old file or link of
    /// this name is removed, so that nothing is written into what it leads to.
    ///
    /// # Errors
    /// Any error of the system, or a link is in the way.
    pub fn create(&self) -> io::Result<File> {
        let (folder, name) = self.make_folder_of()?;
        match system::unlinkat(&folder, name, AtFlags::empty()) {
            Err(Errno::NOENT) => {}
            removed => removed?,
        }
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.regular(system::openat(&folder, name, flags, mode(0o666)))
    }

    /// Creates an empty file in a folder that exists, and opens it to append to it.
    ///
    /// # Errors
    /// Any error of the system: above all, there is something of this name; or a link is in the way.
    pub fn create_new(&self) -> io::Result<File> {
        let (folder, name) = self.open_folder_of()?;
        let flags = FILE | OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        self.regular(system::openat(&folder, name, flags, mode(0o666)))
    }

    /// Creates the folder in a folder that exists.
    ///
    /// # Errors
    /// Any error of the system: above all, there is something of this name; or a link is in the way.
    pub fn create_new_folder(&self) -> io::Result<()> {
        let (folder, name) = self.open_folder_of()?;
        Ok(system::mkdirat(&folder, name, mode(0o777))?)
    }

    /// Creates the folder, and those above it, where they are missing.
    ///
    /// # Errors
    /// Any error of the system, or a link is in the way.
    pub fn create_folder(&self) -> io::Result<()> {
        self.open_as_folder(true, true).map(drop)
    }

    /// Opens or creates a file to lock it, and to write into it. The folder is created if it is
    /// missing.
    ///
    /// # Errors
    /// Any error of the system; a link is in the way, or the file is known by another name too.
    pub fn open_lock(&self) -> io::Result<File> {
        let (folder, name) = self.make_folder_of()?;
        let flags = FILE | OFlags::RDWR | OFlags::CREATE;
        let file = self.regular(system::openat(&folder, name, flags, mode(0o666)))?;
        match file.metadata()?.nlink() {
            0 | 1 => Ok(file),
            _ => Err(refused(&self.path, "has another name too (a hard link)")),
        }
    }

    /// Writes `parts` through a temporary file beside it, and returns once the disk has them.
    /// Creates the folders below the root, and the root, if they are missing.
    ///
    /// # Errors
    /// Any error of the system, or a link is in the way; an old file is then unchanged.
    pub fn write(&self, parts: &[&[u8]]) -> io::Result<()> {
        self.write_with(|file| write_parts(file, parts))
    }

    /// As [`Place::write`], with whatever `fill` writes, in pieces of any size.
    ///
    /// # Errors
    /// As of [`Place::write`], or an error of `fill`.
    pub fn write_with(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.put(fill, true)
    }

    /// As [`Place::write_with`], but does not wait for the disk: for files that can be written
    /// again, thousands of them.
    ///
    /// # Errors
    /// As of [`Place::write_with`].
    pub fn write_unsynced_with(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.put(fill, false)
    }

    /// As [`Place::write`], but leaves whatever has this name.
    ///
    /// # Errors
    /// As of [`Place::write`]; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the name is taken, which
    /// on a network file system may be by this very request, if its answer was lost.
    pub fn write_new(&self, parts: &[&[u8]]) -> io::Result<()> {
        let (folder, name) = self.make_folder_of()?;
        let (mut file, temporary) = Temporary::create(&folder)?;
        write_parts(&mut file, parts)?;
        file.sync_all()?;
        temporary.link(name)?;
        Ok(system::fsync(&folder)?)
    }

    fn put(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        sync: bool,
    ) -> io::Result<()> {
        let folder = self.folder().open_as_folder(true, sync)?;
        let name = self.name()?;
        let (file, temporary) = Temporary::create(&folder)?;
        let mut buffer = BufWriter::new(file);
        fill(&mut buffer)?;
        let file = buffer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        if sync {
            file.sync_all()?;
        }
        temporary.rename(name, &file)?;
        if sync {
            system::fsync(&folder)?;
        }
        Ok(())
    }

    /// Waits until the disk has every write to the file system of this folder: one call for
    /// thousands of [`Place::write_unsynced_with`].
    ///
    /// # Errors
    /// Any error of the system.
    pub fn sync_file_system(&self) -> io::Result<()> {
        let folder = self.open_as_folder(false, false)?;
        #[cfg(target_os = "linux")]
        system::syncfs(&folder)?;
        #[cfg(not(target_os = "linux"))]
        {
            drop(folder);
            system::sync();
        }
        Ok(())
    }

    /// Opens a regular file to append to it.
    ///
    /// # Errors
    /// As of [`Place::open`].
    pub fn open_to_append(&self) -> io::Result<File> {
        let (folder, name) = self.open_folder_of()?;
        let flags = FILE | OFlags::WRONLY | OFlags::APPEND;
        self.regular(system::openat(&folder, name, flags, Mode::empty()))
    }

    /// Removes a file or a link.
    ///
    /// # Errors
    /// Any error of the system, or a link is in the way.
    pub fn remove_file(&self) -> io::Result<()> {
        let (folder, name) = self.open_folder_of()?;
        Ok(system::unlinkat(folder, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Any error of the system: above all, it is not empty.
    pub fn remove_folder(&self) -> io::Result<()> {
        let (folder, name) = self.open_folder_of()?;
        Ok(system::unlinkat(folder, name, AtFlags::REMOVEDIR)?)
    }

    /// What is in the folder; nothing if it is missing, is a link or cannot be read.
    pub fn entries(&self) -> Vec<Entry> {
        self.read_entries().unwrap_or_default()
    }

    /// What is in the folder. Whatever disappears meanwhile is left out.
    ///
    /// # Errors
    /// Any error of the system, or a link is in the way.
    pub fn read_entries(&self) -> io::Result<Vec<Entry>> {
        let folder = super::retry_stale(|| self.open_as_folder(false, false))?;
        let names = names(&folder)?;
        let described = names.iter().map(|name| self.describe(&folder, name));
        Ok(described.filter_map(Result::ok).collect())
    }

    /// What is at this place, without reading the folder that holds it; `None` if it is missing.
    pub fn entry(&self) -> Option<Entry> {
        let (folder, name) = self.open_folder_of().ok()?;
        self.folder().describe(&folder, name).ok()
    }

    fn describe(&self, folder: &OwnedFd, name: &OsStr) -> io::Result<Entry> {
        let stat = system::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = system::FileType::from_raw_mode(stat.st_mode);
        let modified = u64::try_from(stat.st_mtime).ok().and_then(|seconds| {
            SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))
        });
        Ok(Entry {
            place: self.join(name),
            bytes: stat.st_size as u64,
            modified,
            is_file: kind == system::FileType::RegularFile,
            is_folder: kind == system::FileType::Directory,
            is_link: kind == system::FileType::Symlink,
        })
    }

    /// The open folder that holds it, and its name there.
    fn open_folder_of(&self) -> io::Result<(OwnedFd, &OsStr)> {
        Ok((self.folder().open_as_folder(false, false)?, self.name()?))
    }

    /// As [`Place::open_folder_of`]; creates the folders that are missing.
    fn make_folder_of(&self) -> io::Result<(OwnedFd, &OsStr)> {
        Ok((self.folder().open_as_folder(true, true)?, self.name()?))
    }

    fn name(&self) -> io::Result<&OsStr> {
        let name = self.path.file_name().filter(|_| self.below > 0);
        name.ok_or_else(|| refused(&self.path, "is not a file name"))
    }

    /// Opens it as a folder, from the root on; with `make`, creates what is missing on the way. With
    /// `sync`, the names are then durable, also those that another process has just created.
    fn open_as_folder(&self, make: bool, sync: bool) -> io::Result<OwnedFd> {
        let mut components: Vec<&OsStr> = self.path.iter().collect();
        let names = components.split_off(components.len() - self.below);
        let root: PathBuf = components.iter().collect();
        let mut path = match components.is_empty() {
            true => PathBuf::from("."),
            false => root,
        };
        if make {
            create_folder(&path)?;
        }
        let mut folder = system::openat(CWD, &path, FOLDER, Mode::empty())?;
        for name in names {
            path.push(name);
            if make {
                match system::mkdirat(&folder, name, mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                if sync {
                    system::fsync(&folder)?;
                }
            }
            folder = system::openat(&folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
                .map_err(|error| explain(&path, error))?;
        }
        Ok(folder)
    }

    fn regular(&self, opened: Result<OwnedFd, Errno>) -> io::Result<File> {
        let file = File::from(opened.map_err(|error| explain(&self.path, error))?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(refused(&self.path, "is not a regular file")),
        }
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits as _)
}

/// Says so if a link is what a call failed for.
fn explain(path: &Path, error: Errno) -> io::Error {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if is_link && matches!(error, Errno::NOTDIR | Errno::LOOP | Errno::MLINK) {
        return refused(
            path,
            "is a symbolic link, and resweep follows none inside a results folder; remove the \
             link, or name the folder that it leads to on the command line",
        );
    }
    error.into()
}

fn refused(path: &Path, why: &str) -> io::Error {
    let text = format!("`{}` {why}", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn names(folder: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in system::Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A file that is removed unless it gets its name.
struct Temporary<'a> {
    folder: &'a OwnedFd,
    name: Option<String>,
}

impl<'a> Temporary<'a> {
    fn create(folder: &'a OwnedFd) -> io::Result<(File, Temporary<'a>)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id());
            match system::openat(folder, &name, flags, mode(0o666)) {
                // Left behind by a dead process that had the same id.
                Err(Errno::EXIST) => {}
                opened => {
                    let file = File::from(opened?);
                    let name = Some(name);
                    return Ok((file, Temporary { folder, name }));
                }
            }
        }
    }

    /// Gives the file a second name, and removes the first.
    fn link(self, name: &OsStr) -> io::Result<()> {
        match &self.name {
            Some(own) => {
                let flags = AtFlags::empty();
                Ok(system::linkat(self.folder, own, self.folder, name, flags)?)
            }
            None => Ok(()),
        }
    }

    fn rename(mut self, name: &OsStr, file: &File) -> io::Result<()> {
        if let Some(own) = &self.name {
            match system::renameat(self.folder, own, self.folder, name) {
                // A network file system repeats a request whose answer was lost.
                Err(Errno::NOENT) if self.has_name(name, file)? => {}
                renamed => renamed?,
            }
        }
        self.name = None;
        Ok(())
    }

    fn has_name(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let own = system::fstat(file)?;
        let found = system::statat(self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(found.is_ok_and(|found| (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)))
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Otherwise `resweep gc` removes it.
            let _ = system::unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root with a link `link` to a folder elsewhere that holds the file `private`.
    fn linked() -> (tempfile::TempDir, Place, PathBuf) {
        let place = tempfile::tempdir().expect("a temporary folder");
        let (root, elsewhere) = (place.path().join("root"), place.path().join("elsewhere"));
        for folder in [&root, &elsewhere] {
            fs::create_dir(folder).expect("a folder");
        }
        fs::write(elsewhere.join("private"), "mine").expect("a file");
        symlink(&elsewhere, root.join("link")).expect("a link");
        (place, Place::root(&root), elsewhere)
    }

    #[test]
    fn nothing_below_the_root_is_reached_through_a_link() {
        let (_place, root, elsewhere) = linked();
        let through = root.join("link/private");
        let results = [
            through.read().map(drop),
            through.create().map(drop),
            through.open_lock().map(drop),
            through.write(&[b"overwritten"]),
            through.remove_file(),
            root.join("link/folder/file").write(&[b"new"]),
        ];
        for result in results {
            let error = result.expect_err("a link is in the way").to_string();
            assert!(error.contains("link` is a symbolic link"), "{error}");
        }
        assert!(root.join("link").entries().is_empty());
        let names: Vec<OsString> = fs::read_dir(&elsewhere)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["private"]);
        let private = fs::read_to_string(elsewhere.join("private")).expect("a file");
        assert_eq!(private, "mine");
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_or_refused() {
        let (_place, root, elsewhere) = linked();
        let private = elsewhere.join("private");
        let link = root.join("file");
        symlink(&private, &link).expect("a link");
        assert!(link.read().is_err() && link.open_lock().is_err());
        link.write(&[b"new"]).expect("the link is replaced");
        fs::remove_file(&link).expect("a file");
        fs::hard_link(&private, &link).expect("a hard link");
        assert!(link.open_lock().is_err());
        link.create().expect("the other name is replaced");
        assert_eq!(fs::read_to_string(&private).expect("a file"), "mine");
    }

    #[test]
    fn the_root_itself_may_be_a_link() {
        let (_place, root, elsewhere) = linked();
        let root = Place::root(&root.join("link"));
        root.join("a/b/file").write(&[b"x"]).expect("it is written");
        assert!(elsewhere.join("a/b/file").is_file());
        assert_eq!(root.entries().len(), 2);
        assert_eq!(root.join("private").read().expect("a file"), b"mine");
    }

    #[test]
    fn no_name_leads_out_of_the_root() {
        let root = Place::root(Path::new("root"));
        assert_eq!(
            &*root.join("../../etc/passwd"),
            Path::new("root/etc/passwd")
        );
        assert_eq!(&*root.join("/etc/passwd"), Path::new("root/etc/passwd"));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let (place, root, _) = linked();
        let pipe = place.path().join("root/pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        let error = root.join("pipe").read().expect_err("a pipe").to_string();
        assert!(error.ends_with("is not a regular file"), "{error}");
    }
}
