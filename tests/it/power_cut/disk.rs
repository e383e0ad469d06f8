//! Derives the possible states of a file system after a power cut from a journal of a program's
//! operations.
//!
//! The rules are the minimum of POSIX: data written to a file may be lost, in part and in any
//! order, until the file is synced; a name that was created, changed or removed may be old or new
//! until its folder is synced. Real file systems guarantee more, but differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// The size of an atomic write of a disk.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
pub enum Event {
    Create(PathBuf),
    Folder(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(PathBuf, usize, Vec<u8>),
    Truncate(PathBuf, usize),
    Sync(PathBuf),
    Say(String),
}

/// Reads the journal of `recorder.c`; paths become relative to `root`.
pub fn parse(journal: &[u8], root: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = journal;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = str::from_utf8(&rest[..end]).expect("a line of text");
        rest = &rest[end + 1..];
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("four words");
        let (kind, offset, length) = (word(), word(), word());
        let path = Path::new(word());
        let path = path.strip_prefix(root).unwrap_or(path).to_owned();
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let (offset, length) = (number(offset), number(length));
        let mut bytes = || {
            let (bytes, after) = rest.split_at(length);
            rest = after;
            bytes.to_vec()
        };
        events.push(match kind {
            "create" => Event::Create(path),
            "folder" => Event::Folder(path),
            "remove" => Event::Remove(path),
            "sync" => Event::Sync(path),
            "truncate" => Event::Truncate(path, offset),
            "write" => Event::Write(path, offset, bytes()),
            "say" => Event::Say(String::from_utf8_lossy(&bytes()).into_owned()),
            "rename" => {
                let to = String::from_utf8(bytes()).expect("a path");
                let to = Path::new(&to).strip_prefix(root).expect("below the root");
                Event::Rename(path, to.to_owned())
            }
            other => panic!("unknown event `{other}`"),
        });
    }
    events.retain(|event| !is_shared_memory(event));
    events
}

/// Whether an event is about SQLite's shared memory, which does not outlive the system.
fn is_shared_memory(event: &Event) -> bool {
    let (Event::Create(path)
    | Event::Folder(path)
    | Event::Rename(path, _)
    | Event::Remove(path)
    | Event::Write(path, ..)
    | Event::Truncate(path, _)
    | Event::Sync(path)) = event
    else {
        return false;
    };
    path.to_string_lossy().ends_with("-shm")
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Truncate(len) => content.resize(*len, 0),
            Change::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

type Names = BTreeMap<PathBuf, Node>;

/// Names of a folder that change atomically.
#[derive(Debug, Clone)]
struct Renaming {
    folder: PathBuf,
    changes: Vec<(PathBuf, Option<Node>)>,
}

impl Renaming {
    fn apply(&self, names: &mut Names) {
        for (path, node) in &self.changes {
            match node {
                Some(node) => names.insert(path.clone(), *node),
                None => names.remove(path),
            };
        }
    }
}

/// The fate of changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    Lost,
    Kept,
    /// Each is kept at random; one in four of those is torn.
    Chance,
}

/// A disk during a program's operations. The root folder is the empty path.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    durable: Names,
    pending: Vec<Renaming>,
    current: Names,
}

/// Files and their content; `None` for a folder.
pub type State = BTreeMap<PathBuf, Option<Vec<u8>>>;

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

impl Disk {
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(path) => {
                self.files.push(File::default());
                let node = Node::File(self.files.len() - 1);
                self.rename(path, vec![(path.clone(), Some(node))]);
            }
            Event::Folder(path) => self.rename(path, vec![(path.clone(), Some(Node::Folder))]),
            Event::Remove(path) => self.rename(path, vec![(path.clone(), None)]),
            Event::Rename(from, to) => {
                let node = self.current.get(from).copied();
                self.rename(to, vec![(from.clone(), None), (to.clone(), node)]);
            }
            Event::Write(path, offset, bytes) => {
                self.change(path, Change::Write(*offset, bytes.clone()));
            }
            Event::Truncate(path, len) => self.change(path, Change::Truncate(*len)),
            Event::Sync(path) => self.sync(path),
            Event::Say(_) => {}
        }
    }

    fn rename(&mut self, path: &Path, changes: Vec<(PathBuf, Option<Node>)>) {
        let folder = folder_of(path);
        let renaming = Renaming { folder, changes };
        renaming.apply(&mut self.current);
        self.pending.push(renaming);
    }

    fn change(&mut self, path: &Path, change: Change) {
        // The file was removed since, so it is ignored.
        if let Some(Node::File(file)) = self.current.get(path) {
            self.files[*file].pending.push(change);
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(Node::File(file)) = self.current.get(path) {
            let file = &mut self.files[*file];
            for change in file.pending.drain(..) {
                change.apply(&mut file.durable);
            }
            return;
        }
        let durable = &mut self.durable;
        self.pending.retain(|renaming| {
            let synced = renaming.folder == path;
            if synced {
                renaming.apply(durable);
            }
            !synced
        });
    }

    /// A possible state of the disk after a power cut at this moment.
    pub fn cut(&self, names: Fate, data: Fate, rng: &mut ChaCha8Rng) -> State {
        let mut left = self.durable.clone();
        for renaming in &self.pending {
            if survives(names, rng) {
                renaming.apply(&mut left);
            }
        }
        let mut state = State::new();
        for (path, node) in &left {
            let folder = folder_of(path);
            // Sorted paths have a folder before its content.
            let reachable = folder == Path::new("") || state.get(&folder) == Some(&None);
            if reachable {
                let content = match node {
                    Node::Folder => None,
                    Node::File(file) => Some(self.content(*file, data, rng)),
                };
                state.insert(path.clone(), content);
            }
        }
        state
    }

    fn content(&self, file: usize, fate: Fate, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let File { durable, pending } = &self.files[file];
        let mut content = durable.clone();
        for change in pending {
            if !survives(fate, rng) {
                continue;
            }
            match change {
                Change::Write(offset, bytes)
                    if fate == Fate::Chance && rng.next_u32().is_multiple_of(4) =>
                {
                    let sectors = bytes.len().div_ceil(SECTOR) as u32;
                    let kept = (rng.next_u32() % sectors.max(1)) as usize * SECTOR;
                    let torn = bytes[..kept.min(bytes.len())].to_vec();
                    Change::Write(*offset, torn).apply(&mut content);
                }
                change => change.apply(&mut content),
            }
        }
        content
    }
}

fn survives(fate: Fate, rng: &mut ChaCha8Rng) -> bool {
    match fate {
        Fate::Lost => false,
        Fate::Kept => true,
        Fate::Chance => rng.next_u32().is_multiple_of(2),
    }
}
