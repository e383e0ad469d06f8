//! One sweep that is disturbed until it is finished.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{below, clock, create_first_version, damage, damage_newest, file};
use crate::support::workplace::{ChildGuard, Workplace};
use rand_chacha::ChaCha8Rng;

/// What may happen.
pub const KINDS: [&str; 7] = [
    "kill",
    "full disk",
    "clock set back",
    "other command",
    "damaged checkpoint",
    "damaged log",
    "two users",
];

/// The group and the users that share a folder; they need no names.
const GROUP: u32 = 61_000;
const USERS: [u32; 2] = [61_001, 61_002];

/// A results folder and what has happened in it.
pub struct Round<'a> {
    place: &'a Workplace,
    sweep: &'static str,
    pub results: String,
    /// Whether two users share the folder.
    shared: bool,
    pub seen: BTreeMap<&'static str, u64>,
}

impl<'a> Round<'a> {
    /// Creates a database of the first version.
    pub fn begin(
        place: &'a Workplace,
        sweep: &'static str,
        number: u64,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let results = format!("round-{number}");
        create_first_version(place, &results);
        let mut round = Round {
            place,
            sweep,
            shared: below(rng, 3) == 0 && can_share(place),
            results,
            seen: BTreeMap::new(),
        };
        if round.shared {
            round.share();
        }
        round
    }

    /// Gives the folder and its database to the group.
    fn share(&mut self) {
        self.note("two users");
        let folder = self.folder();
        for (path, mode) in [(folder.clone(), 0o2775), (folder.join("resweep.db"), 0o664)] {
            chown(&path, None, Some(GROUP)).expect("root");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("root");
        }
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join(&self.results)
    }

    fn note(&mut self, kind: &'static str) {
        assert!(KINDS.contains(&kind));
        *self.seen.entry(kind).or_default() += 1;
    }

    /// Starts one or two processes, perhaps other commands beside them, and kills the processes some
    /// time later; then perhaps damages a file. Returns how many processes did not reach their end.
    pub fn disturb(&mut self, rng: &mut ChaCha8Rng) -> u64 {
        // 0: a checkpoint after every iteration, so that many kills interrupt writing one.
        let every = ["0", "0.05"][below(rng, 2) as usize];
        let sweep = file(self.sweep);
        let mut args = vec!["run", &sweep, "--checkpoint-every", every];
        if below(rng, 4) == 0 {
            args.push("--isolate");
        }
        let together = 1 + below(rng, 2);
        let mut processes: Vec<_> = (0..together).map(|_| self.start(&args, rng)).collect();
        let others = self.start_others(rng);
        // Some within the first milliseconds, while the database is created or migrated.
        let longest = [20, 400][below(rng, 2) as usize];
        let mut ended = 0;
        for process in &mut processes {
            thread::sleep(Duration::from_millis(below(rng, longest)));
            let status = process.0.try_wait().expect("a child");
            process.kill();
            let said = process.said();
            assert!(!said.contains("panicked"), "{said}");
            if status.is_none() {
                self.note("kill");
            }
            ended += u64::from(status.is_none_or(|status| !status.success()));
        }
        others.into_iter().for_each(assert_orderly);
        if below(rng, 2) == 0 && damage_newest(self.place, &self.results, rng) > 0 {
            self.note("damaged checkpoint");
        }
        if below(rng, 4) == 0 {
            self.damage_log(rng);
        }
        ended
    }

    /// `gc`, `doctor` and `plot`, which only have to end in order.
    fn start_others(&mut self, rng: &mut ChaCha8Rng) -> Vec<ChildGuard> {
        let commands: [&[&str]; 3] = [&["gc"], &["doctor"], &["plot", self.sweep]];
        let mut started = Vec::new();
        for command in commands {
            if below(rng, 4) == 0 {
                self.note("other command");
                started.push(self.spawn(command, None, None, rng));
            }
        }
        started
    }

    /// Starts the program, perhaps on a full disk or with its clock set back.
    fn start(&mut self, args: &[&str], rng: &mut ChaCha8Rng) -> ChildGuard {
        // In blocks of 512 bytes.
        let limit = (below(rng, 6) == 0).then(|| 50 + below(rng, 600));
        let back = (below(rng, 4) == 0).then(|| 3600 * (1 + below(rng, 1000)));
        if limit.is_some() {
            self.note("full disk");
        }
        if back.is_some() {
            self.note("clock set back");
        }
        self.spawn(args, limit, back, rng)
    }

    fn spawn(
        &self,
        args: &[&str],
        limit: Option<u64>,
        back: Option<u64>,
        rng: &mut ChaCha8Rng,
    ) -> ChildGuard {
        let limit = limit.map_or(String::new(), |blocks| {
            format!("trap '' XFSZ; ulimit -f {blocks}; ")
        });
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("umask 002; {limit}exec \"$@\""), "sh"])
            .current_dir(self.place.path())
            .env("RESWEEP_RESULTS", &self.results)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if self.shared {
            command.args(as_user(USERS[below(rng, 2) as usize]));
        }
        command
            .arg(assert_cmd::cargo::cargo_bin("resweep"))
            .args(args);
        if let Some(seconds) = back {
            command
                .env("LD_PRELOAD", clock(self.place))
                .env("CLOCK_BACK", seconds.to_string());
        }
        ChildGuard(command.spawn().expect("it starts"))
    }

    /// Damages SQLite's log. It then ends before the damage: what was committed last is lost, as after
    /// a disk that lied about having written. A log that was partly merged into the database can leave
    /// it damaged, which the program has to notice; the round then starts again.
    fn damage_log(&mut self, rng: &mut ChaCha8Rng) {
        let log = self.folder().join("resweep.db-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            self.note("damaged log");
            damage(&log, rng);
            if self.is_damaged() {
                fs::remove_dir_all(self.folder()).expect("the folder");
                create_first_version(self.place, &self.results);
                if self.shared {
                    self.share();
                }
            }
        }
    }

    fn is_damaged(&self) -> bool {
        let mut doctor = self.place.resweep(&["doctor", "--results", &self.results]);
        let output = doctor.output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stdout);
        said.contains(" is damaged") || said.contains("refer to rows that are missing")
    }

    pub fn is_done(&self) -> bool {
        let sweep = file(self.sweep);
        let args = ["plan", &sweep, "--results", &self.results, "--json"];
        let output = self
            .place
            .resweep(&args)
            .output()
            .expect("the program runs");
        // `run` migrates an older database.
        output.status.success() && {
            let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            plan["pending"] == 0
        }
    }

    /// Trains the rest.
    pub fn finish(&self) {
        let sweep = file(self.sweep);
        self.place
            .stdout(&["run", &sweep, "--results", &self.results]);
    }
}

/// The words that start a program as another user of the group.
fn as_user(user: u32) -> [String; 4] {
    [
        "setpriv".to_owned(),
        format!("--reuid={user}"),
        format!("--regid={GROUP}"),
        "--clear-groups".to_owned(),
    ]
}

/// Whether this user may become others, and those may reach the program and the folder.
fn can_share(place: &Workplace) -> bool {
    let open = fs::Permissions::from_mode(0o755);
    let reachable = fs::set_permissions(place.path(), open).is_ok();
    let [setpriv, words @ ..] = as_user(USERS[0]);
    let mut command = Command::new(setpriv);
    command
        .args(words)
        .arg(assert_cmd::cargo::cargo_bin("resweep"))
        .arg("--version")
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    reachable && command.status().is_ok_and(|status| status.success())
}

/// A command that was not killed has ended with an exit code, without a panic.
fn assert_orderly(mut process: ChildGuard) {
    let status = process.0.wait().expect("the end");
    let said = process.said();
    let code = status.code();
    assert!(matches!(code, Some(0..=3)), "{status}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}
