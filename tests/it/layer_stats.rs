//! Layer responses: compared with PyTorch, and through the real program.
//!
//! The reference values come from tests/pytorch/make_layer_stats.py, in float64.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::support::workplace::Workplace;
use dfdx::prelude::{Cpu, TensorFromVec};
use resnet_engine::model::Network;
use resnet_engine::{Engine, Fused, Matrix, Moments, Portable};
use resweep_core::domain::{Configuration, LayerStat, ModelConfig, RunId, Shortcut};
use resweep_store::Store;
use resweep_train::layer_stats;
use safetensors::SafeTensors;

/// Images of a step of the fixtures, and their height and width in pixels.
const BATCH: usize = 6;
const SIZE: usize = 8;
/// Relative. Both engines compute in float32, the reference in float64.
const TOLERANCE: f64 = 2e-6;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch")
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = file.tensor(name).expect(name).data().chunks_exact(4);
    bytes
        .map(|b| f32::from_le_bytes(b.try_into().expect("four bytes")))
        .collect()
}

/// The network of a fixture after its last step.
fn trained(file: &SafeTensors<'_>, shortcut: Shortcut) -> Network<Cpu> {
    let model = ModelConfig {
        width: 3,
        image_size: SIZE,
        ..Configuration::paper(14, shortcut).model
    };
    let mut network = Network::new(&Cpu::default(), &model, 10, 0);
    for parameter in &mut network.parameters {
        let values = floats(file, &format!("final.{}", parameter.name));
        parameter.tensor.copy_from(&values);
    }
    for buffer in &mut network.buffers {
        let values = floats(file, &format!("final.{}", buffer.name));
        buffer.tensor.copy_from(&values);
    }
    network
}

/// The images of a fixture in batches of `batch`, as rows of pixels.
fn batches(file: &SafeTensors<'_>, batch: usize) -> Vec<Matrix<Cpu>> {
    let pixels = SIZE * SIZE;
    let planes = floats(file, "images");
    let mut rows = vec![0.0; planes.len()];
    for (at, value) in planes.iter().enumerate() {
        let (image, channel, pixel) = (at / (3 * pixels), at / pixels % 3, at % pixels);
        rows[(image * pixels + pixel) * 3 + channel] = *value;
    }
    let batches = rows.chunks(batch * 3 * pixels);
    let device = Cpu::default();
    batches
        .map(|batch| device.tensor_from_vec(batch.to_vec(), (batch.len() / 3, 3)))
        .collect()
}

fn measured(
    mut engine: impl Engine<Cpu>,
    network: &Network<Cpu>,
    batches: &[Matrix<Cpu>],
) -> Vec<LayerStat> {
    let mut total = vec![Moments::default(); network.architecture.layers().count()];
    for batch in batches {
        let moments = engine.moments(network, batch.clone()).expect("a pass");
        assert_eq!(moments.len(), total.len());
        total.iter_mut().zip(&moments).for_each(|(t, m)| t.add(m));
    }
    layer_stats(network, &total)
}

#[track_caller]
fn assert_agree(found: &[LayerStat], expected: &[(String, f64)]) {
    assert_eq!(found.len(), expected.len());
    for (place, (found, (name, std))) in found.iter().zip(expected).enumerate() {
        assert_eq!((found.layer, &found.name), (place + 1, name));
        let error = (found.std - std).abs() / std;
        assert!(error < TOLERANCE, "{name}: {} for {std}", found.std);
    }
}

#[test]
fn both_engines_match_pytorch_layer_responses() {
    let text = std::fs::read_to_string(folder().join("layer_stats.json")).expect("the values");
    let expected: HashMap<String, Vec<(String, f64)>> = serde_json::from_str(&text).expect("JSON");
    for (case, shortcut) in [
        ("none", Shortcut::None),
        ("A", Shortcut::A),
        ("B", Shortcut::B),
        ("C", Shortcut::C),
    ] {
        let bytes = std::fs::read(folder().join(format!("{case}.safetensors"))).expect("a fixture");
        let file = SafeTensors::deserialize(&bytes).expect("a valid fixture");
        let network = trained(&file, shortcut);
        // Also with a smaller last batch.
        for batch in [BATCH, 4] {
            let batches = batches(&file, batch);
            let fused = measured(Fused::default(), &network, &batches);
            assert_agree(&fused, &expected[case]);
            let portable = Portable::new(&Cpu::default());
            assert_agree(&measured(portable, &network, &batches), &expected[case]);
        }
    }
}

const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
depth = 8

[train]
iterations = 20
batch_size = 7
lr = 0.05

[axes]
shortcut = ["none", "B"]
"#;

fn place() -> Workplace {
    Workplace::with_images("tiny.toml", SWEEP)
}

/// The recorded layer responses of each network, by name.
fn recorded(place: &Workplace, results: &str) -> HashMap<String, Vec<LayerStat>> {
    let store = Store::open_read_only(&place.path().join(results).join("resweep.db"));
    let store = store.expect("a database");
    let members = store.members("tiny").expect("the runs");
    let ids: Vec<RunId> = members.iter().map(|member| member.id.clone()).collect();
    let mut stats = store.layer_stats(&ids).expect("the layers");
    let named = members.into_iter();
    named
        .filter_map(|member| Some((member.label, stats.remove(&member.id)?)))
        .collect()
}

const ON: [&str; 2] = ["--set", "train.layer_stats=true"];

#[test]
fn finished_run_is_measured_without_retraining() {
    let place = place();
    place.stdout(&["run", "tiny.toml"]);
    assert!(recorded(&place, "results").is_empty());
    place.stdout(&[&["run", "tiny.toml"], &ON[..]].concat());
    let begun = "SELECT from_iteration FROM attempts ORDER BY id";
    let begun = place.rows("results", begun);
    assert_eq!(begun[2..], ["Integer(20)", "Integer(20)"]);
    let later = recorded(&place, "results");
    assert_eq!(later.len(), 2);
    assert!(later.values().all(|layers| layers.len() == 7));

    let whole = [&["run", "tiny.toml", "--results", "whole"], &ON[..]].concat();
    place.stdout(&whole);
    assert_eq!(recorded(&place, "whole"), later);
    // Starting it again does nothing.
    place.stdout(&whole);
    assert_eq!(place.rows("whole", "SELECT id FROM attempts").len(), 2);
}

#[test]
fn isolated_and_portable_runs_measure_their_layers_too() {
    let place = place();
    place.stdout(&[&["run", "tiny.toml", "--isolate"], &ON[..]].concat());
    assert_eq!(recorded(&place, "results").len(), 2);
    let portable = ["--results", "portable", "--set", "train.engine=portable"];
    let json = ["--progress", "json"];
    let said = place.stdout(&[&["run", "tiny.toml"], &ON[..], &portable, &json].concat());
    assert_eq!(recorded(&place, "portable").len(), 2);
    let events = said.lines().filter(|line| line.contains("layers-measured"));
    assert_eq!(events.count(), 2);
}

#[test]
fn layer_response_figure_verifies() {
    let drawn = "layer_stats = true\n\n[figure]\nkind = \"layer-responses\"\n\n[axes]";
    let place = Workplace::trained("tiny.toml", &SWEEP.replace("[axes]", drawn));
    let verify = ["verify", "results/tiny/figure.png"];
    assert!(place.stdout(&verify).contains("identical, byte for byte"));

    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[1];
    let changed = place.database("results").execute(
        "UPDATE layer_stats SET std = std * 1.5 WHERE layer = 3
         AND training_id = (SELECT id FROM trainings WHERE run_id = ?1)",
        [id],
    );
    assert_eq!(changed.expect("an update"), 1);
    place.forget_checksums("results");
    let assert = place.resweep(&verify).assert().code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(said.contains("measured since: ResNet-8 B"), "{said}");
    assert!(!said.contains("plain-8"), "{said}");
}
