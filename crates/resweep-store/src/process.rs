//! Registers the processes that share a database, and detects which of them are alive.
//!
//! Each process has a row and, next to the database, a file `locks/<row>.lock` under an
//! operating-system lock that is released when the process ends: a free lock proves that it is
//! dead. A process that hangs, or whose lock is not visible from this machine, counts as dead when
//! its heartbeat counter has not changed for the duration of the lease, as measured by the waiting
//! process's monotonic clock.
//!
//! Slow processes must not repeatedly count as dead, or two processes would take the same run from
//! each other forever. Therefore a lease is at least three heartbeat intervals of the other
//! process, and is doubled each time that process proves to be alive.

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

/// The maximum interval between heartbeats.
const BEAT_MAX: Duration = Duration::from_secs(5);

/// The number of heartbeats that may be missing before a process counts as dead.
const BEATS_PER_LEASE: u32 = 3;

/// The heartbeat interval of a process whose lease is `lease`.
fn beat(lease: Duration) -> Duration {
    (lease / BEATS_PER_LEASE).clamp(Duration::from_millis(1), BEAT_MAX)
}

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
        lease: Duration,
    ) -> Result<ThisProcess, StoreError> {
        let failed = |source| StoreError::of_sqlite(path, source);
        let beat = beat(lease);
        let tx = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let id: i64 = tx
            .query_row(
                "INSERT INTO processes (host, pid, started_unix_ms, beats, beat_ms)
                 VALUES (?1, ?2, ?3, 0, ?4) RETURNING id",
                params![
                    host,
                    std::process::id(),
                    now_unix_ms(),
                    beat.as_millis() as i64
                ],
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
                    stopped.recv_timeout(beat)
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
    /// The observations of each queried process.
    seen: HashMap<i64, Seen>,
}

/// The heartbeat of a process, from its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    /// The row.
    pub process: i64,
    /// The counter.
    pub beats: i64,
    /// The interval between its increments.
    pub every: Duration,
}

/// The observations of another process.
#[derive(Debug)]
struct Seen {
    beats: i64,
    /// The time at which the counter first had this value.
    since: Instant,
    /// The time without change after which the process counts as dead.
    lease: Duration,
    given_up: bool,
}

impl Others {
    /// Treats processes as dead if their counter has not changed for `lease`.
    pub fn new(database: &Path, lease: Duration) -> Others {
        Others {
            database: database.to_owned(),
            lease,
            seen: HashMap::new(),
        }
    }

    /// Whether a process is dead or counts as dead.
    pub fn is_dead(&mut self, pulse: Pulse) -> bool {
        // `sync` decides that; another start of the task writes into other files anyway.
        if is_on_cluster(pulse.process) {
            return false;
        }
        !may_live(&self.database, pulse.process) || self.is_still(pulse, Instant::now())
    }

    /// Whether the counter has not changed for too long at `now`.
    fn is_still(&mut self, pulse: Pulse, now: Instant) -> bool {
        let lease = self.lease.max(pulse.every.min(BEAT_MAX) * BEATS_PER_LEASE);
        let seen = self.seen.entry(pulse.process).or_insert(Seen {
            beats: pulse.beats,
            since: now,
            lease,
            given_up: false,
        });
        if seen.beats != pulse.beats {
            if seen.given_up {
                seen.lease *= 2;
            }
            (seen.beats, seen.since, seen.given_up) = (pulse.beats, now, false);
        }
        seen.given_up = now.duration_since(seen.since) >= seen.lease;
        seen.given_up
    }
}

/// Whether process `id` is a start of a task on a cluster: `sync` says how its attempts end.
pub(super) fn is_on_cluster(id: i64) -> bool {
    id < 0
}

/// Whether the lock of process `id` is held. If unknown, true.
pub(super) fn may_live(database: &Path, id: i64) -> bool {
    if is_on_cluster(id) {
        return true;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3);

    fn pulse(beats: i64) -> Pulse {
        Pulse {
            process: 1,
            beats,
            every: beat(LEASE),
        }
    }

    #[test]
    fn a_process_that_beats_is_never_given_up() {
        let mut others = Others::new(Path::new("none"), LEASE);
        let start = Instant::now();
        for ms in (0..60_000).step_by(100) {
            let now = start + Duration::from_millis(ms);
            let beats = ms / beat(LEASE).as_millis() as u64;
            assert!(!others.is_still(pulse(beats as i64), now), "{ms} ms");
        }
    }

    #[test]
    fn a_process_that_stops_beating_is_given_up_after_the_lease() {
        let mut others = Others::new(Path::new("none"), LEASE);
        let start = Instant::now();
        assert!(!others.is_still(pulse(7), start));
        assert!(!others.is_still(pulse(7), start + LEASE - Duration::from_millis(1)));
        assert!(others.is_still(pulse(7), start + LEASE));
    }

    #[test]
    fn a_short_lease_waits_for_three_beats_of_a_process_that_beats_seldom() {
        let mut others = Others::new(Path::new("none"), LEASE);
        let start = Instant::now();
        let slow = Pulse {
            every: BEAT_MAX,
            ..pulse(0)
        };
        assert!(!others.is_still(slow, start));
        assert!(!others.is_still(slow, start + 2 * BEAT_MAX));
        assert!(others.is_still(slow, start + 3 * BEAT_MAX));
    }

    /// Each heartbeat takes 20 leases: the process wrongly counts as dead five times.
    #[test]
    fn a_slow_process_is_given_up_ever_later_and_in_the_end_not_at_all() {
        let mut others = Others::new(Path::new("none"), LEASE);
        let (mut now, mut wrongly) = (Instant::now(), 0);
        for beats in 0..20 {
            let late = now + 20 * LEASE;
            let mut given_up = false;
            while now < late {
                given_up |= others.is_still(pulse(beats), now);
                now += Duration::from_millis(500);
            }
            wrongly += i32::from(given_up);
            assert!(!given_up || beats < 5, "beat {beats}");
        }
        assert_eq!(wrongly, 5);
    }
}
