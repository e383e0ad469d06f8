//! `resweep export` of real runs, read back as other programs would.

use crate::support::workplace;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use resweep::export::tensorboard::{self, RunLog};
use resweep_core::domain::{EvalPoint, EvalSet, Measurements, TrainPoint};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::support::workplace::{Workplace, small_sweep};

const SWEEP: &str = small_sweep!(
    sweep: "name = \"tiny\"",
    train: "lr_drops = [4]\n",
    shortcut: "[\"none\", \"B\"]"
);

fn trained() -> Workplace {
    Workplace::trained("tiny.toml", SWEEP)
}

fn export(place: &Workplace, format: &str) -> String {
    place.stdout(&["export", "tiny.toml", "--format", format, "--to", "out"])
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the table");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The rows of a CSV file (RFC 4180), by column name.
fn csv_rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).expect("the table");
    let rows = reader.deserialize();
    rows.map(|row| row.expect("a row")).collect()
}

/// A number as SQLite's own JSON writes it, which is exact: 17 significant digits.
fn sqlite_points(place: &Workplace) -> Vec<Value> {
    let rows = place.rows(
        "results",
        "SELECT json_object('run', run_id, 'set', series, 'iteration', iteration,
             'error_percent', error_percent, 'loss', loss)
         FROM curves JOIN sweep_runs USING (run_id)
         ORDER BY position, series != 'train', iteration",
    );
    let rows = rows.iter();
    rows.map(|row| serde_json::from_str(row).expect("JSON"))
        .collect()
}

#[test]
fn points_match_the_output_of_sqlite() {
    let place = trained();
    export(&place, "jsonl");
    let expected = sqlite_points(&place);
    // log_every = 2 and eval_every = 3 of 6 iterations: 2, 4, 6 and 3, 6 for both runs
    assert_eq!(expected.len(), 2 * (3 + 2));
    let found = json_lines(&place.path().join("out/points.jsonl"));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for name in ["run", "set", "iteration"] {
            assert_eq!(found[name], expected[name], "{found}");
        }
        for name in ["error_percent", "loss"] {
            assert_eq!(found[name].as_f64(), expected[name].as_f64(), "{found}");
        }
        let trains = found["set"] == "train";
        assert_eq!(found["lr"].is_number(), trains, "{found}");
    }
    assert_eq!(found[0]["lr"], 0.05);
}

#[test]
fn layers_match_the_output_of_sqlite() {
    let sweep = SWEEP.replace("lr = 0.05", "lr = 0.05\nlayer_stats = true");
    let place = Workplace::trained("tiny.toml", &sweep);
    export(&place, "jsonl");
    let expected = place.rows(
        "results",
        "SELECT json_object('run', run_id, 'label', label, 'layer', layer, 'name', layer_stats.name,
             'std', std)
         FROM layer_stats JOIN current_trainings AS t ON t.id = training_id
         JOIN sweep_runs USING (run_id)
         ORDER BY position, layer",
    );
    let found = json_lines(&place.path().join("out/layers.jsonl"));
    // Depth 8 has seven 3x3 layers.
    assert_eq!((found.len(), expected.len()), (2 * 7, 2 * 7));
    for (found, expected) in found.iter().zip(&expected) {
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(*found, expected);
    }
}

#[test]
fn csv_and_json_lines_agree() {
    let place = trained();
    export(&place, "csv");
    export(&place, "jsonl");
    for table in ["runs", "points"] {
        let rows = csv_rows(&place.path().join(format!("out/{table}.csv")));
        let lines = json_lines(&place.path().join(format!("out/{table}.jsonl")));
        assert_eq!(rows.len(), lines.len());
        for (row, line) in rows.iter().zip(&lines) {
            let line = line.as_object().expect("an object");
            assert_eq!(row.len(), line.len());
            for (name, value) in line {
                let text = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(row[name], text, "{table}: {name}");
            }
        }
    }
}

#[test]
fn a_run_is_exported_with_its_settings_outcome_and_provenance() {
    let place = trained();
    export(&place, "jsonl");
    let runs = json_lines(&place.path().join("out/runs.jsonl"));
    assert_eq!(runs.len(), 2);
    let run = &runs[1];
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[1];
    for (name, expected) in [
        ("run", json!(id)),
        ("label", json!("ResNet-8 B")),
        ("model.depth", json!(8)),
        ("model.shortcut", json!("B")),
        ("train.lr", json!(0.05)),
        ("train.lr_drops", json!([4])),
        ("train.warmup", json!("none")),
        ("train.layer_stats", json!(false)),
        ("data.validation", json!(0)),
        ("seed", json!(1)),
        ("status", json!("finished")),
        ("iteration", json!(6)),
        ("validation_error_percent", json!(null)),
        ("program_version", json!(env!("CARGO_PKG_VERSION"))),
        ("device", json!("cpu")),
    ] {
        assert_eq!(run[name], expected, "{name}");
    }
    let test = "SELECT format('%!.17g', test_error_percent) FROM results WHERE shortcut = 'B'";
    let test: f64 = place.rows("results", test)[0].parse().expect("a number");
    assert_eq!(run["test_error_percent"].as_f64(), Some(test));
}

#[test]
fn foreign_files_are_not_overwritten() {
    let place = trained();
    let own = place.path().join("out/points.csv");
    fs::create_dir(place.path().join("out")).expect("a folder");
    fs::write(&own, "mine").expect("a file");
    let args = ["export", "tiny.toml", "--to", "out"];
    let assert = place.resweep(&args).assert().code(3);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("`out/points.csv` exists"), "{said}");
    assert_eq!(fs::read_to_string(&own).expect("mine"), "mine");
    assert_eq!(
        workplace::files(&place.path().join("out")),
        std::slice::from_ref(&own)
    );
    fs::remove_file(&own).expect("mine");
    place.stdout(&args);
    let first = fs::read(&own).expect("the table");
    place.stdout(&args);
    assert_eq!(fs::read(&own).expect("the table"), first);
}

#[test]
fn a_sweep_that_was_never_started_is_not_exported() {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    let args = ["export", "tiny.toml", "--to", "out"];
    let assert = place.resweep(&args).assert().code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        said.contains("no run of sweep `tiny` has been started"),
        "{said}"
    );
    assert!(!place.path().join("out").exists());
}

#[test]
fn event_file_bytes_match_tensorboard() {
    let train = |iteration, error_percent, loss, lr| TrainPoint {
        iteration,
        error_percent,
        loss,
        lr,
    };
    let eval = |iteration, set, error_percent, loss| EvalPoint {
        iteration,
        set,
        error_percent,
        loss,
    };
    let measurements = Measurements {
        train: vec![
            train(100, 81.25, 2.125, 0.1),
            train(70_000, 50.0, f64::NAN, 0.01),
        ],
        eval: vec![
            eval(100, EvalSet::Test, 0.0, 1.5),
            eval(80_000, EvalSet::Validation, 12.5, 0.25),
        ],
    };
    let configuration = json!({
        "data.dataset": "folder|x", "train.lr": 0.1, "train.nesterov": false
    });
    let log = RunLog {
        configuration: configuration.as_object().expect("an object"),
        measurements: &measurements,
        started_unix_s: 1_700_000_000.25,
        ended: Some((1_700_000_060.5, true)),
    };
    let mut bytes = Vec::new();
    tensorboard::write(&mut bytes, &log).expect("a vector takes everything");
    // tests/tensorboard/make_fixture.py wrote it with TensorBoard's code.
    let golden = fs::read("tests/tensorboard/golden.tfevents").expect("the fixture");
    assert_eq!(bytes, golden);
}

#[test]
fn each_run_has_a_folder_with_an_event_file() {
    let place = trained();
    export(&place, "tensorboard");
    let ids = place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position");
    for (label, id) in ["plain-8", "ResNet-8_B"].iter().zip(ids) {
        let folder = format!("out/{label}-{}", &id[..12]);
        let file = place
            .path()
            .join(folder)
            .join("events.out.tfevents.resweep");
        let bytes = fs::read(&file).expect("the event file");
        // The first record is the version: a time (9 bytes) and a text (2 + 13).
        assert_eq!(bytes[..8], 24_u64.to_le_bytes());
        assert_eq!(&bytes[23..36], b"brain.Event:2");
    }
}

#[test]
fn network_is_exported_with_pytorch_names() {
    let place = trained();
    export(&place, "checkpoints");
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[1];
    let stem = format!("ResNet-8_B-{}", &id[..12]);
    let read = |path: &str| fs::read(place.path().join(path)).expect("a file");
    let network = read(&format!("out/{stem}.safetensors"));
    let checkpoint = read(&format!("results/checkpoints/{id}/1/6.safetensors"));
    let network = SafeTensors::deserialize(&network).expect("safetensors");
    let checkpoint = SafeTensors::deserialize(&checkpoint).expect("safetensors");
    let mut names = network.names();
    names.sort_unstable();
    // 9 convolutions (two of them projections), each with its weight and four vectors of its BN,
    // and the last layer.
    assert_eq!(names.len(), 9 * 5 + 2);
    for name in [
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.conv2.weight",
        "layer2.0.downsample.0.weight",
        "layer3.0.downsample.1.running_mean",
        "fc.bias",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    for name in names {
        let tensors = [&network, &checkpoint].map(|file| file.tensor(name).expect("the tensor"));
        let [network, checkpoint] =
            tensors.map(|view| (view.shape().to_vec(), view.data().to_vec()));
        assert_eq!(network, checkpoint, "{name}");
    }
}

#[test]
fn the_normalisation_is_the_mean_image_of_the_training_images() {
    let place = trained();
    export(&place, "checkpoints");
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[0];
    let path = format!("out/plain-8-{}.normalisation.safetensors", &id[..12]);
    let bytes = fs::read(place.path().join(path)).expect("the file");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let values = |name: &str| -> Vec<f32> {
        let view = file.tensor(name).expect("the tensor");
        let numbers = view.data().chunks_exact(4);
        numbers
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("4 bytes")))
            .collect()
    };
    assert_eq!(values("std"), [1.0; 3]);
    assert_eq!(file.tensor("mean").expect("the mean").shape(), [3, 8, 8]);
    let mut sums = vec![0.0_f64; 3 * 8 * 8];
    let images = workplace::files(&place.path().join("images/train"));
    for path in &images {
        let image = image::open(path).expect("an image").to_rgb8();
        for (x, y, pixel) in image.enumerate_pixels() {
            for (channel, value) in pixel.0.iter().enumerate() {
                let position = channel * 64 + y as usize * 8 + x as usize;
                sums[position] += f64::from(*value) / 255.0;
            }
        }
    }
    for (found, sum) in values("mean").iter().zip(sums) {
        let expected = sum / images.len() as f64;
        assert!(
            (f64::from(*found) - expected).abs() < 1e-6,
            "{found} {expected}"
        );
    }
}

#[test]
fn run_without_final_checkpoint_is_skipped_with_a_message() {
    let place = trained();
    place.stdout(&["gc", "--all"]);
    let args = [
        "export",
        "tiny.toml",
        "--format",
        "checkpoints",
        "--to",
        "out",
    ];
    let assert = place.resweep(&args).assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        said.contains("skipped plain-8, which has no final checkpoint"),
        "{said}"
    );
}

#[test]
fn modified_checkpoint_is_not_exported() {
    let place = trained();
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[0];
    let path = place
        .path()
        .join(format!("results/checkpoints/{id}/1/6.safetensors"));
    let mut bytes = fs::read(&path).expect("the checkpoint");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&path, bytes).expect("the checkpoint");
    let args = [
        "export",
        "tiny.toml",
        "--format",
        "checkpoints",
        "--to",
        "out",
    ];
    let assert = place.resweep(&args).assert().code(3);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("is damaged"), "{said}");
}

/// A sweep over settings whose stored form differs from the sweep file.
const ODD: &str = r#"
[axes]
depth = [14]
shortcut = ["A"]
validation = [0, 5]
warmup = ["none", { lr = 0.01, iterations = 2 }, { lr = 0.01, until_train_error = 80 }]
init = ["he-fan-in", { from = { depth = 8, iterations = 5 }, deepen = "identity" }]
"#;

/// A sweep file with the settings of one exported run: the cells of the CSV file, quoted if they
/// are strings in JSON.
fn put_back(cells: &BTreeMap<String, String>, types: &Value) -> String {
    let mut text = format!("[sweep]\nname = \"back\"\nseeds = [{}]\n", cells["seed"]);
    for section in ["data", "model", "train"] {
        text += &format!("[{section}]\n");
        for (name, cell) in cells {
            let key = name
                .strip_prefix(section)
                .and_then(|key| key.strip_prefix('.'));
            match (key, &types[name]) {
                (None, _) | (_, Value::Null) => {}
                (Some(key), Value::String(_)) => text += &format!("{key} = \"{cell}\"\n"),
                (Some(key), _) => text += &format!("{key} = {cell}\n"),
            }
        }
    }
    text
}

#[test]
fn exported_settings_round_trip_through_a_sweep_file() {
    let (head, _) = SWEEP.split_once("[axes]").expect("the axes");
    let head = head.replace("lr = 0.05", "lr = 0.05\nweight_decay = 1e-5");
    let place = Workplace::with_images("tiny.toml", &format!("{head}{ODD}"));
    place.stdout(&["run", "tiny.toml", "--progress", "none"]);
    export(&place, "csv");
    export(&place, "jsonl");
    let rows = csv_rows(&place.path().join("out/runs.csv"));
    let lines = json_lines(&place.path().join("out/runs.jsonl"));
    assert_eq!(rows.len(), 12 + 6);
    for (row, line) in rows.iter().zip(&lines) {
        for name in ["data.validation", "train.weight_decay", "model.depth"] {
            row[name].parse::<f64>().expect("a number in every row");
        }
        fs::write(place.path().join("back.toml"), put_back(row, line)).expect("the file");
        let plan = place.json(&["plan", "back.toml", "--json"]);
        let runs = plan["runs"].as_array().expect("runs");
        assert!(runs.iter().any(|run| run["id"] == line["run"]), "{plan}");
    }
}

/// The only event file below the folder.
fn event_file(place: &Workplace) -> PathBuf {
    let mut files = workplace::files(&place.path().join("out"));
    files.retain(|path| path.to_string_lossy().contains("tfevents"));
    let [file] = &files[..] else {
        panic!("{files:?}");
    };
    file.clone()
}

#[test]
fn growing_event_file_is_appended_and_a_changed_one_is_renamed() {
    let place = Workplace::trained("tiny.toml", &SWEEP.replace(", \"B\"", ""));
    // Without a checksum, edited measurements do not count as damage.
    let change = |sql: &str| {
        let sql = format!("{sql}; UPDATE trainings SET points_sum = NULL");
        place.database("results").execute_batch(&sql).expect("SQL");
    };
    change(
        "CREATE TABLE late_train AS SELECT * FROM train_metrics WHERE iteration > 3;
         CREATE TABLE late_eval AS SELECT * FROM eval_metrics WHERE iteration > 3;
         DELETE FROM train_metrics WHERE iteration > 3;
         DELETE FROM eval_metrics WHERE iteration > 3;
         UPDATE attempts SET status = 'stopped'",
    );
    export(&place, "tensorboard");
    let file = event_file(&place);
    // A running TensorBoard keeps the file open.
    let mut open = File::open(&file).expect("the file");
    let mut read = |bytes: &mut Vec<u8>| open.read_to_end(bytes).expect("bytes");
    let mut bytes = Vec::new();
    read(&mut bytes);

    change(
        "INSERT INTO train_metrics SELECT * FROM late_train;
         INSERT INTO eval_metrics SELECT * FROM late_eval;
         DROP TABLE late_train; DROP TABLE late_eval;
         UPDATE attempts SET status = 'finished'",
    );
    export(&place, "tensorboard");
    assert_eq!(event_file(&place), file);
    assert!(read(&mut bytes) > 0, "nothing was appended");
    assert_eq!(bytes, fs::read(&file).expect("the file"));
    export(&place, "tensorboard");
    assert_eq!(read(&mut bytes), 0, "the same was appended again");

    change("UPDATE train_metrics SET loss = loss + 1 WHERE iteration = 2");
    export(&place, "tensorboard");
    assert_eq!(event_file(&place), file.with_extension("resweep.2"));
    export(&place, "tensorboard");
    assert_eq!(event_file(&place), file.with_extension("resweep.2"));
}
