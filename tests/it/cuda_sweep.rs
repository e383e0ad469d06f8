//! Whole sweeps on a GPU through the real program. Skipped without one.
#![cfg(all(unix, feature = "cuda"))]

use crate::support::gpu;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::workplace::{Workplace, assert_same};
use predicates::prelude::PredicateBooleanExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rusqlite::{Connection, OpenFlags};

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
/// How long a process may take to its first checkpoint.
const PATIENCE: Duration = Duration::from_secs(120);
const RESUMED: &str = "SELECT count(*) FROM attempts WHERE from_iteration > 0";

/// The number of checkpoints and their iterations in all, and the number of finished runs.
fn state(place: &Workplace, results: &str) -> Option<[u32; 3]> {
    let database = place.path().join(results).join("resweep.db");
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let query = "SELECT count(*), coalesce(sum(iteration), 0),
                 (SELECT count(*) FROM attempts WHERE status = 'finished') FROM checkpoints";
    let row = database.query_row(query, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    row.ok()
}

/// Waits until the process has written a checkpoint or everything is trained.
fn wait_for_checkpoint(place: &Workplace, results: &str, before: Option<[u32; 3]>) {
    let start = Instant::now();
    loop {
        match state(place, results) {
            Some([_, _, 3]) => return,
            now if now.is_some_and(|[count, ..]| count > 0) && now != before => return,
            _ => assert!(start.elapsed() < PATIENCE, "no checkpoint in time"),
        }
        thread::sleep(Duration::from_millis(2));
    }
}

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
        let before = state(&place, "killed");
        let mut process = place.start(&[&on_gpu("killed")[..], &every].concat());
        wait_for_checkpoint(&place, "killed", before);
        thread::sleep(Duration::from_millis(rng.next_u64() % 100));
        process.kill();
    }
    assert_ne!(
        place.rows("killed", RESUMED),
        ["Integer(0)"],
        "no run was killed after a checkpoint"
    );
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

/// Whether the GPU can be configured.
fn is_emulated() -> bool {
    let emulated = gpu::is_emulated();
    if !emulated {
        println!("skipped: not an emulated GPU");
    }
    emulated
}

/// The recorded description of an emulated GPU, without the version of cuBLAS.
fn emulated(ordinal: usize) -> String {
    format!("cuda:{ordinal} (Emulated GPU {ordinal}; 1 SMs; CUDA 13.0")
}

/// The devices on which finished runs were trained.
fn devices(place: &Workplace) -> Vec<String> {
    let used = "SELECT DISTINCT substr(device, 1, instr(device || '; cuBLAS', '; cuBLAS') - 1)
                FROM attempts WHERE status = 'finished' ORDER BY 1";
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
    assert_eq!(
        devices(&place),
        ["cpu".to_owned(), emulated(0), emulated(1)]
    );
}

#[test]
fn driver_errors_are_reported_with_a_remedy() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    // CUDA_ERROR_UNSUPPORTED_PTX_VERSION and CUDA_ERROR_NO_BINARY_FOR_GPU, for dfdx's kernels and for ours
    let refusals = [
        ("222", "the NVIDIA driver is older than the CUDA toolkit"),
        (
            "209",
            "the GPU is older than those that this program supports",
        ),
    ];
    for (refusal, advice) in refusals {
        for only in ["", "normalise_backward"] {
            let refused = |device| {
                let mut command = place.resweep(&["plan", "gpu.toml", "--device", device]);
                command.env("EMULATED_GPU_REFUSES", refusal);
                command.env("EMULATED_GPU_REFUSES_ONLY", only);
                command.assert()
            };
            refused("cuda")
                .failure()
                .stderr(predicates::str::contains(advice));
            let says = "training on the CPU: cannot use GPU 0: ";
            refused("auto")
                .success()
                .stderr(predicates::str::contains(says));
        }
    }
}

#[test]
fn fault_of_a_gpu_ends_its_run_and_the_sweep_continues_elsewhere() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let run = |results, device, fault| {
        let options = ["run", "gpu.toml", "--device", device, "--results", results];
        let mut command = place.resweep(&options);
        command.env("EMULATED_GPU_FAULT", fault);
        command.assert()
    };
    // An illegal address, and a contained memory error, which cudarc does not know.
    for (results, fault) in [("address", "700:300"), ("memory", "226:900")] {
        let said = run(results, "cuda", fault).failure();
        let code = &fault[..3];
        said.code(1)
            .stderr(predicates::str::contains("cuda:0 failed: no run starts"));
        let ends = "SELECT status, transient, instr(error, 'CUDA error CODE') > 0 FROM attempts
                    WHERE status != 'finished'";
        let ends = place.rows(results, &ends.replace("CODE", code));
        assert_eq!(ends, ["failed Integer(1) Integer(1)"]);
        // The same command resumes.
        run(results, "cuda", "none").success();
    }
    let said = run("both", "cuda:0,cpu", "700:300").success();
    said.stderr(predicates::str::contains(
        "cuda:0 failed and gets no further run",
    ));
}

#[test]
fn isolated_run_is_retried_after_a_fault() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let mut command = place.resweep(&["run", "gpu.toml", "--device", "cuda", "--isolate"]);
    // Each process finishes part of a run before its GPU fails.
    command.env("EMULATED_GPU_FAULT", "700:1500");
    command.args(["--checkpoint-every", "0"]);
    command
        .assert()
        .stderr(predicates::str::contains("no run starts").not());
    let starts = "SELECT count(*) > 3 FROM attempts";
    assert_eq!(place.rows("results", starts), ["Integer(1)"]);
}

#[test]
fn cublas_without_memory_for_a_handle_counts_as_low_memory() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let mut command = place.resweep(&["plan", "gpu.toml", "--device", "cuda"]);
    command.env("EMULATED_CUBLAS_HANDLES", "1");
    let said = command.assert().failure();
    said.stderr(predicates::str::contains("GPU 0 has no memory left"));
}

#[test]
fn process_keeps_one_context_and_a_pool_of_memory() {
    let Some(place) = place() else { return };
    if !is_emulated() {
        return;
    }
    let mut command = place.resweep(&["run", "gpu.toml", "--device", "cuda"]);
    command.env("EMULATED_GPU_CALLS", place.path().join("calls"));
    command.assert().success();
    let calls = std::fs::read_to_string(place.path().join("calls")).expect("the calls");
    let calls: serde_json::Value = serde_json::from_str(&calls).expect("JSON");
    // One context for the check at the start, which ends with it, and one for the three runs.
    assert_eq!(calls["contexts"], 2);
    assert_eq!(calls["pool_threshold"], 256 << 20);
    // That of cuBLAS.
    assert_eq!(calls["workspace"], 32 << 20);
}

#[test]
fn variables_that_change_bits_are_recorded() {
    let Some(place) = place() else { return };
    let set = [
        "run",
        "gpu.toml",
        "--device",
        "cuda",
        "--set",
        "train.iterations=17",
    ];
    let mut command = place.resweep(&set);
    command.env("NVIDIA_TF32_OVERRIDE", "0");
    command.assert().success();
    let recorded = "SELECT DISTINCT device LIKE '% SMs; CUDA %; cuBLAS %; NVIDIA_TF32_OVERRIDE=0)' FROM attempts";
    assert_eq!(place.rows("results", recorded), ["Integer(1)"]);
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
    assert_eq!(devices(&place), [emulated(0)]);
    assert_same(&place.metrics("results"), &place.metrics("alone"));
}
