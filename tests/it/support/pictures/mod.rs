//! Generated sweeps, runs and curves, for tests of figures.

pub mod scenes;

use std::collections::HashMap;

use resweep_core::domain::{
    Axes, Configuration, Cost, Curves, ErrorPoint, EvalPoint, EvalSet, Figure, FigureKind,
    FigureStyle, Panel, Reference, Run, RunConfig, RunId, Shortcut, Show, Sweep,
};
use resweep_figures::{Drawing, RenderError, draw};

/// A sweep with runs and curves in the making.
pub struct Setup {
    pub sweep: Sweep,
    pub runs: Vec<Run>,
    pub curves: HashMap<RunId, Curves>,
}

/// Iterations and errors in percent.
pub type Line = Vec<(u64, f64)>;

impl Setup {
    pub fn new(seeds: u64) -> Setup {
        Setup {
            sweep: Sweep {
                name: "fig6".to_owned(),
                title: Some("Plain & residual <networks>".to_owned()),
                description: None,
                configurations: Vec::new(),
                labels: Vec::new(),
                seeds: (0..seeds).collect(),
                adaptive: None,
                seeds_note: None,
                expectations: Vec::new(),
                max_attempts: 3,
                figures: vec![Figure {
                    name: "figure".to_owned(),
                    title: None,
                    kind: FigureKind::ErrorVsIteration,
                    axes: Axes::default(),
                    grid: None,
                    style: FigureStyle::default(),
                    reference: Reference::None,
                    smoothing: 1,
                    sweeps: Vec::new(),
                    declared_in: None,
                    place: 0,
                    panels: Vec::new(),
                }],
            },
            runs: Vec::new(),
            curves: HashMap::new(),
        }
    }

    /// Adds a configuration and one run for each seed; `None` is a run without any record.
    pub fn add(
        &mut self,
        depth: usize,
        shortcut: Shortcut,
        seeds: &[Option<(Line, Line)>],
    ) -> usize {
        let index = self.sweep.configurations.len();
        let configuration = Configuration::paper(depth, shortcut);
        self.sweep.labels.push(configuration.model.name());
        for (seed, lines) in seeds.iter().enumerate() {
            let id = RunId(format!("{index:06}{seed:06}"));
            if let Some((train, eval)) = lines {
                self.curves.insert(id.clone(), curves(train, eval));
            }
            self.runs.push(Run {
                id,
                config: RunConfig {
                    configuration: configuration.clone(),
                    seed: seed as u64,
                },
                label: configuration.model.name(),
                configuration: index,
                trajectories: Vec::new(),
                parent: None,
                cost: Cost {
                    parameters: 0,
                    forward_flops: 0,
                    training_flops: 0,
                },
            });
        }
        self.sweep.configurations.push(configuration);
        index
    }

    pub fn panel(&mut self, show: Show, y_max: Option<f64>, configurations: &[usize]) {
        self.sweep.figures[0].panels.push(Panel {
            title: Some("plain".to_owned()),
            configurations: configurations.to_vec(),
            labels: configurations
                .iter()
                .map(|&index| self.sweep.labels.get(index).cloned().unwrap_or_default())
                .collect(),
            show,
            y_min: None,
            y_max,
            y_ticks: Vec::new(),
        });
    }

    /// The panels of its figure.
    pub fn panels(&mut self) -> &mut [Panel] {
        &mut self.sweep.figures[0].panels
    }

    pub fn draw(&self) -> Result<Drawing, RenderError> {
        draw(
            &self.sweep,
            &self.sweep.figures[0],
            &self.runs,
            &self.curves,
        )
    }

    pub fn svg(&self) -> String {
        self.draw().expect("there is something to draw").svg
    }
}

fn curves(train: &Line, eval: &Line) -> Curves {
    let train = train.iter().map(|&(iteration, error_percent)| ErrorPoint {
        iteration,
        error_percent,
        loss: 1.0,
    });
    let eval = eval.iter().map(|&(iteration, error_percent)| EvalPoint {
        iteration,
        set: EvalSet::Test,
        error_percent,
        loss: 1.0,
    });
    Curves {
        train: train.collect(),
        eval: eval.collect(),
        ..Curves::default()
    }
}

/// A run with constant errors.
pub fn flat(train: f64, eval: f64) -> Option<(Line, Line)> {
    let line = |error| vec![(1000, error), (64_000, error)];
    Some((line(train), line(eval)))
}
