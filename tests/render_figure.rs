//! Figures through the public interface: what they say, what they show and what they refuse.

mod pictures;

use image::RgbImage;
use pictures::{Setup, flat};
use resweep::domain::{Curves, Shortcut, Show};
use resweep::render::{Drawing, PIXELS_PER_UNIT, RenderError};

fn pixels(drawing: &Drawing) -> RgbImage {
    let png = drawing.png().expect("the drawing is sound");
    image::load_from_memory(&png).expect("a PNG").to_rgb8()
}

/// The row of the image with the most pixels of a colour, and their number.
fn densest_row(image: &RgbImage, colour: [u8; 3]) -> (u32, usize) {
    let count = |row: u32| {
        (0..image.width())
            .filter(|&x| image.get_pixel(x, row).0 == colour)
            .count()
    };
    let rows = (0..image.height()).map(|row| (row, count(row)));
    rows.max_by_key(|(_, count)| *count).unwrap_or((0, 0))
}

#[test]
fn a_figure_names_its_curves_axes_and_lines() {
    let mut setup = Setup::new(1);
    let plain = [20, 56].map(|depth| setup.add(depth, Shortcut::None, &[flat(5.0, 10.0)]));
    setup.panel(Show::Both, Some(20.0), &plain);
    let svg = setup.svg();
    for text in [
        "plain-20",
        "plain-56",
        "20-layer",
        "56-layer",
        "iter. (1e4)",
        "error (%)",
        "training error",
        "test error",
        "Plain &amp; residual &lt;networks&gt;",
        "sweep fig6 \u{b7} CIFAR-10 \u{b7} seed 0",
    ] {
        assert!(svg.contains(&format!(">\n{text}\n<")), "no text `{text}`");
    }
    for colour in ["#BFBF00", "#E20000"] {
        assert!(
            svg.contains(&format!("stroke=\"{colour}\"")),
            "no line in {colour}"
        );
    }
    assert!(!svg.contains("so far") && !svg.contains("incomplete"));
}

#[test]
fn lines_lie_where_their_errors_are() {
    let mut setup = Setup::new(1);
    let high = setup.add(20, Shortcut::None, &[flat(75.0, 75.0)]);
    let low = setup.add(56, Shortcut::None, &[flat(25.0, 25.0)]);
    let middle = setup.add(110, Shortcut::None, &[flat(50.0, 50.0)]);
    setup.panel(Show::Test, Some(100.0), &[high, low, middle]);
    let drawing = setup.draw().expect("there is something to draw");
    let image = pixels(&drawing);
    let (yellow, yellows) = densest_row(&image, [191, 191, 0]);
    let (red, reds) = densest_row(&image, [226, 0, 0]);
    assert!(yellows > 600 && reds > 600, "{yellows} and {reds} pixels");
    assert!(yellow < red);
    let half_way = (yellow + red) / 2;
    let is_black = |row: u32| image.get_pixel(image.width() / 2, row).0 == [0, 0, 0];
    assert!(
        (half_way - 2..=half_way + 2).any(is_black),
        "50 % is half-way"
    );
    let corner = image.get_pixel(0, 0).0;
    assert_eq!(corner, [255, 255, 255]);
}

#[test]
fn the_png_is_the_svg_at_twice_its_size() {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    for panels in 1..=3 {
        setup.panel(Show::Both, None, &[plain]);
        let drawing = setup.draw().expect("there is something to draw");
        let (width, height) = pixels(&drawing).dimensions();
        assert_eq!((width % PIXELS_PER_UNIT, height % PIXELS_PER_UNIT), (0, 0));
        let size = format!(
            "<svg width=\"{}\" height=\"{}\"",
            width / PIXELS_PER_UNIT,
            height / PIXELS_PER_UNIT
        );
        assert!(drawing.svg.starts_with(&size), "{panels} panels: {size}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let build = || {
        let mut setup = Setup::new(3);
        let seeds = [flat(5.0, 10.0), flat(6.0, 12.0), flat(4.0, 9.0)];
        let plain = [20, 26, 56].map(|depth| setup.add(depth, Shortcut::None, &seeds));
        setup.panel(Show::Both, None, &plain);
        setup.draw().expect("there is something to draw")
    };
    let (first, second) = (build(), build());
    assert_eq!(first, second);
    assert_eq!(first.png().expect("a PNG"), second.png().expect("a PNG"));
}

#[test]
fn a_running_sweep_says_how_far_it_is() {
    let mut setup = Setup::new(2);
    let part = Some((vec![(1000, 60.0)], vec![]));
    let plain = [
        setup.add(20, Shortcut::None, &[flat(5.0, 10.0), part]),
        setup.add(56, Shortcut::None, &[flat(5.0, 10.0), None]),
        setup.add(110, Shortcut::None, &[None, None]),
    ];
    setup.panel(Show::Both, None, &plain);
    let svg = setup.svg();
    assert!(svg.contains("3 of 6 runs so far \u{b7} 1 run incomplete"));
    assert!(svg.contains("plain-56 (1 of 2 seeds)"));
    assert!(svg.contains("plain-110 (no data yet)"));
    assert!(!svg.contains("110-layer"));
}

#[test]
fn the_spread_over_seeds_is_shaded_and_explained() {
    let mut setup = Setup::new(2);
    let plain = setup.add(56, Shortcut::None, &[flat(20.0, 40.0), flat(30.0, 60.0)]);
    setup.panel(Show::Test, Some(100.0), &[plain]);
    let svg = setup.svg();
    assert!(svg.contains("<polygon opacity=\"0.18\" fill=\"#E20000\""));
    assert!(svg.contains("lowest to highest seed"));
    assert!(svg.contains("2 seeds (0, 1): lines are means, bands span the lowest to the highest"));
}

#[test]
fn curves_of_one_depth_are_told_apart() {
    let mut setup = Setup::new(1);
    let shortcuts = [Shortcut::A, Shortcut::B, Shortcut::C];
    let all = shortcuts.map(|shortcut| setup.add(56, shortcut, &[flat(5.0, 10.0)]));
    setup.panel(Show::Test, None, &all);
    let svg = setup.svg();
    for (colour, label) in [
        ("#E20000", "ResNet-56"),
        ("#1F77C8", "ResNet-56 B"),
        ("#FF7F0E", "ResNet-56 C"),
    ] {
        assert!(svg.contains(&format!("stroke=\"{colour}\"")), "{label}");
        let times = svg.matches(&format!(">\n{label}\n<")).count();
        assert_eq!(times, 2, "{label} is in the legend and beside the curve");
    }
    assert!(!svg.contains("-layer"));
}

#[test]
fn a_curve_off_the_scale_is_named_in_the_legend_only() {
    let mut setup = Setup::new(1);
    let shown = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    let off = setup.add(110, Shortcut::None, &[flat(80.0, 90.0)]);
    setup.panel(Show::Both, Some(20.0), &[shown, off]);
    let svg = setup.svg();
    assert!(svg.contains("plain-110 (off scale)"));
    assert!(svg.contains("20-layer") && !svg.contains("110-layer"));
}

#[test]
fn values_that_are_not_finite_are_left_out() {
    let mut setup = Setup::new(1);
    let line = vec![(1000, 50.0), (2000, f64::NAN), (3000, f64::INFINITY)];
    let diverged = setup.add(20, Shortcut::None, &[Some((line.clone(), line))]);
    let never = vec![(1000, f64::NAN)];
    let only_nan = setup.add(56, Shortcut::None, &[Some((never.clone(), never))]);
    setup.panel(Show::Both, None, &[diverged, only_nan]);
    let drawing = setup.draw().expect("one point can be drawn");
    assert!(drawing.svg.contains("<circle"));
    assert!(!drawing.svg.contains("NaN") && !drawing.svg.contains("inf"));
    pixels(&drawing);
}

#[test]
fn degenerate_panels_are_drawn_without_panic() {
    let mut setup = Setup::new(1);
    let ends = Some((vec![(0, 0.0)], vec![(0, 0.0), (0, 0.0)]));
    let zero = setup.add(20, Shortcut::None, &[ends]);
    let many: Vec<usize> = (0..30)
        .map(|n| setup.add(26 + 6 * n, Shortcut::A, &[flat(5.0, 10.0)]))
        .collect();
    setup.panel(Show::Both, None, &[zero]);
    setup.panel(Show::Test, Some(f64::NAN), &[zero, 999]);
    setup.panel(Show::Train, Some(-5.0), &many);
    setup.panel(Show::Both, None, &[]);
    pixels(&setup.draw().expect("there is something to draw"));
    setup.sweep.title = Some(String::new());
    setup.sweep.labels.clear();
    setup.sweep.seeds.clear();
    pixels(&setup.draw().expect("there is something to draw"));
}

#[test]
fn a_sweep_without_records_says_what_to_do() {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[None]);
    setup.panel(Show::Both, None, &[plain]);
    let error = setup.draw().expect_err("nothing is recorded");
    assert_eq!(
        error.to_string(),
        "no run of sweep `fig6` has been recorded yet; run it with `resweep run` and its sweep file"
    );
    let id = setup.runs[0].id.clone();
    setup.curves.insert(id, Curves::default());
    assert!(matches!(
        setup.draw(),
        Err(RenderError::NothingRecorded { .. })
    ));
    setup.sweep.figures[0].panels.clear();
    assert!(matches!(
        setup.draw(),
        Err(RenderError::NothingShown { .. })
    ));
}
