//! Whole sweeps on a GPU through the real program. Skipped without one.
#![cfg(all(unix, feature = "cuda"))]

use crate::support::gpu;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::workplace::{Workplace, assert_same};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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
    gpu::first()?;
    let place = Workplace::with_images("gpu.toml", SWEEP);
    Some(place)
}

#[test]
fn sweep_killed_on_a_gpu_gives_the_same_results() {
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
    let undisturbed = place.artifacts("undisturbed", "gpu");
    assert_same(&place.artifacts("killed", "gpu"), &undisturbed);
}

#[test]
fn run_started_on_the_cpu_resumes_on_a_gpu() {
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

/// Whether the GPU is the emulated one of tests/emulated_gpu, which can be configured.
fn is_emulated() -> bool {
    let emulated = std::env::var_os("EMULATED_GPU_SOURCE").is_some();
    if !emulated {
        println!("skipped: not an emulated GPU");
    }
    emulated
}

/// The devices on which finished runs were trained.
fn devices(place: &Workplace) -> Vec<String> {
    let used = "SELECT DISTINCT device FROM attempts WHERE status = 'finished' ORDER BY 1";
    place.rows("results", used)
}

#[test]
fn runs_are_spread_over_several_gpus_and_the_cpu() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let on = |device: &str| {
        let mut command = place.resweep(&["run", "gpu.toml", "--device", device]);
        command.env("EMULATED_GPUS", "2");
        command
    };
    on("cuda:2")
        .assert()
        .failure()
        .stderr(predicates::str::contains(
            "there is no GPU 2: this machine has 2",
        ));
    on("cuda:all,cpu").assert().success();
    let all = ["cpu", "cuda:0 (Emulated GPU 0)", "cuda:1 (Emulated GPU 1)"];
    assert_eq!(devices(&place), all);
}

#[test]
fn driver_errors_are_reported_with_a_remedy() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    // CUDA_ERROR_UNSUPPORTED_PTX_VERSION and CUDA_ERROR_NO_BINARY_FOR_GPU
    let refusals = [
        ("222", "the NVIDIA driver is older than the CUDA toolkit"),
        ("209", "the program was built for another kind of GPU"),
    ];
    for (refusal, advice) in refusals {
        let mut refused = place.resweep(&["plan", "gpu.toml", "--device", "cuda"]);
        refused.env("EMULATED_GPU_REFUSES", refusal);
        let refused = refused.assert().failure();
        refused.stderr(predicates::str::contains(advice));
        let mut auto = place.resweep(&["plan", "gpu.toml", "--device", "auto"]);
        auto.env("EMULATED_GPU_REFUSES", refusal);
        let auto = auto.assert().success();
        auto.stderr(predicates::str::contains(
            "training on the CPU: cannot use GPU 0: ",
        ));
    }
}

#[test]
fn gpu_without_memory_for_several_runs_trains_fewer() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let run = |results, runs: &str, bytes: u64| {
        let options = [
            "--device",
            "cuda",
            "--runs-per-gpu",
            runs,
            "--results",
            results,
        ];
        let mut command = place.resweep(&[&["run", "gpu.toml"], &options[..]].concat());
        command.env("EMULATED_GPU_MEMORY", bytes.to_string());
        command.env("EMULATED_GPU_CALLS", place.path().join("calls"));
        command.assert()
    };
    let refused = run("none", "1", 1).failure();
    refused.stderr(predicates::str::contains("GPU 0 has no memory left"));
    run("alone", "1", 1 << 30).success();
    let calls = std::fs::read_to_string(place.path().join("calls")).expect("the calls");
    let calls: serde_json::Value = serde_json::from_str(&calls).expect("JSON");
    let most = calls["most_bytes"].as_u64().expect("bytes");
    let fewer = run("results", "3", most + most / 2).success();
    let says = "cuda:0 has too little memory for so many runs at once";
    fewer.stderr(predicates::str::contains(says));
    assert_eq!(devices(&place), ["cuda:0 (Emulated GPU 0)"]);
    assert_same(&place.metrics("results"), &place.metrics("alone"));
}
