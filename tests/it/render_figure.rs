//! Figures through the public interface: texts, positions and errors.

use crate::support::pictures::{Setup, flat};
use image::RgbImage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep_core::domain::{Curves, Palette, Reference, Shortcut, Show, Theme};
use resweep_figures::{Drawing, PIXELS_PER_UNIT, RenderError};

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
fn running_sweep_shows_its_progress() {
    let mut setup = Setup::new(2);
    let part = Some((vec![(1000, 60.0)], vec![]));
    let plain = [
        setup.add(20, Shortcut::None, &[flat(5.0, 10.0), part]),
        setup.add(56, Shortcut::None, &[flat(5.0, 10.0), None]),
        setup.add(110, Shortcut::None, &[None, None]),
    ];
    setup.panel(Show::Both, None, &plain);
    let svg = setup.svg();
    let texts: Vec<String> = boxes(&svg).1.into_iter().map(|(_, text)| text).collect();
    assert!(
        texts
            .join(" ")
            .contains("3 of 6 runs so far \u{b7} 1 run incomplete")
    );
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
fn curves_of_one_depth_are_distinguished() {
    let mut setup = Setup::new(1);
    let shortcuts = [Shortcut::A, Shortcut::B, Shortcut::C];
    let all = shortcuts.map(|shortcut| setup.add(56, shortcut, &[flat(5.0, 10.0)]));
    setup.panel(Show::Test, None, &all);
    let svg = setup.svg();
    for (colour, label) in [
        ("#1F77C8", "ResNet-56"),
        ("#FF7F0E", "ResNet-56 B"),
        ("#7642B4", "ResNet-56 C"),
    ] {
        assert!(svg.contains(&format!("stroke=\"{colour}\"")), "{label}");
        let times = svg.matches(&format!(">\n{label}\n<")).count();
        assert_eq!(times, 2, "{label} is in the legend and beside the curve");
    }
    assert!(!svg.contains("-layer"));
}

#[test]
fn curves_off_the_scale_are_counted_not_named() {
    let mut setup = Setup::new(1);
    let shown = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    let off = setup.add(110, Shortcut::None, &[flat(80.0, 90.0)]);
    let waiting = setup.add(56, Shortcut::None, &[None]);
    setup.panel(Show::Both, Some(20.0), &[off, shown, waiting]);
    let texts = texts(&setup.svg());
    let legend = ["plain-20", "plain-56 (no data yet)", "+ 1 off scale"];
    for text in legend {
        assert!(texts.iter().any(|other| other == text), "{text}: {texts:?}");
    }
    assert!(texts.iter().any(|text| text == "20-layer"));
    assert!(!texts.iter().any(|text| text.contains("110")), "{texts:?}");
}

#[test]
fn non_finite_values_are_skipped() {
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
    setup.curves.insert(id.clone(), Curves::default());
    assert!(matches!(
        setup.draw(),
        Err(RenderError::NothingRecorded { .. })
    ));
    // An attempt that failed before its first point.
    let curves = Curves {
        measured: Some("2015-12-10".to_owned()),
        ..Curves::default()
    };
    setup.curves.insert(id, curves);
    let error = setup.draw().expect_err("nothing is measured");
    assert_eq!(
        error.to_string(),
        "no run of sweep `fig6` has a measurement yet; see `resweep status fig6`"
    );
    setup.sweep.figures[0].panels.clear();
    assert!(matches!(
        setup.draw(),
        Err(RenderError::NothingShown { .. })
    ));
}

/// The page and the box of every text in an SVG, as (left, top, right, bottom) in page units. A
/// letter's box is as high as its font; one that reads upwards is turned.
fn boxes(svg: &str) -> ([f64; 2], Vec<([f64; 4], String)>) {
    let number = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split('"').next()?.parse::<f64>().ok()
    };
    let page = ["width", "height"].map(|side| number(svg, side).expect("the page's size"));
    let texts = svg.split("<text").skip(1).map(|element| {
        let (tag, rest) = element.split_once('>').expect("the tag's end");
        let text = rest.split("</text>").next().expect("a text").trim();
        let text = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&apos;", "'"),
            ("&amp;", "&"),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let value = |name| number(tag, name).expect("a number") / 10.0;
        let (x, y, size) = (value("x"), value("y"), value("font-size"));
        let long = advance(&text, size, tag.contains("bold"));
        let left = match tag {
            _ if tag.contains("\"start\"") => 0.0,
            _ if tag.contains("\"end\"") => -long,
            _ => -long / 2.0,
        };
        let (low, high) = (-0.6 * size, 0.4 * size);
        let place = if tag.contains("rotate") {
            [x + low, y + left, x + high, y + left + long]
        } else {
            [x + left, y + low, x + left + long, y + high]
        };
        (place, text)
    });
    (page, texts.collect())
}

/// The width of a text in the figures' font.
fn advance(text: &str, size: f64, bold: bool) -> f64 {
    use skrifa::MetadataProvider;
    let file = if bold {
        notosans::BOLD_TTF
    } else {
        notosans::REGULAR_TTF
    };
    let font = skrifa::FontRef::new(file).expect("the embedded font");
    let location = skrifa::instance::LocationRef::default();
    let metrics = font.glyph_metrics(skrifa::instance::Size::new(size as f32), location);
    let letters = text.chars().map(|letter| {
        let glyph = font.charmap().map(letter);
        let advance = glyph.and_then(|glyph| metrics.advance_width(glyph));
        advance.map_or(size, f64::from)
    });
    letters.sum()
}

/// A figure of 1 to 12 curves with random ends and hostile names in 1 to 6 panels.
fn hostile(rng: &mut ChaCha8Rng) -> Setup {
    let names = [
        "ResNet-56",
        "B",
        "W",
        "lr=0.05",
        "\u{6df1}\u{5ea6}",
        "train.weight_decay=0.0001",
    ];
    let mut setup = Setup::new(1);
    setup.sweep.figures[0].reference = Reference::Paper;
    let count = rng.random_range(1..=12);
    let all: Vec<usize> = (0..count)
        .map(|i| {
            let last = rng.random_range(1..=64_000);
            let end = rng.random_range(0.0..30.0);
            let line = vec![(last / 2, 90.0), (last, end)];
            let depth = [20, 32, 44, 56, 110, 1202, 26, 38, 50, 62, 68, 74][i];
            setup.add(depth, Shortcut::A, &[Some((line.clone(), line))])
        })
        .collect();
    for label in &mut setup.sweep.labels {
        let words = rng.random_range(0..4);
        for _ in 0..words {
            label.push(if rng.random_bool(0.5) { ' ' } else { '-' });
            label.push_str(&names[rng.random_range(0..names.len())].repeat(rng.random_range(1..9)));
        }
    }
    for _ in 0..rng.random_range(1..=6) {
        let show = [Show::Both, Show::Train, Show::Test][rng.random_range(0..3)];
        let first = rng.random_range(0..all.len());
        let y_max = rng.random_bool(0.5).then_some(20.0);
        setup.panel(show, y_max, &all[first..]);
        let title = names[rng.random_range(0..names.len())].repeat(rng.random_range(0..20));
        setup.panels().last_mut().expect("a panel").title = Some(title);
    }
    setup
}

#[test]
fn no_text_of_any_figure_leaves_the_page_or_covers_another() {
    for seed in 0..16 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (page, boxes) = boxes(&hostile(&mut rng).svg());
        for (i, (a, text)) in boxes.iter().enumerate() {
            let inside = a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= page[0] && a[3] <= page[1];
            assert!(inside, "`{text}` at {a:?} leaves the page of {page:?}");
            for (b, other) in &boxes[i + 1..] {
                // places are tenths of a unit
                let apart =
                    |low: usize, high: usize| a[high] <= b[low] + 0.2 || b[high] <= a[low] + 0.2;
                assert!(
                    apart(0, 2) || apart(1, 3),
                    "`{text}` covers `{other}`: {a:?} {b:?}"
                );
            }
        }
    }
}

#[test]
fn paper_curves_are_drawn_behind_and_labelled() {
    let mut setup = Setup::new(1);
    let plain = setup.add(56, Shortcut::None, &[flat(5.0, 10.0)]);
    let projected = setup.add(56, Shortcut::B, &[flat(5.0, 10.0)]);
    setup.panel(Show::Both, Some(20.0), &[plain]);
    assert!(!setup.svg().contains("paper"));
    setup.sweep.figures[0].reference = Reference::Paper;
    let svg = setup.svg();
    for text in [
        "paper 56",
        "the paper's curves",
        "grey: the paper's curves (CIFAR-10, 64,000 iterations)",
    ] {
        let escaped = text.replace('\'', "&apos;");
        assert!(
            svg.contains(text) || svg.contains(&escaped),
            "no text `{text}`"
        );
    }
    let grey = svg.find("#A5A5A5").expect("a grey line");
    let own = svg
        .rfind("stroke=\"#E20000\" stroke-width=\"20\"")
        .expect("test error");
    assert!(grey < own, "the figure's own curves are drawn later");
    setup.panels()[0].configurations = vec![projected];
    let svg = setup.svg();
    assert!(svg.contains("the paper shows no curves of these nets"));
    assert!(!svg.contains("#A5A5A5"));
}

#[test]
fn paper_iterations_are_scaled_only_on_request() {
    let mut setup = Setup::new(1);
    let line = vec![(10, 60.0), (640, 15.0)];
    let short = setup.add(20, Shortcut::A, &[Some((line.clone(), line))]);
    setup.sweep.configurations[0].train.iterations = 640;
    setup.panel(Show::Test, Some(20.0), &[short]);
    setup.sweep.figures[0].reference = Reference::Paper;
    // within 640 iterations the paper's error is above 20 %
    assert!(!setup.svg().contains("paper 20"));
    setup.sweep.figures[0].reference = Reference::PaperScaled;
    let svg = setup.svg();
    assert!(svg.contains("paper 20") && svg.contains("64,000 iterations scaled"));
}

#[test]
fn caption_names_smoothing_and_date() {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    setup.panel(Show::Both, None, &[plain]);
    let svg = setup.svg();
    assert!(!svg.contains("moving mean") && !svg.contains("measured"));
    setup.sweep.figures[0].smoothing = 5;
    for curves in setup.curves.values_mut() {
        curves.measured = Some("2015-12-10".to_owned());
    }
    let svg = setup.svg();
    assert!(svg.contains("training error is a moving mean of 5 points"));
    assert!(svg.contains("last measured 2015-12-10"));
}

#[test]
fn a_spike_of_one_point_among_many_is_drawn_and_the_file_stays_small() {
    let mut setup = Setup::new(1);
    let line = |spike: u64| -> Vec<(u64, f64)> {
        (1..=200_000)
            .map(|i| {
                (
                    i,
                    if i == spike {
                        80.0
                    } else {
                        10.0 + (i % 7) as f64
                    },
                )
            })
            .collect()
    };
    let many = setup.add(20, Shortcut::None, &[Some((line(123_456), vec![]))]);
    setup.sweep.configurations[0].train.iterations = 200_000;
    setup.panel(Show::Train, Some(100.0), &[many]);
    let svg = setup.svg();
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    let highest = |svg: &str| -> f64 {
        let lines = svg
            .split("<polyline")
            .filter(|line| line.contains("#BFBF00"));
        let long = lines.filter(|line| line.len() > 1000);
        let points = long.flat_map(|line| {
            let (_, points) = line.split_once("points=\"").expect("points");
            let points = points.split('"').next().expect("the end");
            points
                .split_whitespace()
                .filter_map(|p| p.split(',').nth(1)?.parse::<f64>().ok())
        });
        points.fold(f64::INFINITY, f64::min)
    };
    let curves = setup.curves.values_mut().next().expect("a run");
    curves.train = curves
        .train
        .iter()
        .copied()
        .filter(|p| p.iteration != 123_456)
        .collect();
    // a fifth of the axis is more than 40 units, each of ten
    assert!(highest(&setup.svg()) > highest(&svg) + 400.0);
}

#[test]
fn the_dark_theme_and_the_other_palette_change_nothing_but_colours() {
    let mut setup = Setup::new(1);
    let nets = [20, 56].map(|depth| setup.add(depth, Shortcut::A, &[flat(5.0, 10.0)]));
    setup.panel(Show::Both, Some(20.0), &nets);
    let light = setup.svg();
    setup.sweep.figures[0].style.theme = Theme::Dark;
    setup.sweep.figures[0].style.palette = Palette::OkabeIto;
    let dark = setup.svg();
    assert!(dark.contains("#181A1F") && dark.contains("#E69F00") && dark.contains("#D55E00"));
    let colourless = |svg: &str| -> String {
        let mut parts = svg.split('#');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + &part[6..])
    };
    assert_eq!(colourless(&light), colourless(&dark));
}

/// Marks the runs of a configuration as diverged, seed by seed.
fn diverge(setup: &mut Setup, configuration: usize, at: &[Option<u64>]) {
    let runs = setup.runs.iter();
    let ids: Vec<_> = runs
        .filter(|run| run.configuration == configuration)
        .map(|run| run.id.clone())
        .collect();
    for (id, at) in ids.into_iter().zip(at) {
        setup.curves.entry(id).or_default().diverged = *at;
    }
}

fn texts(svg: &str) -> Vec<String> {
    boxes(svg).1.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_diverged_run_is_named_with_its_iteration_and_marked() {
    let mut setup = Setup::new(1);
    let fine = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    let line = vec![(1000, 60.0), (2000, 80.0)];
    let marked = setup.add(56, Shortcut::None, &[Some((line.clone(), line))]);
    let at_once = setup.add(110, Shortcut::None, &[None]);
    diverge(&mut setup, marked, &[Some(2345)]);
    diverge(&mut setup, at_once, &[Some(3)]);
    setup.panel(Show::Both, None, &[fine, marked, at_once]);
    let svg = setup.svg();
    let texts = texts(&svg);
    for expected in [
        "plain-56 (diverged at iteration 2345)",
        "56-layer: diverged at iteration 2345",
        "plain-110 (diverged at iteration 3, before the first point)",
        "diverged",
    ] {
        assert!(texts.iter().any(|text| text == expected), "{texts:#?}");
    }
    let caption = texts.join(" ");
    assert!(caption.contains("2 runs diverged at iterations 3 and 2345"));
    assert!(!caption.contains("so far") && !caption.contains("incomplete"));
}

#[test]
fn figure_says_if_all_runs_diverged_before_a_point() {
    let mut setup = Setup::new(2);
    let all = setup.add(56, Shortcut::None, &[None, None]);
    diverge(&mut setup, all, &[Some(3), Some(7)]);
    setup.panel(Show::Both, None, &[all]);
    let texts = texts(&setup.svg()).join(" ");
    let expected = "all 2 seeds diverged at iterations 3 and 7, before the first point";
    assert!(texts.contains(expected), "{texts}");
    assert!(
        texts.contains("all 2 runs diverged at iterations 3 and 7"),
        "{texts}"
    );
}

#[test]
fn diverged_seed_does_not_truncate_the_mean() {
    let last_point = |is_diverged: bool| {
        let mut setup = Setup::new(3);
        let early = vec![(1000, 60.0), (2000, 90.0)];
        let seeds = [
            flat(20.0, 30.0),
            flat(22.0, 34.0),
            Some((early.clone(), early)),
        ];
        let net = setup.add(56, Shortcut::None, &seeds);
        if is_diverged {
            diverge(&mut setup, net, &[None, None, Some(2100)]);
        }
        setup.panel(Show::Both, None, &[net]);
        let svg = setup.svg();
        (svg.contains("test error 32.00 % at iteration 64000"), svg)
    };
    assert!(
        !last_point(false).0,
        "three seeds share only the first point"
    );
    let (is_whole, svg) = last_point(true);
    assert!(is_whole, "the mean of the other two goes to the end");
    let texts = texts(&svg);
    let legend = "plain-56 (1 of 3 seeds diverged at iteration 2100)";
    assert!(texts.iter().any(|text| text == legend), "{texts:#?}");
    assert!(texts.iter().any(|text| text == "56-layer"), "{texts:#?}");
}

#[test]
fn a_run_that_only_guesses_is_counted_in_the_caption() {
    let mut setup = Setup::new(2);
    let net = setup.add(56, Shortcut::None, &[flat(90.0, 90.0), flat(50.0, 60.0)]);
    setup.panel(Show::Both, None, &[net]);
    assert!(
        texts(&setup.svg())
            .join(" ")
            .contains("1 run no better than chance")
    );
}

#[test]
fn a_single_point_is_a_ring_for_training_and_a_disc_for_test_error() {
    let mut setup = Setup::new(1);
    let one = Some((vec![(64_000, 40.0)], vec![(64_000, 60.0)]));
    let net = setup.add(20, Shortcut::None, &[one]);
    setup.panel(Show::Both, Some(100.0), &[net]);
    let svg = setup.svg();
    let circles: Vec<&str> = svg
        .lines()
        .filter(|line| line.starts_with("<circle"))
        .collect();
    let rings = |colour: &str| {
        let ring = format!("fill=\"none\" stroke=\"{colour}\"");
        circles
            .iter()
            .filter(|circle| circle.contains(&ring))
            .count()
    };
    let discs = |colour: &str| {
        let disc = format!("fill=\"{colour}\"");
        circles
            .iter()
            .filter(|circle| circle.contains(&disc))
            .count()
    };
    assert_eq!((rings("#BFBF00"), discs("#BFBF00")), (1, 1), "{circles:#?}");
    assert_eq!(
        (rings("#1A1A1A"), discs("#1A1A1A")),
        (1, 1),
        "the key: {circles:#?}"
    );
}

#[test]
fn labels_and_titles_stay_distinct() {
    let mut setup = Setup::new(1);
    let mut all = Vec::new();
    for n in 0..16 {
        all.push(setup.add(
            8,
            Shortcut::None,
            &[flat(5.0 + f64::from(n), 10.0 + f64::from(n))],
        ));
        setup.sweep.labels[n as usize] = format!(
            "plain-8 batch_size={} lr={} momentum={} weight_decay={}",
            [16, 32][n as usize & 1],
            ["0.1", "0.05"][n as usize >> 1 & 1],
            ["0.9", "0.95"][n as usize >> 2 & 1],
            ["0.0001", "0.0005"][n as usize >> 3]
        );
    }
    for version in ["one", "two", "six"] {
        setup.panel(Show::Test, None, &all);
        setup.panels().last_mut().expect("a panel").title = Some(format!(
            "path = pictures-of-last-summer-at-the-sea/version-{version}"
        ));
    }
    let texts = texts(&setup.svg());
    let count = |text: &str| texts.iter().filter(|other| *other == text).count();
    for text in texts.iter().filter(|text| text.contains("0.000")) {
        // in the legend of each of three panels, and beside its end where there is room
        assert!(
            [3, 6].contains(&count(text)),
            "`{text}` {} times",
            count(text)
        );
    }
    let titles: Vec<&String> = texts.iter().filter(|text| text.contains("path")).collect();
    assert_eq!(titles.len(), 3);
    assert!(titles.iter().all(|title| count(title) == 1), "{titles:?}");
}

#[test]
fn hundreds_of_curves_have_a_legend_of_a_few_lines() {
    let mut setup = Setup::new(1);
    let nets: Vec<usize> = (0..200)
        .map(|n| setup.add(8 + 6 * n, Shortcut::A, &[flat(5.0, 10.0 + n as f64 / 10.0)]))
        .collect();
    setup.panel(Show::Test, None, &nets);
    let svg = setup.svg();
    let (page, boxes) = boxes(&svg);
    assert!(boxes.iter().any(|(_, text)| text == "+ 188 more"));
    assert!(page[1] < 700.0, "{page:?}");
}

#[test]
fn svg_has_a_text_alternative() {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[flat(5.0, 10.25)]);
    setup.panel(Show::Both, Some(20.0), &[plain]);
    let svg = setup.svg();
    assert!(svg.lines().next().expect("a line").contains("role=\"img\""));
    let title = svg.find("<title>Plain &amp; residual &lt;networks&gt;</title>");
    let words = "plain-20: training error 5.00 % at iteration 64000, test error 10.25 % at \
                 iteration 64000";
    let words = svg.find(words).expect("the final errors");
    let (begin, end) = (svg.find("<desc>"), svg.find("</desc>"));
    assert!(title < begin && begin < Some(words) && Some(words) < end);
}

#[test]
fn characters_that_the_embedded_fonts_lack_are_named() {
    let mut setup = Setup::new(1);
    let plain = setup.add(20, Shortcut::None, &[flat(5.0, 10.0)]);
    setup.panel(Show::Both, None, &[plain]);
    setup.sweep.title =
        Some("Глубина \u{5e2}\u{5d1} \u{639}\u{645} \u{211d}\u{207b} ∑→".to_owned());
    assert!(
        setup
            .draw()
            .expect("a drawing")
            .unknown_characters()
            .is_empty()
    );
    setup.sweep.title = Some("深さ \u{1f680}".to_owned());
    let unknown = setup.draw().expect("a drawing").unknown_characters();
    assert_eq!(unknown.into_iter().collect::<String>(), "さ深\u{1f680}");
}
