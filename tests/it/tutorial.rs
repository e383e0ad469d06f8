//! Runs the commands of the tutorial, and the Python of the docs if its packages are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::workplace::{Workplace, write_images};

/// Makes the runs of the tutorial small; for commands that train or plan.
const SMALL: [&str; 5] = [
    "--width=2",
    "--image-size=8",
    "--iterations=6",
    "--eval-every=6",
    "--batch-size=8",
];

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(path).expect("the page")
}

/// The blocks of a page in this language; "" for commands.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut parts = page.split("\n```");
    let mut found = Vec::new();
    // Opening and closing fences alternate.
    parts.next();
    while let (Some(block), _) = (parts.next(), parts.next()) {
        let (head, text) = block.split_once('\n').unwrap_or((block, ""));
        if format!("```{head}") == fence {
            found.push(text.to_owned());
        }
    }
    found
}

fn commands(page: &str) -> Vec<String> {
    let blocks = blocks(page, "");
    let lines = blocks.iter().flat_map(|block| block.lines());
    let ours = lines.filter_map(|line| line.strip_prefix("resweep "));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_tutorial_works() {
    let place = Workplace::new("unused.toml", "");
    write_images(&place.path().join("pictures"));
    let commands = commands(&document("tutorial.md"));
    assert!(commands.len() > 15, "{commands:?}");
    for command in &commands {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        if matches!(args[0], "run" | "plan") {
            args.extend(SMALL);
        }
        place.stdout(&args);
    }
    assert!(place.path().join("results/pics/figure.png").is_file());
    assert!(place.path().join("tables/points.csv").is_file());
}

#[test]
fn the_python_of_the_docs_draws_the_curves() {
    let Some(python) = python("import pandas, matplotlib") else {
        return;
    };
    let place = Workplace::new("unused.toml", "");
    place.stdout(&["init", "first"]);
    place.stdout(&[&["run", "first.toml", "--depth=8"], &SMALL[..]].concat());
    let page = document("python.md");
    for command in commands(&page) {
        place.stdout(&command.split_whitespace().collect::<Vec<_>>());
    }
    let script = blocks(&page, "python").join("\n");
    run_python(&python, &place, &script, &[]);
    let png = fs::read(place.path().join("curves.png")).expect("the figure");
    assert_eq!(&png[..4], b"\x89PNG");
}

#[test]
fn the_pytorch_of_the_docs_loads_networks_of_other_sizes() {
    let Some(python) = python("import torch, safetensors, PIL, numpy") else {
        return;
    };
    let place = Workplace::new("unused.toml", "");
    let pictures = place.path().join("pictures");
    write_images(&pictures);
    place.stdout(&["init", "pics", "--folder", "pictures"]);
    let args = ["run", "pics.toml", "--depth=8,14", "--shortcut=none,A,B,C"];
    place.stdout(&[&args, &SMALL[..]].concat());
    let args = [
        "export",
        "pics",
        "--format",
        "checkpoints",
        "--to",
        "networks",
    ];
    place.stdout(&args);
    let page = document("pytorch.md");
    let script = blocks(&page, "python").concat();
    let networks = fs::read_dir(place.path().join("networks")).expect("the folder");
    let networks: Vec<PathBuf> = networks
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".safetensors") && !name.ends_with(".normalisation.safetensors")
        })
        .collect();
    assert_eq!(networks.len(), 8);
    let image = pictures.join("test/class-1/0.png");
    for network in &networks {
        run_python(&python, &place, &script, &[network, &image]);
    }
}

/// A Python with the given packages; otherwise prints that the test is skipped.
fn python(imports: &str) -> Option<String> {
    let named = std::env::var("RESWEEP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&named).args(["-c", imports]).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(named);
    }
    eprintln!("skipped: `{named}` cannot `{imports}`; set RESWEEP_TEST_PYTHON");
    None
}

fn run_python(python: &str, place: &Workplace, script: &str, args: &[&Path]) {
    let mut command = Command::new(python);
    command
        .args(["-c", script])
        .args(args)
        .current_dir(place.path());
    let output = command
        .env("MPLBACKEND", "Agg")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
