//! Whole sweeps on a GPU through the real program. Skipped without one.
#![cfg(all(unix, feature = "cuda"))]

mod workplace;

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use workplace::{Workplace, assert_same, write_images};

const SWEEP: &str = r#"
[sweep]
name = "gpu"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
depth = 8

[train]
iterations = 24
batch_size = 5
lr = 0.05
lr_drops = [16]
log_every = 4
eval_every = 8

[axes]
shortcut = ["none", "A", "B"]
"#;

const KILLS: usize = 6;

fn place() -> Option<Workplace> {
    if let Err(error) = resweep::train::cuda(0) {
        println!("skipped: {error}");
        return None;
    }
    let place = Workplace::new("gpu.toml", SWEEP);
    write_images(&place.path().join("images"));
    Some(place)
}

#[test]
fn a_sweep_that_is_killed_on_a_gpu_ends_as_an_undisturbed_one() {
    let Some(place) = place() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = now.expect("a date after 1970").as_nanos() as u64 % 1_000_000;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let on_gpu = |results| ["run", "gpu.toml", "--device", "cuda", "--results", results];
    place.stdout(&on_gpu("undisturbed"));
    for _ in 0..KILLS {
        let every = ["--checkpoint-every", "0", "--runs-per-gpu", "2"];
        let mut process = place.start(&[&on_gpu("killed")[..], &every].concat());
        thread::sleep(Duration::from_millis(rng.next_u64() % 2_000));
        process.kill();
    }
    place.stdout(&on_gpu("killed"));
    let undisturbed = place.legacy("undisturbed", "gpu");
    assert_same(&place.legacy("killed", "gpu"), &undisturbed);
}

#[test]
fn a_run_that_was_begun_on_the_cpu_goes_on_on_a_gpu() {
    let Some(place) = place() else { return };
    place.stdout(&["run", "gpu.toml", "--set", "train.iterations=20"]);
    let points = "SELECT label, iteration, loss FROM train_metrics
                  JOIN current_trainings ON id = training_id
                  JOIN sweep_runs USING (run_id) WHERE iteration <= 20 ORDER BY 1, 2";
    let before = place.rows("results", points);
    place.stdout(&["run", "gpu.toml", "--device", "cuda"]);
    assert_same(&place.rows("results", points), &before);
    let begun = "SELECT from_iteration, substr(device, 1, 8) FROM attempts ORDER BY id";
    let mut expected = vec!["Integer(0) cpu"; 3];
    expected.extend(["Integer(20) cuda:0 ("; 3]);
    assert_eq!(place.rows("results", begun), expected);
    let shown = place.stdout(&["status", "gpu", "--attempts"]);
    assert!(shown.contains("cuda:0 ("), "{shown}");
}
