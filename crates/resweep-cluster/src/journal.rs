//! The journal of one start of a task: records that are only ever appended.
//!
//! A record is the length of its JSON, the CRC-32C of that length, the CRC-32C of the JSON (each 4 bytes,
//! little-endian) and the JSON. A record that is cut off may be incomplete for now: a reader waits for the
//! rest. A wrong checksum ends the journal.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use resweep_core::domain::TaskRecord;
use resweep_core::files::Place;

/// Bytes before the JSON.
const HEADER: usize = 12;
/// No record is longer; a larger length is damage.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// How long written records may wait for fsync. Measurements after the last checkpoint are repeated
/// anyway.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Appends records to a new journal.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    waiting: Vec<u8>,
    last_sync: Instant,
    /// Whether the next [`JournalWriter::commit`] calls fsync.
    sync_next: bool,
}

impl JournalWriter {
    /// Creates the journal.
    ///
    /// # Errors
    /// The file exists, or cannot be created.
    pub fn create(path: &Place) -> io::Result<Self> {
        Ok(Self {
            file: path.create_new()?,
            waiting: Vec::new(),
            last_sync: Instant::now(),
            sync_next: true,
        })
    }

    /// Adds a record, which the next [`JournalWriter::commit`] writes.
    ///
    /// # Errors
    /// Never for records of this program.
    pub fn push(&mut self, record: &TaskRecord) -> io::Result<()> {
        let json = serde_json::to_vec(record)?;
        let length = (json.len() as u32).to_le_bytes();
        self.waiting.extend_from_slice(&length);
        for checked in [&length[..], &json] {
            let sum = crc32c::crc32c(checked).to_le_bytes();
            self.waiting.extend_from_slice(&sum);
        }
        self.waiting.extend_from_slice(&json);
        Ok(())
    }

    /// Makes the next commit call fsync.
    pub fn sync_next(&mut self) {
        self.sync_next = true;
    }

    /// Writes the added records, and calls fsync if it is due.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn commit(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.file.write_all(&self.waiting)?;
            self.waiting.clear();
        }
        if self.sync_next || self.last_sync.elapsed() >= SYNC_EVERY {
            self.file.sync_data()?;
            self.last_sync = Instant::now();
            self.sync_next = false;
        }
        Ok(())
    }
}

/// The records of a journal from an offset on.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRead {
    /// Each record, with the offset of its end.
    pub records: Vec<(u64, TaskRecord)>,
    pub tail: Tail,
}

/// What follows the last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// An incomplete record, which may still be being written.
    Torn,
    /// Bytes that are not a record.
    Damaged { at: u64 },
}

/// Reads the records from `offset` on. Each call opens the file, so that a network file system asks
/// the server for its length. A missing file counts as empty.
///
/// # Errors
/// Whatever the system says.
pub fn read_journal(path: &Place, offset: u64) -> io::Result<JournalRead> {
    let mut bytes = Vec::new();
    match path.open() {
        Ok(mut file) => {
            file.seek(SeekFrom::Start(offset))?;
            file.read_to_end(&mut bytes)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(decode(&bytes, offset))
}

fn decode(bytes: &[u8], offset: u64) -> JournalRead {
    let mut records = Vec::new();
    let mut at = 0;
    let tail = loop {
        let rest = &bytes[at..];
        if rest.is_empty() {
            break Tail::Clean;
        }
        let Some((header, rest)) = rest.split_at_checked(HEADER) else {
            break Tail::Torn;
        };
        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte]));
        let (length, sum) = (number(0) as usize, number(8));
        let damaged = Tail::Damaged {
            at: offset + at as u64,
        };
        // A crash can leave zeros at the end of a file.
        let is_length = crc32c::crc32c(&header[..4]) == number(4);
        if !is_length || length == 0 || length > RECORD_BYTES_MAX {
            break damaged;
        }
        let Some(json) = rest.get(..length) else {
            break Tail::Torn;
        };
        if crc32c::crc32c(json) != sum {
            break damaged;
        }
        let Ok(record) = serde_json::from_slice(json) else {
            break damaged;
        };
        at += HEADER + length;
        records.push((offset + at as u64, record));
    };
    JournalRead { records, tail }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use resweep_core::domain::{Left, RunEvent, TrainPoint};

    fn records() -> Vec<TaskRecord> {
        let point = |iteration: u64| TaskRecord::Measured {
            run: 3,
            event: RunEvent::Trained(TrainPoint {
                iteration,
                error_percent: 100.0 / 3.0,
                loss: 0.1 + 0.2,
                lr: 1e-300,
            }),
        };
        let left = TaskRecord::Left {
            why: Left::Failed("ü\n".to_owned()),
            unix_ms: -1,
        };
        vec![point(1), point(u64::MAX >> 1), left]
    }

    fn written(path: &Place) -> Vec<u8> {
        let mut journal = JournalWriter::create(path).expect("a journal");
        for record in records() {
            journal.push(&record).expect("JSON");
            journal.commit().expect("a write");
        }
        fs::read(path).expect("the journal")
    }

    #[test]
    fn records_come_back_with_all_bits_from_any_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Place::of_file(&folder.path().join("journal"));
        written(&path);
        let read = read_journal(&path, 0).expect("a read");
        let all: Vec<TaskRecord> = read.records.iter().map(|(_, r)| r.clone()).collect();
        assert_eq!((all, read.tail), (records(), Tail::Clean));
        let later = read_journal(&path, read.records[0].0).expect("a read");
        assert_eq!(later.records, read.records[1..]);
        assert!(JournalWriter::create(&path).is_err());
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_has_its_whole_records() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = written(&Place::of_file(&folder.path().join("journal")));
        let whole = decode(&bytes, 0);
        for length in 0..bytes.len() {
            let read = decode(&bytes[..length], 0);
            let ends = whole
                .records
                .iter()
                .filter(|(end, _)| *end <= length as u64);
            assert_eq!(read.records.len(), ends.count());
            let at_end = length == 0 || whole.records.iter().any(|(end, _)| *end == length as u64);
            assert_eq!(read.tail == Tail::Clean, at_end, "{length}");
            assert!(!matches!(read.tail, Tail::Damaged { .. }), "{length}");
        }
    }

    #[test]
    fn no_flipped_bit_gives_another_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = written(&Place::of_file(&folder.path().join("journal")));
        let whole = decode(&bytes, 0);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read = decode(&damaged, 0);
            assert!(read.records.len() < whole.records.len(), "{bit}");
            assert_eq!(read.records, whole.records[..read.records.len()]);
            assert!(matches!(read.tail, Tail::Damaged { .. }), "{bit}");
        }
        let zeros = [bytes.clone(), vec![0; 100]].concat();
        let at = bytes.len() as u64;
        assert_eq!(decode(&zeros, 0).tail, Tail::Damaged { at });
    }
}
