//! Registers the processes that share a database, and detects which of them are alive.
//!
//! Each has a row and, beside the database, a file `locks/<row>.lock` under an operating-system
//! lock that goes away with it, however it ends: a lock that is free proves a death at once. A
//! process that stands still, or whose lock cannot be seen from here, is given up when its
//! counter of beats has not moved for the time of the lease. That time is taken by the clock of
//! the one who waits, which no change of the date touches.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Sender, bounded};
use rusqlite::{Connection, params};

use super::points::collect;
use super::values::now_unix_ms;
use super::{StoreError, database};
use resweep_core::files::{FileId, Place};

/// How often a living process says so.
const BEAT: Duration = Duration::from_secs(5);

/// This process, registered until the value is dropped.
#[derive(Debug)]
pub(super) struct ThisProcess {
    pub id: i64,
    lock: Place,
    locked: File,
    /// Dropping it ends the heartbeat thread.
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
}

impl ThisProcess {
    /// Adds a row for this process, takes its lock and starts its heartbeat. The row becomes
    /// visible only after the lock is held.
    pub fn register(
        connection: &mut Connection,
        path: &Path,
        host: &str,
    ) -> Result<ThisProcess, StoreError> {
        let failed = |source| StoreError::of_sqlite(path, source);
        let tx = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let id: i64 = tx
            .query_row(
                "INSERT INTO processes (host, pid, started_unix_ms, beats)
                 VALUES (?1, ?2, ?3, 0) RETURNING id",
                params![host, std::process::id(), now_unix_ms()],
                |row| row.get(0),
            )
            .map_err(failed)?;
        let lock = lock_path(path, id);
        let locked = take_lock(&lock).map_err(|source| StoreError::Lock {
            path: lock.to_path_buf(),
            source,
        })?;
        tx.commit().map_err(failed)?;
        let (stop, stopped) = bounded::<()>(0);
        let own = database::connect(path)?;
        let heart = thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || {
                while let Err(crossbeam::channel::RecvTimeoutError::Timeout) =
                    stopped.recv_timeout(BEAT)
                {
                    // A failed write is retried at the next heartbeat.
                    let _ =
                        own.execute("UPDATE processes SET beats = beats + 1 WHERE id = ?1", [id]);
                }
            })
            .map_err(|source| StoreError::Thread { source })?;
        Ok(ThisProcess {
            id,
            lock,
            locked,
            stop: Some(stop),
            heart: Some(heart),
        })
    }
}

impl ThisProcess {
    /// Stops the heartbeat.
    pub fn stop_heart(&mut self) {
        self.stop = None;
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
    }
}

impl Drop for ThisProcess {
    fn drop(&mut self) {
        self.stop_heart();
        // A leftover file has no meaning. Another process may own the name if the folder was
        // replaced.
        if is_at(&self.locked, &self.lock) {
            let _ = self.lock.remove_file();
        }
    }
}

/// Whether `place` leads to the open file.
fn is_at(file: &File, place: &Place) -> bool {
    let found = place.open().and_then(|found| found.metadata());
    match (file.metadata(), found) {
        (Ok(open), Ok(found)) => FileId::of(&open) == FileId::of(&found),
        _ => false,
    }
}

/// Tracks which other processes are alive.
#[derive(Debug)]
pub(super) struct Others {
    database: PathBuf,
    lease: Duration,
    /// The beats of each process that was asked about, and since when they have not moved.
    seen: HashMap<i64, (i64, Instant)>,
}

impl Others {
    /// Gives up what has not moved for `lease`.
    pub fn new(database: &Path, lease: Duration) -> Others {
        Others {
            database: database.to_owned(),
            lease,
            seen: HashMap::new(),
        }
    }

    /// Whether process `id`, whose counter stands at `beats`, is dead or has to be taken for it.
    pub fn is_dead(&mut self, id: i64, beats: i64) -> bool {
        if !may_live(&self.database, id) {
            return true;
        }
        let now = Instant::now();
        let (known, since) = self.seen.entry(id).or_insert((beats, now));
        if *known != beats {
            (*known, *since) = (beats, now);
        }
        now.duration_since(*since) >= self.lease
    }
}

/// Whether the lock of process `id` is held. Where that cannot be told, it is taken to be.
pub(super) fn may_live(database: &Path, id: i64) -> bool {
    match lock_path(database, id).open() {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// A living process other than `me` that trains a sweep: its process id and host.
pub(super) fn at_sweep(
    connection: &Connection,
    database: &Path,
    sweep: i64,
    me: i64,
) -> rusqlite::Result<Option<(u32, String)>> {
    let others = collect(
        connection,
        "SELECT id, pid, host FROM processes WHERE sweep_id = ?1 AND id != ?2 ORDER BY id DESC",
        [sweep, me],
        |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let lives = |(id, ..): &(i64, u32, String)| may_live(database, *id);
    Ok(others
        .into_iter()
        .find(lives)
        .map(|(_, pid, host)| (pid, host)))
}

fn lock_path(database: &Path, id: i64) -> Place {
    super::beside(database)
        .join("locks")
        .join(format!("{id}.lock"))
}

fn take_lock(path: &Place) -> std::io::Result<File> {
    let file = path.open_lock()?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(source)) => Err(source),
        Err(TryLockError::WouldBlock) => Err(std::io::ErrorKind::WouldBlock.into()),
    }
}
