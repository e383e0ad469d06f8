//! Error against depth, heat maps and small multiples: from the sweep file to the SVG.

use std::collections::{HashMap, HashSet};
use std::fs;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::workplace::Workplace;
use resweep_core::domain::{
    Cost, Curves, ErrorPoint, EvalPoint, EvalSet, LayerStat, Run, RunConfig, RunId, Sweep,
};
use resweep_core::sweep_file;
use resweep_figures::{Drawing, RenderError, draw, draw_layers};

/// The iterations of every run here.
const END: u64 = 1000;

/// A sweep with generated runs and curves.
struct Setup {
    sweep: Sweep,
    runs: Vec<Run>,
    curves: HashMap<RunId, Curves>,
}

impl Setup {
    /// A sweep with these axes and this figure.
    fn new(axes: &str, figure: &str) -> Setup {
        let toml = format!(
            "[sweep]\nname = \"kinds\"\nrepeats = 2\n[model]\nimage_size = 16\n\
             [train]\niterations = {END}\n[axes]\n{axes}\n[figure]\n{figure}\n"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sweep.toml");
        fs::write(&path, toml).expect("a writable folder");
        let sweep = sweep_file::load(&path, &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
        let configurations = sweep.configurations.iter().enumerate();
        let runs = configurations.flat_map(|(index, configuration)| {
            let label = &sweep.labels[index];
            sweep.seeds.iter().map(move |&seed| Run {
                id: RunId(format!("{index:06}{seed:06}")),
                config: RunConfig {
                    configuration: configuration.clone(),
                    seed,
                },
                label: label.clone(),
                configuration: index,
                trajectories: Vec::new(),
                parent: None,
                cost: Cost {
                    parameters: 0,
                    forward_flops: 0,
                    training_flops: 0,
                },
            })
        });
        Setup {
            runs: runs.collect(),
            sweep,
            curves: HashMap::new(),
        }
    }

    /// Sets the final training and test errors of a network's runs, one for each seed.
    fn end(&mut self, label: &str, train: &[f64], test: &[f64]) {
        self.record(label, END, train, test);
    }

    /// Records one point at `iteration`.
    fn record(&mut self, label: &str, iteration: u64, train: &[f64], test: &[f64]) {
        let mine = self.runs.iter().filter(|run| run.label == label);
        for (run, (&train, &test)) in mine.zip(train.iter().zip(test)) {
            let train = ErrorPoint {
                iteration,
                error_percent: train,
                loss: train / 100.0,
            };
            let eval = EvalPoint {
                iteration,
                set: EvalSet::Test,
                error_percent: test,
                loss: 1.0,
            };
            let curves = self.curves.entry(run.id.clone()).or_default();
            curves.train.push(train);
            curves.eval.push(eval);
        }
    }

    fn draw(&self) -> Result<Drawing, RenderError> {
        let figure = &self.sweep.figures[0];
        draw(&self.sweep, figure, &self.runs, &self.curves)
    }

    fn svg(&self) -> String {
        self.draw().expect("there is something to draw").svg
    }
}

/// A shape of an SVG: its attributes, and its text where it is one.
struct Shape<'a> {
    attributes: HashMap<&'a str, &'a str>,
    text: &'a str,
}

impl Shape<'_> {
    fn number(&self, name: &str) -> f64 {
        let value = self.attributes[name];
        value.parse().unwrap_or_else(|_| panic!("{name}={value}"))
    }

    /// Left, top, right and bottom of a polygon.
    fn bounds(&self) -> [f64; 4] {
        let corners = self.attributes["points"].split_whitespace().map(|corner| {
            let (x, y) = corner.split_once(',').expect("x,y");
            (x.parse::<f64>().expect("x"), y.parse::<f64>().expect("y"))
        });
        corners.fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, (x, y)| {
            [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)]
        })
    }
}

/// The shapes of one kind, in the order in which they are drawn.
fn shapes<'a>(svg: &'a str, kind: &str) -> Vec<Shape<'a>> {
    let tag = format!("<{kind} ");
    let found = svg.split(&tag).skip(1);
    found
        .map(|rest| {
            let (head, tail) = rest.split_once('>').expect("a closed tag");
            let parts: Vec<&str> = head.split('"').collect();
            let pairs = parts.chunks_exact(2);
            Shape {
                attributes: pairs
                    .map(|pair| (pair[0].trim().trim_end_matches('='), pair[1]))
                    .collect(),
                text: tail.split('<').next().unwrap_or_default().trim(),
            }
        })
        .collect()
}

fn has_text(svg: &str, text: &str) -> bool {
    shapes(svg, "text").iter().any(|shape| shape.text == text)
}

/// Discs of a radius in page units, as places.
fn discs(svg: &str, radius: f64) -> Vec<(f64, f64)> {
    let circles = shapes(svg, "circle");
    let alike = circles.iter().filter(|c| c.number("r") == radius * 10.0);
    alike.map(|c| (c.number("cx"), c.number("cy"))).collect()
}

/// Polygons of a colour, as left, top, right and bottom.
fn areas(svg: &str, colour: &str) -> Vec<[f64; 4]> {
    let polygons = shapes(svg, "polygon");
    let alike = polygons.iter().filter(|p| p.attributes["fill"] == colour);
    alike.map(Shape::bounds).collect()
}

#[test]
fn final_errors_lie_at_their_depths_and_percentages() {
    let mut setup = Setup::new(
        "depth = [20, 32, 44]\nshortcut = [\"A\"]",
        "kind = \"error-vs-depth\"\nshow = \"test\"\ny_min = 0\ny_max = 100",
    );
    // The means are 20, 40 and 80.
    setup.record("ResNet-20", 500, &[90.0, 90.0], &[90.0, 90.0]);
    setup.end("ResNet-20", &[1.0, 1.0], &[15.0, 25.0]);
    setup.end("ResNet-32", &[1.0, 1.0], &[40.0, 40.0]);
    setup.end("ResNet-44", &[1.0, 1.0], &[70.0, 90.0]);
    let svg = setup.svg();
    let means = discs(&svg, 3.2);
    let [(x0, y0), (x1, y1), (x2, y2)] = means[..] else {
        panic!("three means, found {means:?}");
    };
    assert!((x1 - x0 - (x2 - x1)).abs() <= 1.0, "depths are 12 apart");
    // 20 percentage points, then 40.
    assert!((2.0 * (y0 - y1) - (y1 - y2)).abs() <= 2.0 && y0 > y1);
    let seeds = discs(&svg, 1.5);
    let at = |x: f64| {
        seeds
            .iter()
            .filter(|s| s.0 == x)
            .map(|s| s.1)
            .collect::<Vec<_>>()
    };
    let per_point = (y0 - y1) / 20.0;
    for (x, mean, spread) in [(x0, y0, 5.0), (x1, y1, 0.0), (x2, y2, 10.0)] {
        let [one, other] = at(x)[..] else {
            panic!("two seeds at {x}");
        };
        assert!((one - mean - spread * per_point).abs() <= 1.0);
        assert!((other - mean + spread * per_point).abs() <= 1.0);
    }
    for text in [
        "20",
        "32",
        "44",
        "depth (layers)",
        "test error (%)",
        "ResNet",
    ] {
        assert!(has_text(&svg, text), "no text `{text}`");
    }
}

#[test]
fn default_panels_are_training_and_test_error() {
    let mut setup = Setup::new(
        "depth = [20, 32]\nshortcut = [\"none\", \"A\"]",
        "kind = \"error-vs-depth\"",
    );
    setup.end("plain-20", &[3.0, 3.0], &[10.0, 10.0]);
    setup.end("plain-32", &[6.0, 6.0], &[12.0, 12.0]);
    let svg = setup.svg();
    for text in ["training error (%)", "test error (%)"] {
        assert!(has_text(&svg, text), "no text `{text}`");
    }
    assert_eq!(discs(&svg, 3.2).len(), 4);
    assert!(has_text(&svg, "ResNet (no run finished)"));
}

#[test]
fn unfinished_run_has_no_final_error() {
    let axes = "depth = [20, 32]\nshortcut = [\"A\"]";
    for kind in ["error-vs-depth", "heat-map"] {
        let mut setup = Setup::new(axes, &format!("kind = \"{kind}\"\nshow = \"test\""));
        setup.end("ResNet-20", &[1.0, 1.0], &[15.0, 25.0]);
        setup.record("ResNet-32", END - 1, &[60.0, 60.0], &[70.0, 70.0]);
        let svg = setup.svg();
        if kind == "heat-map" {
            assert!(has_text(&svg, "not finished"));
            assert!(has_text(&svg, "20.00") && !has_text(&svg, "70.00"));
        } else {
            assert_eq!(discs(&svg, 3.2).len(), 1);
            assert!(has_text(&svg, "ResNet (1 of 2 depths to come)"));
        }
    }
}

#[test]
fn cells_and_depths_of_runs_that_diverged_say_so() {
    let axes = "depth = [20, 32]\nshortcut = [\"none\", \"A\"]";
    for kind in ["error-vs-depth", "heat-map"] {
        let mut setup = Setup::new(axes, &format!("kind = \"{kind}\"\nshow = \"test\""));
        setup.end("ResNet-20", &[1.0, 1.0], &[15.0, 25.0]);
        setup.end("ResNet-32", &[1.0], &[16.0]);
        setup.end("plain-20", &[1.0, 1.0], &[20.0, 20.0]);
        let diverged = [("ResNet-32", 1, 40), ("plain-32", 0, 3), ("plain-32", 1, 9)];
        for (label, seed, at) in diverged {
            let mut mine = setup.runs.iter().filter(|run| run.label == label);
            let id = mine.nth(seed).expect("a run").id.clone();
            setup.curves.entry(id).or_default().diverged = Some(at);
        }
        let svg = setup.svg();
        let expected: &[&str] = match kind {
            "heat-map" => &[
                "all 2 seeds diverged",
                "at iterations 3 and 9",
                "1 of 2 diverged",
            ],
            _ => &[
                "plain (32 layers: all 2 seeds diverged at iterations 3 and 9)",
                "ResNet (32 layers: 1 of 2 seeds diverged at iteration 40)",
                "diverged",
            ],
        };
        for text in expected {
            assert!(has_text(&svg, text), "{kind}: no text `{text}`");
        }
        assert!(!has_text(&svg, "no data yet") && !has_text(&svg, "not finished"));
    }
}

#[test]
fn a_heat_map_writes_means_and_deviations_on_viridis() {
    let mut setup = Setup::new(
        "depth = [20, 56]\nshortcut = [\"none\", \"A\"]",
        "kind = \"heat-map\"",
    );
    setup.end("plain-20", &[1.0, 1.0], &[11.0, 13.0]);
    setup.end("plain-56", &[1.0, 1.0], &[30.0, 30.0]);
    setup.end("ResNet-20", &[1.0, 1.0], &[10.0, 10.0]);
    let svg = setup.svg();
    // The sample deviation of 11 and 13 is the root of 2.
    for text in [
        "12.00",
        "\u{b1} 1.41",
        "30.00",
        "10.00",
        "no data yet",
        "test error (%)",
    ] {
        assert!(has_text(&svg, text), "no text `{text}`");
    }
    // The ends of the published scale: lowest at the bottom left, highest at the top... and one
    // piece of the colour bar each, which is narrower.
    let cell = |colour: &str| {
        let wide = |area: &&[f64; 4]| area[2] - area[0] > 300.0;
        let areas = areas(&svg, colour);
        *areas
            .iter()
            .find(wide)
            .unwrap_or_else(|| panic!("no cell in {colour}"))
    };
    let (worst, best) = (cell("#FEE825"), cell("#440154"));
    assert!(worst[2] < best[0], "plain is left of ResNet");
    assert!(worst[1] > best[3], "56 is below 20");
    let texts = shapes(&svg, "text");
    let text = |text: &str| {
        texts
            .iter()
            .find(|shape| shape.text == text)
            .expect("written")
    };
    assert_eq!(text("10.00").attributes["fill"], "#FFFFFF");
    assert_eq!(text("30.00").attributes["fill"], "#000000");
    for (text, area) in [(text("10.00"), best), (text("30.00"), worst)] {
        let (x, y) = (text.number("x"), text.number("y"));
        assert!(area[0] < x && x < area[2] && area[1] < y && y < area[3]);
    }
}

#[test]
fn a_heat_map_has_any_two_keys_with_their_values_in_order() {
    let mut setup = Setup::new(
        "depth = [20]\nshortcut = [\"A\"]\nlr = [0.1, 0.01]\nbatch_size = [128, 32]",
        "kind = \"heat-map\"\nrows = \"lr\"\ncolumns = \"batch_size\"",
    );
    setup.end(
        "ResNet-20 batch_size=128 lr=0.1",
        &[1.0, 1.0],
        &[12.0, 12.0],
    );
    setup.end(
        "ResNet-20 batch_size=32 lr=0.01",
        &[1.0, 1.0],
        &[20.0, 20.0],
    );
    let svg = setup.svg();
    let texts = shapes(&svg, "text");
    let at = |wanted: &str| {
        let text = texts.iter().find(|text| text.text == wanted);
        let text = text.unwrap_or_else(|| panic!("no text `{wanted}`"));
        (text.number("x"), text.number("y"))
    };
    assert!(at("0.01").1 < at("0.1").1, "rows ascend from the top");
    assert!(at("32").0 < at("128").0, "columns ascend from the left");
    assert!(at("20.00").1 < at("12.00").1 && at("20.00").0 < at("12.00").0);
    let names = (at("lr"), at("batch_size"));
    assert!(names.0.0 < at("32").0 && names.1.1 > at("0.1").1);
}

#[test]
fn curves_may_show_losses_by_epochs_on_logarithmic_axes() {
    let figure = "measure = \"loss\"\nx = \"epochs\"\nx_scale = \"log\"\ny_scale = \"log\"";
    let mut setup = Setup::new("depth = [20]\nshortcut = [\"A\"]", figure);
    for iteration in [10, 100] {
        setup.record("ResNet-20", iteration, &[90.0, 50.0], &[90.0, 90.0]);
    }
    setup.end("ResNet-20", &[3.0, 5.0], &[15.0, 25.0]);
    let error = setup.draw().expect_err("nobody knows how long an epoch is");
    assert!(
        error
            .to_string()
            .contains("set `x = \"iterations\"` in `[figure]`"),
        "{error}"
    );
    for curves in setup.curves.values_mut() {
        curves.train_images = Some(12_800);
    }
    let svg = setup.svg();
    for text in [
        "epochs",
        "loss",
        "training loss",
        "test loss",
        "0.1",
        "1",
        "10",
        "0.05",
    ] {
        assert!(has_text(&svg, text), "no text `{text}`");
    }
    // A hundredth of the error: 0.04 is the mean of the two seeds. 1000 of 128 images of 12,800.
    assert!(
        svg.contains("training loss 0.040 after 10.0 epochs, test loss 1.000"),
        "{svg}"
    );
    assert!(!svg.contains("error"), "{svg}");
}

#[test]
fn heat_map_cells_never_overlap() {
    for seed in 0..40 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let depths: Vec<String> = (0..rng.random_range(1..8))
            .map(|i| (8 + 6 * (i * 3 + rng.random_range(0..3))).to_string())
            .collect();
        let types = &["\"none\"", "\"A\"", "\"B\"", "\"C\""][..rng.random_range(1..5)];
        let axes = format!(
            "depth = [{}]\nshortcut = [{}]\nlr = [0.1, 0.05]",
            depths.join(", "),
            types.join(", ")
        );
        let mut setup = Setup::new(
            &axes,
            "kind = \"heat-map\"\nfacet = \"lr\"\nshow = \"both\"",
        );
        let labels: Vec<String> = setup.sweep.labels.clone();
        for (index, label) in labels.iter().enumerate() {
            if index > 0 && rng.random_bool(0.2) {
                continue;
            }
            let errors: Vec<f64> = (0..rng.random_range(1..=2))
                .map(|_| rng.random_range(0.0..100.0))
                .collect();
            setup.end(label, &errors, &errors);
        }
        check_cells(&setup.svg());
    }
}

/// Asserts that every text is inside its cell, and that cells do not overlap.
fn check_cells(svg: &str) {
    let polygons = shapes(svg, "polygon");
    let page = polygons[0].bounds();
    let cells: Vec<[f64; 4]> = polygons[1..]
        .iter()
        .map(Shape::bounds)
        .filter(|area| area[2] - area[0] > 300.0)
        .collect();
    assert!(!cells.is_empty());
    for (i, a) in cells.iter().enumerate() {
        assert!(
            a[0] >= page[0] && a[2] <= page[2] && a[3] <= page[3],
            "{a:?}"
        );
        for b in &cells[i + 1..] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{a:?} and {b:?}");
        }
    }
    for text in shapes(svg, "text") {
        let (x, y) = (text.number("x"), text.number("y"));
        let around = cells
            .iter()
            .find(|c| c[0] < x && x < c[2] && c[1] < y && y < c[3]);
        if let Some(cell) = around {
            // The font's characters are half as wide as high on average.
            let half = text.text.chars().count() as f64 * 120.0 / 2.0 * 0.5;
            assert!(
                x - half >= cell[0] && x + half <= cell[2],
                "{} {cell:?}",
                text.text
            );
            assert!(
                y - 60.0 >= cell[1] && y + 60.0 <= cell[3],
                "{} {cell:?}",
                text.text
            );
        }
    }
}

#[test]
fn every_kind_is_drawn_in_the_dark_theme_too() {
    for kind in ["error-vs-depth", "heat-map", "error-vs-iteration"] {
        let figure = format!("kind = \"{kind}\"\ntheme = \"dark\"\npalette = \"okabe-ito\"");
        let mut setup = Setup::new("depth = [20, 32]\nshortcut = [\"A\"]", &figure);
        setup.end("ResNet-20", &[1.0, 2.0], &[15.0, 25.0]);
        let drawing = setup.draw().expect("there is something to draw");
        assert!(
            !drawing.svg.contains("fill=\"#1A1A1A\""),
            "{kind}: ink of the light theme"
        );
        let png = drawing.png().expect("the drawing is sound");
        let image = image::load_from_memory(&png).expect("a PNG").to_rgb8();
        assert_eq!(image.get_pixel(0, 0).0, [24, 26, 31], "{kind}");
    }
}

#[test]
fn layer_responses_are_drawn_in_order_and_sorted() {
    let setup = Setup::new(
        "depth = [8]\nshortcut = [\"none\", \"A\"]\nlayer_stats = [true]",
        "kind = \"layer-responses\"\ny_ticks = [1, 2, 3]",
    );
    let stds = [1.0, 3.0, 2.0, 0.5, 2.5, 1.5, 0.75];
    let mut layers = HashMap::new();
    for run in &setup.runs {
        // Means over the two seeds are the values above.
        let off = if run.config.seed == 1 { 0.25 } else { -0.25 };
        let stats = stds.iter().zip(1..).map(|(std, layer)| LayerStat {
            layer,
            name: format!("conv{layer}"),
            std: std + off,
        });
        layers.insert(run.id.clone(), stats.collect());
    }
    let figure = &setup.sweep.figures[0];
    let svg = draw_layers(&setup.sweep, figure, &setup.runs, &setup.curves, &layers)
        .expect("a figure")
        .svg;
    for text in [
        "plain-8",
        "ResNet-8",
        "standard deviation",
        "layer index",
        "1",
        "2",
        "3",
    ] {
        assert!(has_text(&svg, text), "no text `{text}`");
    }
    // The solid lines of the residual net: heights fall in the second, as in sorted numbers.
    let heights = |line: &Shape| -> Vec<f64> {
        let corners = line.attributes["points"].split_whitespace();
        let ys = corners.filter_map(|corner| corner.split_once(','));
        ys.map(|(_, y)| y.parse().expect("y")).collect()
    };
    let lines: Vec<Vec<f64>> = shapes(&svg, "polyline").iter().map(heights).collect();
    let nets: Vec<&Vec<f64>> = lines
        .iter()
        .filter(|line| line.len() == stds.len())
        .collect();
    let [ordered, sorted] = nets[..] else {
        panic!("two solid lines, found {}", nets.len());
    };
    let unit = (ordered[0] - ordered[1]) / 2.0;
    for (y, std) in ordered.iter().zip(stds) {
        assert!((ordered[0] - y - (std - 1.0) * unit).abs() <= 1.5);
    }
    let offset = sorted[0] - ordered[1];
    let mut falling = stds;
    falling.sort_by(|a, b| b.total_cmp(a));
    for (y, std) in sorted.iter().zip(falling) {
        assert!((y - offset - ordered[0] + (std - 1.0) * unit).abs() <= 1.5);
    }
}

#[test]
fn sixteen_nets_are_named_in_the_margin_of_layer_responses() {
    let setup = Setup::new(
        "depth = [20, 32, 44, 56]\nshortcut = [\"none\", \"A\", \"B\", \"C\"]\nlayer_stats = [true]",
        "kind = \"layer-responses\"\nreference = \"paper\"",
    );
    let layers = flat_responses(&setup, |_| 0.5);
    let figure = &setup.sweep.figures[0];
    let svg = draw_layers(&setup.sweep, figure, &setup.runs, &setup.curves, &layers)
        .expect("a figure")
        .svg;
    let texts = shapes(&svg, "text");
    let right = shapes(&svg, "polyline")
        .iter()
        .map(|line| line.bounds()[2])
        .fold(0.0, f64::max);
    for label in &setup.sweep.labels {
        let xs = texts
            .iter()
            .filter(|text| text.text == label)
            .map(|text| text.number("x"));
        let beside = xs.clone().filter(|x| *x + 30.0 >= right).count();
        assert_eq!((xs.count(), beside), (3, 2), "{label}: legend, two margins");
    }
    // The paper's net of 20 layers goes up to 2.5, outside the range of the others.
    let ticks = texts.iter().filter(|text| text.text == "3").count();
    assert_eq!(ticks, 2, "both axes reach above the paper's curves");
    let marks = shapes(&svg, "polygon");
    let corners = |count: usize| {
        let of = |mark: &&Shape| mark.attributes["points"].split_whitespace().count() == count;
        marks.iter().filter(of).count()
    };
    assert!(corners(3) > 8, "triangles for option C");
}

/// The same response of every layer, for each run.
fn flat_responses(setup: &Setup, std: impl Fn(&Run) -> f64) -> HashMap<RunId, Vec<LayerStat>> {
    let of = |run: &Run| {
        let layers = 1..run.config.configuration.model.depth;
        let stat = |layer| LayerStat {
            layer,
            name: format!("conv{layer}"),
            std: std(run),
        };
        (run.id.clone(), layers.map(stat).collect())
    };
    setup.runs.iter().map(of).collect()
}

#[test]
fn nets_of_one_depth_have_different_colours_in_layer_responses() {
    let setup = Setup::new(
        "depth = [20]\nshortcut = [\"A\"]\nlayer_stats = [true]\nlr = [0.1, 0.2, 0.3]",
        "kind = \"layer-responses\"",
    );
    let layers = flat_responses(&setup, |run| run.config.configuration.train.lr);
    let figure = &setup.sweep.figures[0];
    let svg = draw_layers(&setup.sweep, figure, &setup.runs, &setup.curves, &layers)
        .expect("a figure")
        .svg;
    let lines = shapes(&svg, "polyline");
    let of_19_layers = |line: &&Shape| line.attributes["points"].split_whitespace().count() == 19;
    let colours = lines
        .iter()
        .filter(of_19_layers)
        .map(|line| line.attributes["stroke"]);
    let colours: HashSet<&str> = colours.collect();
    assert_eq!(colours.len(), 3, "{colours:?}");
    assert!(!has_text(&svg, "plain"), "there is no plain net to explain");
}

#[test]
fn one_net_with_huge_responses_does_not_flatten_the_others() {
    let setup = Setup::new(
        "depth = [8, 14, 20]\nshortcut = [\"A\"]\nlayer_stats = [true]",
        "kind = \"layer-responses\"",
    );
    let is_deepest = |run: &Run| run.config.configuration.model.depth == 20;
    let layers = flat_responses(&setup, |run| if is_deepest(run) { 9e4 } else { 1.9 });
    let figure = &setup.sweep.figures[0];
    let svg = draw_layers(&setup.sweep, figure, &setup.runs, &setup.curves, &layers)
        .expect("a figure")
        .svg;
    assert!(has_text(&svg, "2") && !has_text(&svg, "100000"), "{svg}");
    assert!(has_text(&svg, "+ 1 off scale"), "{svg}");
}

#[test]
fn one_huge_loss_does_not_flatten_the_other_curves() {
    for scale in ["linear", "log"] {
        let mut setup = Setup::new(
            "depth = [20, 56]\nshortcut = [\"A\"]",
            &format!("measure = \"loss\"\ny_scale = \"{scale}\""),
        );
        for label in ["ResNet-20", "ResNet-56"] {
            setup.record(label, 10, &[250.0, 250.0], &[90.0, 90.0]);
            setup.end(label, &[90.0, 90.0], &[50.0, 50.0]);
        }
        let run = setup.runs.iter().find(|run| run.label == "ResNet-56");
        let id = run.expect("a run of 56 layers").id.clone();
        setup.curves.get_mut(&id).expect("curves").eval[0].loss = 1e12;
        let svg = setup.svg();
        assert!(has_text(&svg, "2") && has_text(&svg, "1"), "{scale}: {svg}");
        let names = ["56-layer", "20-layer"].map(|name| has_text(&svg, name));
        assert_eq!(names, [true, true], "{scale}: both ends are in the frame");
    }
}

#[test]
fn layer_responses_without_measurements_say_what_to_do() {
    let mut setup = Setup::new(
        "depth = [8]\nshortcut = [\"A\"]\nlayer_stats = [true]",
        "kind = \"layer-responses\"",
    );
    setup.end("ResNet-8", &[1.0], &[1.0]);
    let figure = &setup.sweep.figures[0];
    let errors = [
        setup.draw().expect_err("nothing is measured"),
        draw_layers(
            &setup.sweep,
            figure,
            &setup.runs,
            &setup.curves,
            &HashMap::new(),
        )
        .expect_err("the same"),
    ];
    for error in errors {
        assert_eq!(
            error.to_string(),
            "no run of sweep `kinds` has measured its layers yet, which is done at the end of a run \
             with `layer_stats = true` in `[train]`; train it with `resweep run`"
        );
    }
}

/// A quick sweep with every kind of figure.
const TINY: &str = r#"[sweep]
name = "tiny"
repeats = 2

[data]
dataset = "folder"
path = "images"

[model]
image_size = 8
width = 4

[train]
iterations = 4
batch_size = 8
lr = 0.05
layer_stats = true

[axes]
shortcut = ["none", "A"]
depth = [8, 14]

[[figure]]
name = "depth"
kind = "error-vs-depth"

[[figure]]
name = "heat"
kind = "heat-map"
facet = "shortcut"

[[figure]]
name = "layers"
kind = "layer-responses"

[[figure]]
name = "small"
facet = "depth"
"#;

#[test]
fn the_program_draws_every_kind_of_figure_of_a_sweep() {
    let place = Workplace::trained("tiny.toml", TINY);
    let folder = place.path().join("results/tiny");
    let svg = |name: &str| {
        let path = folder.join(format!("{name}.svg"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    // Four means in each of two panels; all runs are finished.
    assert_eq!(discs(&svg("depth"), 3.2).len(), 8);
    assert!(!svg("depth").contains("so far"));
    let store = place.rows(
        "results",
        "SELECT round(avg(error_percent), 6) FROM current_trainings
         JOIN eval_metrics ON training_id = current_trainings.id
         JOIN runs ON runs.id = run_id
         WHERE iteration = 4 AND name = 'plain-8'",
    );
    let mean = f64::from_bits(u64::from_str_radix(&store[0], 16).expect("a number"));
    assert!(has_text(&svg("heat"), &format!("{mean:.2}")), "{mean}");
    assert!(has_text(&svg("layers"), "layer index, sorted by size"));
    assert!(has_text(&svg("small"), "8 layers") && has_text(&svg("small"), "14 layers"));
    for name in ["depth", "heat", "layers", "small"] {
        assert!(folder.join(format!("{name}.png")).exists());
    }
}

#[test]
fn paper_errors_are_drawn_behind_ours_on_request() {
    let axes = "depth = [20, 56]\nshortcut = [\"none\", \"A\"]";
    let svg = |reference: &str| {
        let figure = format!("kind = \"error-vs-depth\"\nshow = \"test\"\n{reference}");
        let mut setup = Setup::new(axes, &figure);
        setup.end("plain-20", &[1.0, 1.0], &[9.0, 9.0]);
        setup.svg()
    };
    let with = svg("reference = \"paper\"");
    // Depths 20 to 56 of both kinds of nets.
    assert_eq!(discs(&with, 2.2).len(), 8);
    assert!(has_text(&with, "paper, plain") && has_text(&with, "paper, ResNet"));
    assert!(with.contains("64,000"));
    let without = svg("");
    assert_eq!(discs(&without, 2.2).len(), 0);
    assert!(!without.contains("paper"));
}
