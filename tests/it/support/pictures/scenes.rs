//! Figures of generated curves that resemble training.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep_core::domain::{FigureStyle, Palette, Reference, Shortcut, Show, Theme};
use resweep_figures::Drawing;

use super::{Line, Setup};

/// The made-up training and test error of a run that ends at these errors, a point every
/// thousand of 64,000 iterations, with drops after 32,000 and 48,000.
pub fn training(seed: u64, train: f64, test: f64) -> Option<(Line, Line)> {
    Some((line(seed, train, 64), line(seed + 1000, test, 64)))
}

fn line(seed: u64, last: f64, points: u64) -> Line {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let point = |i: u64| {
        let share = i as f64 / points as f64;
        let level = match share {
            ..0.5 => last + 6.0,
            0.5..0.75 => last + 1.0,
            _ => last,
        };
        let start = 60.0 * (-share * 20.0).exp();
        let noise = if share < 0.5 { 1.5 } else { 0.2 };
        let error = level + start + noise * rng.random_range(-1.0..1.0);
        (64_000 * i / points, error.clamp(0.0, 100.0))
    };
    (1..=points).map(point).collect()
}

/// Some configurations with three seeds each.
fn nets(setup: &mut Setup, shortcut: Shortcut, ends: &[(usize, f64, f64)]) -> Vec<usize> {
    let net = |&(depth, train, test): &(usize, f64, f64)| {
        let seed = |seed| {
            training(
                seed * 10_000 + depth as u64,
                train,
                test + 0.3 * seed as f64,
            )
        };
        let seeds: Vec<_> = setup.sweep.seeds.clone().into_iter().map(seed).collect();
        setup.add(depth, shortcut, &seeds)
    };
    ends.iter().map(net).collect()
}

fn drawn(setup: &Setup) -> Drawing {
    setup.draw().expect("there is something to draw")
}

/// The paper's figure 1: training error beside test error.
pub fn figure_1() -> Drawing {
    let mut setup = Setup::new(1);
    let plain = nets(
        &mut setup,
        Shortcut::None,
        &[(20, 1.5, 9.9), (56, 6.1, 13.0)],
    );
    setup.sweep.title = Some("Plain nets on CIFAR-10".to_owned());
    setup.panel(Show::Train, Some(20.0), &plain);
    setup.panel(Show::Test, Some(20.0), &plain);
    for (panel, title) in setup
        .panels()
        .iter_mut()
        .zip(["training error", "test error"])
    {
        panel.title = Some(title.to_owned());
        panel.y_min = Some(0.0);
        panel.y_ticks = vec![0.0, 10.0, 20.0];
    }
    setup.sweep.figures[0].reference = Reference::Paper;
    drawn(&setup)
}

/// The paper's figure 6 without its right panel, three seeds, the paper's curves behind.
pub fn figure_6() -> Drawing {
    let mut setup = Setup::new(3);
    let plain = [
        (20, 1.3, 9.7),
        (32, 1.4, 10.1),
        (44, 2.7, 11.4),
        (56, 5.8, 13.2),
    ];
    let plain = nets(&mut setup, Shortcut::None, &plain);
    let residual = [
        (20, 0.7, 8.8),
        (32, 0.3, 7.5),
        (44, 0.2, 7.2),
        (56, 0.1, 7.0),
        (110, 0.1, 6.6),
    ];
    let residual = nets(&mut setup, Shortcut::A, &residual);
    setup.sweep.title = Some("Plain and residual nets on CIFAR-10".to_owned());
    setup.panel(Show::Both, Some(20.0), &plain);
    setup.panel(Show::Both, Some(20.0), &residual);
    for (panel, title) in setup.panels().iter_mut().zip(["plain", "residual"]) {
        panel.title = Some(title.to_owned());
        panel.y_min = Some(0.0);
        panel.y_ticks = vec![0.0, 5.0, 10.0, 20.0];
    }
    setup.sweep.figures[0].reference = Reference::Paper;
    drawn(&setup)
}

/// One panel of `count` curves with names of very different lengths, ends close together.
pub fn curves(count: usize, style: FigureStyle) -> Drawing {
    let mut setup = Setup::new(1);
    let depths = [20, 32, 44, 56, 110, 26, 38, 50, 62, 68, 74, 80];
    let ends: Vec<(usize, f64, f64)> = depths[..count]
        .iter()
        .enumerate()
        .map(|(i, &depth)| (depth, 1.0 + 0.2 * i as f64, 8.0 + 0.45 * i as f64))
        .collect();
    let all = nets(&mut setup, Shortcut::A, &ends);
    for (label, i) in setup.sweep.labels.iter_mut().zip(0..) {
        label.push_str(&" lr=0.05 train.weight_decay=0.0001"[..i * 3]);
    }
    setup.sweep.figures[0].style = style;
    setup.panel(Show::Both, Some(25.0), &all);
    drawn(&setup)
}

pub fn twelve_curves() -> Drawing {
    let style = FigureStyle {
        palette: Palette::OkabeIto,
        ..FigureStyle::default()
    };
    curves(12, style)
}

/// `count` panels of a curve more each.
pub fn panels(count: usize, style: FigureStyle) -> Drawing {
    let mut setup = Setup::new(1);
    let ends = [20, 32, 44, 56, 110, 1202].map(|depth| (depth, 1.0, 7.0 + depth as f64 / 200.0));
    let all = nets(&mut setup, Shortcut::A, &ends);
    for panel in 0..count {
        setup.panel(Show::Both, Some(20.0), &all[..=panel]);
    }
    setup.sweep.figures[0].style = style;
    drawn(&setup)
}

pub fn six_panels() -> Drawing {
    let style = FigureStyle {
        theme: Theme::Dark,
        ..FigureStyle::default()
    };
    panels(6, style)
}

/// More points than the page has columns, averaged and with the paper's curves scaled.
pub fn dense() -> Drawing {
    let mut setup = Setup::new(1);
    let many = (line(1, 3.0, 100_000), line(2, 9.0, 64));
    let plain = setup.add(20, Shortcut::None, &[Some(many)]);
    setup.panel(Show::Both, Some(30.0), &[plain]);
    setup.sweep.figures[0].smoothing = 3;
    setup.sweep.figures[0].reference = Reference::PaperScaled;
    drawn(&setup)
}

/// A figure of one level line.
pub fn level(error: f64) -> Drawing {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[super::flat(error, error)]);
    setup.panel(Show::Test, Some(100.0), &[plain]);
    drawn(&setup)
}
