//! A power cut at any moment of a sweep: the program's file operations are recorded, the states
//! that a file system may show after a cut are built from them, and each is opened again.
//!
//! `RESWEEP_POWER_CUTS` says how many states to build (`make soak`: 5,000), all of which are then
//! also trained to their end; `RESWEEP_POWER_CUT_SEED` repeats a run.

#![cfg(target_os = "linux")]

mod disk;

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::seed::{seeded, setting};
use crate::support::workplace::{Workplace, assert_same};
use disk::{Disk, Event, Fate, State};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use resweep_store::{Examination, Store};

const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 1
image_size = 8
depth = 8
shortcut = "none"

[train]
iterations = 6
batch_size = 4
log_every = 2
eval_every = 3
lr_drops = []
"#;

/// States that are examined, unless the time is over before.
const STATES: usize = 400;
const STATES_MIN: usize = 100;
/// Of examining, and of training to the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether names and data that were not synced are there after the cut.
const FATES: [(Fate, Fate); 5] = [
    (Fate::Kept, Fate::Lost),
    (Fate::Lost, Fate::Kept),
    (Fate::Lost, Fate::Lost),
    (Fate::Chance, Fate::Chance),
    (Fate::Kept, Fate::Chance),
];

/// A sweep that was trained undisturbed, and what its process did to the disk.
struct Recording {
    place: Workplace,
    events: Vec<Event>,
    legacy: Vec<String>,
}

fn record() -> Recording {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    let library = place.path().join("recorder.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg("tests/it/power_cut/recorder.c")
        .args(["-ldl", "-lpthread"])
        .status();
    assert!(built.expect("a C compiler").success());
    let root = place.path().join("recorded");
    fs::create_dir(&root).expect("a folder");
    let root = fs::canonicalize(root).expect("a folder");
    let journal = place.path().join("journal");
    let results = root.join("results");
    let results = results.to_str().expect("UTF-8");
    let args = ["run", "tiny.toml", "--results", results, "-j", "1"];
    let mut command = place.resweep(&args);
    command.args(["--checkpoint-every", "0", "--progress", "plain"]);
    command
        .env("LD_PRELOAD", &library)
        .env("POWER_CUT_JOURNAL", &journal)
        .env("POWER_CUT_ROOT", &root);
    command.assert().success();
    let events = disk::parse(&fs::read(&journal).expect("a journal"), &root);
    Recording {
        legacy: place.artifacts("recorded/results", "tiny"),
        place,
        events,
    }
}

impl Recording {
    /// Shows `look` different states after cuts at random moments, and how many events came before
    /// each, until it finds something or has seen `wanted`.
    fn search<T>(
        events: &[Event],
        wanted: usize,
        rng: &mut ChaCha8Rng,
        mut look: impl FnMut(usize, State) -> Option<T>,
    ) -> Option<T> {
        let mut disks = vec![Disk::default()];
        for event in events {
            let mut disk = disks.last().expect("a disk").clone();
            disk.apply(event);
            disks.push(disk);
        }
        let mut cuts: Vec<(usize, (Fate, Fate))> = (0..disks.len())
            .flat_map(|cut| FATES.map(|fates| (cut, fates)))
            .collect();
        shuffle(&mut cuts, rng);
        // What the program has said by then is part of a state: it must not be lost.
        let mut said = 0;
        let said: Vec<usize> = std::iter::once(0)
            .chain(events.iter().map(|event| {
                said += usize::from(matches!(event, Event::Say(_)));
                said
            }))
            .collect();
        let mut known = HashSet::new();
        let rounds = 1 + wanted.div_ceil(cuts.len());
        for (cut, (names, data)) in cuts.iter().cycle().take(rounds * cuts.len()) {
            let state = disks[*cut].cut(*names, *data, rng);
            let mut hasher = DefaultHasher::new();
            (&state, said[*cut]).hash(&mut hasher);
            if known.insert(hasher.finish())
                && let Some(found) = look(*cut, state)
            {
                return Some(found);
            }
            if known.len() == wanted {
                break;
            }
        }
        None
    }

    /// Writes a state to a folder `name` of the workplace.
    fn materialise(&self, name: &str, state: &State) -> PathBuf {
        let root = self.place.path().join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir(&root).expect("a folder");
        for (path, content) in state {
            let path = root.join(path);
            match content {
                None => fs::create_dir(path).expect("a folder"),
                Some(content) => fs::write(path, content).expect("a file"),
            }
        }
        root.join("results")
    }

    /// What is wrong with a state, without training.
    fn fault(&self, events: &[Event], cut: usize, results: &Path) -> Option<String> {
        let said: String = events[..cut]
            .iter()
            .filter_map(|event| match event {
                Event::Say(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let database = results.join("resweep.db");
        let examined = match Examination::of(&database) {
            Ok(examined) => examined,
            Err(error) => return Some(error.to_string()),
        };
        if let Some(examined) = &examined {
            if !examined.is_sound() {
                return Some(format!("damaged: {:?}", examined.damage));
            }
            if let Some(bad) = examined.bad_checkpoints.first() {
                return Some(format!("{}: {:?}", bad.path.display(), bad.fault));
            }
        }
        if said.contains("1 finished in") {
            let sweeps = match Store::open_read_only(&database).and_then(|store| store.sweeps()) {
                Ok(sweeps) => sweeps,
                Err(error) => return Some(error.to_string()),
            };
            if !format!("{sweeps:?}").contains("Finished") {
                return Some("the run is not finished any more".to_owned());
            }
        }
        let wrote = said.lines().filter_map(|line| line.strip_prefix("wrote "));
        let lost = wrote.map(Path::new).find(|path| {
            let name = path.file_name().expect("a file");
            let kept = fs::read(results.join("tiny").join(name));
            kept.ok() != fs::read(path).ok()
        });
        lost.map(|path| format!("{} was written and is not there", path.display()))
    }
}

fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
    }
}

#[test]
fn whatever_a_power_cut_leaves_is_sound_and_ends_as_an_undisturbed_run() {
    let mut rng = seeded("RESWEEP_POWER_CUT_SEED");
    let recording = record();
    let events = &recording.events;
    let asked = setting("RESWEEP_POWER_CUTS");
    let wanted = asked.map_or(STATES, |states| states as usize);
    let patience = |start: Instant| asked.is_some() || start.elapsed() < PATIENCE;
    let (start, mut states) = (Instant::now(), Vec::new());
    Recording::search(events, wanted, &mut rng, |cut, state| {
        let results = recording.materialise("cut", &state);
        if let Some(fault) = recording.fault(events, cut, &results) {
            panic!("cut after {:?}: {fault}", events[..cut].last());
        }
        states.push((cut, state));
        (!patience(start) && states.len() >= STATES_MIN).then_some(())
    });
    let (start, mut trained) = (Instant::now(), 0);
    for (cut, state) in &states {
        if !patience(start) {
            break;
        }
        println!("cut after event {cut}");
        recording.materialise("cut", state);
        let args = ["run", "tiny.toml", "--results", "cut/results", "-j", "1"];
        recording.place.stdout(&args);
        // A checkpoint whose row was deleted may still be there.
        recording.place.remove_leftovers("cut/results");
        let legacy = recording.place.artifacts("cut/results", "tiny");
        assert_same(&legacy, &recording.legacy);
        trained += 1;
    }
    let examined = states.len();
    println!(
        "{} events, {examined} states examined, {trained} trained to the end",
        events.len()
    );
    assert!(examined >= STATES_MIN && trained > 0);
}

/// A sync that the promise needs: the files or folders whose syncs are left out of the journal.
struct Sync {
    name: &'static str,
    is: fn(&Path) -> bool,
}

fn depth(path: &Path, below: &str) -> Option<usize> {
    let rest = path.strip_prefix(Path::new("results").join(below)).ok()?;
    Some(rest.components().count())
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".tmp-")
}

const NEEDED: [Sync; 10] = [
    Sync {
        name: "the file of a checkpoint",
        is: |path| depth(path, "checkpoints") == Some(3) && is_temporary(path),
    },
    Sync {
        name: "the folder of a training's checkpoints",
        is: |path| depth(path, "checkpoints") == Some(2),
    },
    Sync {
        name: "the folder of a run's checkpoints",
        is: |path| depth(path, "checkpoints") == Some(1),
    },
    Sync {
        name: "the folder of all checkpoints",
        is: |path| depth(path, "checkpoints") == Some(0),
    },
    Sync {
        name: "the results folder",
        is: |path| path == Path::new("results"),
    },
    Sync {
        name: "the folder that the results folder is in",
        is: |path| path == Path::new(""),
    },
    Sync {
        name: "the write-ahead log",
        is: |path| path == Path::new("results/resweep.db-wal"),
    },
    Sync {
        name: "the database",
        is: |path| path == Path::new("results/resweep.db"),
    },
    Sync {
        name: "a figure or a table",
        is: |path| depth(path, "tiny") == Some(1) && is_temporary(path),
    },
    Sync {
        name: "the folder of the figures",
        is: |path| depth(path, "tiny") == Some(0),
    },
];

#[test]
fn leaving_out_any_sync_is_noticed() {
    let mut rng = seeded("RESWEEP_POWER_CUT_SEED");
    let recording = record();
    for Sync { name, is } in NEEDED {
        let is_left_out = |event: &&Event| matches!(event, Event::Sync(path) if is(path));
        let left_out = recording.events.iter().filter(is_left_out).count();
        assert!(left_out > 0, "{name} is never synced");
        let kept = recording.events.iter().filter(|event| !is_left_out(event));
        let events: Vec<Event> = kept.cloned().collect();
        let mut tried = 0;
        let fault = Recording::search(&events, 2_000, &mut rng, |cut, state| {
            tried += 1;
            let results = recording.materialise("without", &state);
            recording.fault(&events, cut, &results)
        });
        let fault = fault.unwrap_or_else(|| panic!("nothing is lost without {name}"));
        println!("without syncing {name} ({left_out} times): state {tried}: {fault}");
    }
}
