//! Times a figure of one run with many points: reading them from the database, drawing, and the
//! PNG. `cargo bench --bench points -- 1000000` takes another number than ten million.

use std::time::Instant;

use anyhow::Context;
use resweep_core::domain::{
    Configuration, Cost, Figure, FigureKind, FigureStyle, Panel, Reference, Run, RunConfig, RunId,
    Shortcut, Show, Sweep,
};
use resweep_figures::draw;
use resweep_store::{Recorder, Store};
use rusqlite::{Connection, params};

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POINTS: u64 = 10_000_000;

fn main() -> anyhow::Result<()> {
    let points = std::env::args().find_map(|argument| argument.parse().ok());
    let points: u64 = points.unwrap_or(POINTS);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("resweep.db");
    drop(Recorder::open(&path)?);
    let (sweep, run) = sweep(points);
    fill(&Connection::open(&path)?, &run, points).context("cannot fill the database")?;

    let begun = Instant::now();
    let ids = [run.id.clone()];
    let curves = Store::open_read_only(&path)?.curves(&ids)?;
    let read_s = begun.elapsed().as_secs_f64();
    let recorded = curves[&run.id].train.len();

    let begun = Instant::now();
    let drawing = draw(&sweep, &sweep.figures[0], &[run], &curves)?;
    let draw_s = begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let png = drawing.png()?;
    let png_s = begun.elapsed().as_secs_f64();
    println!(
        "{recorded} points: read {read_s:.2} s, drawn {draw_s:.2} s, PNG {png_s:.2} s; SVG {} kB, PNG {} kB",
        drawing.svg.len() / 1000,
        png.len() / 1000
    );
    Ok(())
}

/// A figure of one run that recorded a point at each of its iterations.
fn sweep(points: u64) -> (Sweep, Run) {
    let mut configuration = Configuration::paper(20, Shortcut::A);
    configuration.train.iterations = points;
    let run = Run {
        parent: None,
        id: RunId("0".repeat(64)),
        config: RunConfig {
            configuration: configuration.clone(),
            seed: 1,
        },
        label: "ResNet-20".to_owned(),
        configuration: 0,
        trajectories: Vec::new(),
        cost: Cost {
            parameters: 0,
            forward_flops: 0,
            training_flops: 0,
        },
    };
    let panel = Panel {
        title: None,
        configurations: vec![0],
        labels: vec!["ResNet-20".to_owned()],
        show: Show::Both,
        y_min: None,
        y_max: None,
        y_ticks: Vec::new(),
    };
    let sweep = Sweep {
        adaptive: None,
        seeds_note: None,
        expectations: Vec::new(),
        name: "points".to_owned(),
        title: None,
        description: None,
        configurations: vec![configuration],
        labels: vec!["ResNet-20".to_owned()],
        seeds: vec![1],
        max_attempts: 1,
        figures: vec![Figure {
            name: "figure".to_owned(),
            title: None,
            kind: FigureKind::ErrorVsIteration,
            axes: resweep_core::domain::Axes::default(),
            grid: None,
            style: FigureStyle::default(),
            reference: Reference::None,
            smoothing: 1,
            sweeps: Vec::new(),
            declared_in: None,
            place: 0,
            panels: vec![panel],
        }],
    };
    (sweep, run)
}

/// The run with its points: errors that fall, with noise.
fn fill(database: &Connection, run: &Run, points: u64) -> rusqlite::Result<()> {
    database.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN")?;
    database.execute(
        "INSERT INTO trainings (id, run_id, number, shares_checkpoints) VALUES (1, ?1, 1, 1)",
        [&run.id.0],
    )?;
    database.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO train_metrics (training_id, iteration, error_percent, loss, lr)
         SELECT 1, i, 5.0 + 80.0 / (1.0 + 30.0 * i / ?1) + i * 7919 % 1000 / 200.0, 0.5, 0.1 FROM n",
        params![points as i64],
    )?;
    database.execute_batch("COMMIT")
}
