//! Reads sweep files: the message for every mistake, the experiments, and robustness against
//! arbitrary bytes.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep_core::domain::{Configuration, Show, Sweep, Validation, Warmup, WarmupEnd};
use resweep_core::sweep_file::{self, SweepFileError};

/// A valid sweep.
const SWEEP: &str = r#"[sweep]
name = "example"

[data]
dataset = "synthetic"

[model]
image_size = 16

[train]
iterations = 1000
lr = 0.1

[axes]
depth = [20, 56]
shortcut = ["none", "A"]
"#;

fn load(toml: &str, overrides: &[&str]) -> Result<Sweep, SweepFileError> {
    load_bytes(toml.as_bytes(), overrides)
}

fn load_bytes(bytes: &[u8], overrides: &[&str]) -> Result<Sweep, SweepFileError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sweep.toml");
    fs::write(&path, bytes).expect("a writable temporary folder");
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    sweep_file::load(&path, &overrides)
}

fn sweep(toml: &str, overrides: &[&str]) -> Sweep {
    load(toml, overrides).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

/// The error message, without the temporary folder.
fn report(toml: &str, overrides: &[&str]) -> String {
    plain(&load(toml, overrides).expect_err("a mistake"))
}

fn plain(error: &SweepFileError) -> String {
    let drawn = error.render(false);
    let is_folder = |word: &&str| word.ends_with("/sweep.toml");
    let words = drawn.split(['`', ' ', ':', '\n']);
    match words.into_iter().find(is_folder) {
        Some(path) => drawn.replace(path, "sweep.toml"),
        None => drawn,
    }
}

/// One snapshot for each mistake: `SWEEP` with `old` replaced by `new`.
macro_rules! mistake {
    ($name:ident, $old:expr => $new:expr $(, $set:expr)*) => {
        #[test]
        fn $name() {
            let toml = SWEEP.replace($old, $new);
            assert!($old == $new || toml != SWEEP, "nothing was replaced");
            insta::assert_snapshot!(report(&toml, &[$($set),*]));
        }
    };
}

mistake!(a_depth_that_is_not_6n_plus_2, "[20, 56]" => "[21, 56]");
mistake!(a_net_that_would_not_grow, "depth = [20, 56]" => "depth = [20, 56]\ninit = [{ from = { depth = 20 }, deepen = \"identity\" }]");
mistake!(an_init_from_other_images, "image_size = 16" => "image_size = 16\ninit = { from = { depth = 8, image_size = 8 }, deepen = \"identity\" }");
mistake!(an_init_that_says_too_little, "image_size = 16" => "image_size = 16\ninit = { form = {} }");
mistake!(an_init_of_a_run_with_a_mistake, "image_size = 16" => "image_size = 16\ninit = { from = { depth = 8, lr_drops = [2000], momentum = 2 }, deepen = \"zero\" }");
mistake!(an_init_whose_run_cannot_be, "image_size = 16" => "image_size = 16\ninit = { from = { depth = 8, iterations = 10, lr_drops = [20] }, deepen = \"identity\" }");
mistake!(a_depth_below_the_smallest, "[20, 56]" => "[2, 56]");
mistake!(a_depth_that_is_a_string, "[20, 56]" => "[\"20\", 56]");
mistake!(an_image_size_that_is_not_a_multiple_of_4, "image_size = 16" => "image_size = 18");
mistake!(a_misspelt_key, "iterations = 1000" => "iteratons = 1000");
mistake!(a_misspelt_axis, "depth = [20" => "dept = [20");
mistake!(a_misspelt_table, "[model]" => "[modell]");
mistake!(an_unknown_table, "[axes]" => "[optimiser]\nbeta = 0.9\n\n[axes]");
mistake!(a_key_in_the_wrong_table, "image_size = 16" => "lr_gamma = 0.2");
mistake!(a_key_without_a_table, "[sweep]" => "momentum = 0.9\n[sweep]");
mistake!(an_unknown_key, "lr = 0.1" => "patience = 10");
mistake!(a_word_that_is_not_offered, "\"A\"" => "\"D\"");
mistake!(a_word_in_lower_case, "\"A\"" => "\"a\"");
mistake!(a_value_that_is_a_table, "[model]\nimage_size = 16" => "[model.width]");
mistake!(a_wrong_type, "lr = 0.1" => "lr = \"high\"\nnesterov = 1\nbatch_size = 12.5");
mistake!(a_number_in_quotes, "lr = 0.1" => "lr = \"0.1\"");
mistake!(nan_and_infinity, "lr = 0.1" => "lr = nan\nmomentum = inf\nweight_decay = 1e999");
mistake!(numbers_out_of_range, "lr = 0.1" => "lr = 0\nmomentum = 1\nbatch_size = -5\nlog_every = 99999999999999999999");
mistake!(no_repeats, "name =" => "repeats = 0\nname =");
mistake!(repeats_and_seeds, "name =" => "repeats = 2\nseeds = [1, 2]\nname =");
mistake!(seeds_until_decided_of_too_few, "name =" => "repeats = { min = 1, max = 10, until = \"ordering\" }\nname =");
mistake!(seeds_until_decided_the_wrong_way_round, "name =" => "repeats = { min = 5, max = 3, until = \"ordering\" }\nname =");
mistake!(seeds_until_something_else, "name =" => "repeats = { min = 3, max = 5, until = \"bored\", every = 2 }\nname =");
mistake!(seeds_until_nothing, "name =" => "repeats = { min = 3, max = 5 }\nname =");
mistake!(an_expectation_of_nothing, "[axes]" => "[[expect]]\nwhere = { depth = 20 }\n\n[axes]");
mistake!(an_expectation_without_tolerance, "[axes]" => "[[expect]]\ntest_error = 13.2\n\n[axes]");
mistake!(an_expectation_of_a_depth_that_is_not_trained, "[axes]" => "[[expect]]\nwhere = { depth = 110 }\ntest_error = 6.4\ntolerance = 1\n\n[axes]");
mistake!(an_order_with_one_side, "[axes]" => "[figure.expect]\nworse = { depth = 56 }\n\n[axes]");
mistake!(an_order_of_one_with_itself, "[axes]" => "[[expect]]\nworse = { depth = 56 }\nbetter = { depth = 56 }\n\n[axes]");
mistake!(an_order_with_a_misspelt_error, "[axes]" => "[figure]\nexpect = [{ worse = { depth = 56 }, better = { depth = 20 }, on = \"training\" }]\n\n[axes]");
mistake!(a_list_that_is_no_axis, "image_size = 16" => "width = [8, 16]");
mistake!(a_range_that_is_no_axis, "lr = 0.1" => "lr = { from = 0.01, to = 0.1, count = 3 }");
mistake!(ranges_as_other_programs_write_them, "depth = [20, 56]" => "depth = { min = 8, max = 56 }\nlr_gamma = { low = 0.1, high = 0.9, log = true }\nmomentum = { start = 0, stop = 0.9, num = 4 }", "train={ iterations = 10 }");
mistake!(ranges_that_have_no_values, "depth = [20, 56]" => "depth = { from = 56, to = 8, step = 6 }\nwidth = { from = 8, to = 16, count = 20 }\nmomentum = { from = 0, to = 0.9, step = 0 }\nweight_decay = { from = 0, to = 0.1, count = 3, scale = \"log\" }\nbatch_size = { from = 16 }\nlog_every = { from = 1, to = 5 }\nimage_size = { from = 8, to = 32, step = 4, count = 7 }", "model.image_size=16", "train={ iterations = 10 }");
mistake!(an_override_with_several_values, "lr = 0.1" => "lr = 0.1", "train.batch_size=16,32");
mistake!(a_key_under_two_names, "lr = 0.1" => "lr = 0.1\nlearning_rate = 0.2");
mistake!(iterations_beside_epochs, "lr = 0.1" => "lr = 0.1\nepochs = 3");
mistake!(epochs_as_an_axis_beside_iterations, "[axes]" => "[axes]\nepochs = [1, 2]");
mistake!(keys_of_other_programs, "lr = 0.1" => "optimizer = \"adam\"\nlr_decay = 0.1\nmilestones = [10]\nworkers = 4");
mistake!(seeds_in_two_tables, "[axes]" => "[axes]\nseed = [1, 2]", "sweep.seed=1", "axes.seed=2");
mistake!(a_seed_twice, "name =" => "seeds = [7, 3, 7]\nname =");
mistake!(a_missing_name, "name = \"example\"" => "");
mistake!(a_name_that_is_a_path, "\"example\"" => "\"../example\"");
mistake!(a_hidden_name, "\"example\"" => "\".example\"");
mistake!(missing_keys, "iterations = 1000" => "");
mistake!(an_empty_axis, "[20, 56]" => "[]");
mistake!(an_axis_that_is_not_a_list, "[20, 56]" => "20");
mistake!(a_value_twice_in_an_axis, "[20, 56]" => "[20, 56, 20]");
mistake!(an_axis_that_is_set_as_well, "image_size = 16" => "depth = 20");
mistake!(an_axis_under_two_names, "depth = [20, 56]" => "depth = [20]\n\"model.depth\" = [56]");
mistake!(a_grid_that_is_too_large, "[axes]" => BIG_AXES);
mistake!(more_runs_than_anyone_means, "name =" => "repeats = 1000\nname =", "axes.width=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26]");
mistake!(an_uneven_zip, "[axes]" => "[[zip]]\nweight_decay = [1e-4, 1e-3]\nmomentum = [0.9]\n\n[axes]");
mistake!(an_axis_that_is_in_a_zip_as_well, "[axes]" => "[[zip]]\ndepth = [8, 14]\nwidth = [8, 16]\n\n[axes]");
mistake!(an_exclude_that_matches_nothing, "[axes]" => "[[exclude]]\ndepth = 110\n\n[axes]");
mistake!(an_exclude_whose_values_never_meet, "[axes]" => "[[exclude]]\nwidth = 8\nbatch_size = 64\n\n[[zip]]\nwidth = [8, 16]\nbatch_size = [32, 64]\n\n[axes]");
mistake!(an_exclude_of_everything, "[axes]" => "[[exclude]]\ndepth = [20, 56]\n\n[axes]");
mistake!(an_include_that_matches_nothing, "[axes]" => "[[include]]\nwhere = { depth = 110 }\nset = { lr = 0.01 }\n\n[axes]");
mistake!(an_include_without_set, "[axes]" => "[[include]]\nwhere = { depth = 20 }\nlr = 0.05\n\n[axes]");
mistake!(a_single_table_of_includes, "[axes]" => "[include]\nset = { lr = 0.05 }\n\n[axes]");
mistake!(a_duplicate_configuration, "[axes]" => "[[include]]\nset = { depth = 20, shortcut = \"A\" }\n\n[axes]");
mistake!(a_duplicate_by_other_words, "[axes]" => "[axes]\nlr_drops = [[0.5, 0.75], [500, 750]]");
mistake!(a_drop_past_the_end, "lr = 0.1" => "lr_drops = [500, 1000]");
mistake!(drops_of_two_kinds, "lr = 0.1" => "lr_drops = [500, 0.75]");
mistake!(drops_that_do_not_ascend, "lr = 0.1" => "lr_drops = [0.75, 0.5]");
mistake!(a_fraction_out_of_range, "lr = 0.1" => "lr_drops = [0.5, 1.5]");
mistake!(a_warmup_without_an_end, "lr = 0.1" => "warmup = { lr = 0.01 }");
mistake!(a_warmup_with_two_ends, "lr = 0.1" => "warmup = { lr = 0.01, iterations = 400, until_train_error = 80 }");
mistake!(a_warmup_with_an_unknown_key, "lr = 0.1" => "warmup = { lr = 0.01, iteration = 400 }");
mistake!(a_warmup_longer_than_the_run, "lr = 0.1" => "warmup = { lr = 0.01, iterations = 1000 }");
mistake!(nesterov_without_momentum, "lr = 0.1" => "nesterov = true\nmomentum = 0");
mistake!(a_batch_larger_than_the_data_set, "lr = 0.1" => "batch_size = 20000");
mistake!(a_batch_larger_than_what_is_not_held_out, "[model]" => "validation = 9900\n\n[model]");
mistake!(a_validation_set_of_everything, "[model]" => "validation = 10000\n\n[model]");
mistake!(a_data_set_without_a_path, "\"synthetic\"" => "\"cifar10\"");
mistake!(a_path_that_does_not_exist, "\"synthetic\"" => "\"cifar10\"\npath = \"no/such/folder\"");
mistake!(a_path_that_is_a_file, "\"synthetic\"" => "\"folder\"\npath = \"Cargo.toml\"");
mistake!(a_name_that_is_taken, "name = \"example\"" => "name = \"Resweep.db\"");
mistake!(a_path_for_synthetic_data, "\"synthetic\"" => "\"synthetic\"\npath = \"src\"\nbroken_image = \"skip\"");
mistake!(a_panel_of_nothing, "[axes]" => "[[figure.panels]]\nwhere = { depth = [20, 110] }\n\n[axes]");
mistake!(a_panel_with_a_misspelt_condition, "[axes]" => "[[figure.panels]]\nwhere = { shortcuts = \"A\" }\n\n[axes]");
mistake!(two_figures_of_one_name, "[axes]" => "[[figure]]\n[[figure]]\nname = \"Figure\"\n\n[axes]");
mistake!(a_panel_upside_down, "[axes]" => "[figure]\ny_min = 30\ny_ticks = [0, 20, 10]\n[[figure.panels]]\ny_max = 20\n\n[axes]");
mistake!(an_unknown_kind_of_figure, "[axes]" => "[figure]\nkind = \"histogram\"\n\n[axes]");
mistake!(a_mean_of_an_even_number_of_points, "[axes]" => "[figure]\nsmoothing = 4\n\n[axes]");
mistake!(an_unknown_facet, "[axes]" => "[figure]\nfacet = \"shortcuts\"\n\n[axes]");
mistake!(a_facet_beside_panels, "[axes]" => "[figure]\nfacet = \"depth\"\n[[figure.panels]]\nshow = \"test\"\n\n[axes]");
mistake!(a_facet_of_one_value, "[axes]" => "[figure]\nfacet = \"width\"\n\n[axes]");
mistake!(a_heat_map_of_two_momenta, "[axes]" => "[figure]\nkind = \"heat-map\"\n\n[axes]\nmomentum = [0.9, 0.8]");
mistake!(layer_responses_without_statistics, "[axes]" => "[figure]\nkind = \"layer-responses\"\nshow = \"test\"\n\n[axes]");
mistake!(text_without_quotes, "\"synthetic\"" => "synthetic");
mistake!(a_key_twice, "lr = 0.1" => "lr = 0.1\nlr = 0.2");
mistake!(a_list_that_is_not_closed, "[20, 56]" => "[20, 56");
mistake!(syntax_and_meaning_together, "lr = 0.1" => "lr = 0.1.1\nbatch_size = 0");
mistake!(an_override_of_a_wrong_value, "" => "", "model.width=0", "axes.depth=[20, 21]");
mistake!(an_override_of_an_axis_key, "" => "", "model.depth=20");
mistake!(an_override_of_an_unknown_key, "" => "", "train.patience=3", "dept=20");
mistake!(an_override_that_is_no_assignment, "" => "", "train.lr", "=3", "train.lr=", "a b=1", "axes.depth=[20,56");
mistake!(an_override_against_the_file, "" => "", "train.iterations=10", "train.lr_drops=[5, 20]");
mistake!(an_override_of_a_whole_table, "" => "", "figure=3");
mistake!(an_override_below_a_value, "" => "", "train.lr.start=0.1");

/// 100,800 configurations together with the axes of `SWEEP`.
const BIG_AXES: &str = "[axes]\n\
    width = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]\n\
    weight_decay = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.2, 0.21]\n\
    momentum = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]\n\
    batch_size = [16, 32, 64, 128, 256, 512]";

#[test]
fn all_mistakes_are_reported_in_file_order() {
    let toml = r#"[sweep]
nam = "many"
repeats = 0

[data]
dataset = "cifar"

[model]
width = 16.5
depth = 21

[train]
iterations = 2000
lr_drops = [1000, 3000]
lr = nan

[axes]
shortcut = ["none", "E", "A"]

[[figure.panels]]
where = { shortcut = "B" }
"#;
    insta::assert_snapshot!(report(toml, &["train.batch_size=none"]));
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(report("", &[]));
}

#[test]
fn a_file_that_is_not_utf8() {
    let bytes = b"[sweep]\nname = \"caf\xe9\"\n";
    let error = load_bytes(bytes, &[]).expect_err("a mistake");
    insta::assert_snapshot!(plain(&error));
}

#[test]
fn a_file_that_does_not_exist() {
    let error =
        sweep_file::load(Path::new("experiments/quickstat.toml"), &[]).expect_err("no file");
    insta::assert_snapshot!(error.render(false));
}

#[test]
fn a_file_that_is_too_large() {
    let error = load_bytes(&vec![b'#'; 10_000_001], &[]).expect_err("too large");
    insta::assert_snapshot!(plain(&error));
}

/// The time that this thread has computed, however busy the machine is.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Five million values took 4.6 s and 1.1 GB before their number was refused.
#[test]
fn a_list_of_millions_is_refused_before_it_is_read() {
    let list = "1,".repeat(2_500_000);
    let text = SWEEP.replace("[20, 56]", &format!("[{list}]"));
    let start = cpu_seconds();
    let report = plain(&load(&text, &[]).expect_err("too many"));
    assert!(
        report.contains("more than 200000 values in lists"),
        "{}",
        &report[..300]
    );
    assert!(report.len() < 2000, "{}", report.len());
    // Half of the time that reading them takes.
    let taken = cpu_seconds() - start;
    assert!(taken < 2.0, "{taken}");
    // Commas in text and comments are no values.
    let commas = format!("# {}\n", ",".repeat(1_000_000));
    assert!(load(&(commas + SWEEP), &[]).is_ok());
}

#[test]
fn a_styled_report_says_the_same_in_colours() {
    let error = load(&SWEEP.replace("[20, 56]", "[21, 56]"), &[]).expect_err("a mistake");
    let styled = error.render(true);
    assert!(styled.contains("\u{1b}["));
    let text = anstream::adapter::strip_str(&styled).to_string();
    assert_eq!(text, error.render(false));
}

/// Loads a sweep of `experiments/` with the data in a folder that exists.
fn experiment(name: &str) -> Sweep {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = Path::new("experiments").join(name);
    let data = format!("data.path={}", folder.path().display());
    let overrides = match name {
        "quickstart.toml" => vec![],
        _ => vec![data],
    };
    let mut sweep = sweep_file::load(&path, &overrides)
        .unwrap_or_else(|error| panic!("{}", error.render(false)));
    for configuration in &mut sweep.configurations {
        configuration.data.path = None;
    }
    sweep
}

#[test]
fn every_experiment_loads_and_is_named_after_its_file() {
    let mut loaded = 0;
    for entry in fs::read_dir("experiments").expect("experiments/") {
        let file = entry.expect("an entry").file_name();
        let file = file.to_string_lossy();
        let sweep = experiment(&file);
        assert_eq!(format!("{}.toml", sweep.name), file);
        loaded += 1;
    }
    assert!(loaded >= 5);
}

#[test]
fn fig1_trains_nothing_that_fig6_does_not() {
    let (fig1, fig6) = (experiment("fig1.toml"), experiment("fig6.toml"));
    assert_eq!(fig1.labels, ["plain-20", "plain-56"]);
    for configuration in &fig1.configurations {
        assert!(fig6.configurations.contains(configuration));
    }
    assert_eq!(fig1.seeds, fig6.seeds);
}

#[test]
fn fig6_has_the_papers_setting() {
    let sweep = experiment("fig6.toml");
    let names = [
        "plain-20",
        "plain-32",
        "plain-44",
        "plain-56",
        "ResNet-20",
        "ResNet-32",
        "ResNet-44",
        "ResNet-56",
        "ResNet-110",
    ];
    assert_eq!(sweep.labels, names);
    let first = &sweep.configurations[0];
    assert_eq!(first.train.iterations, 64_000);
    assert_eq!(first.train.lr_drops, [32_000, 48_000]);
    assert_eq!((first.train.batch_size, first.train.lr), (128, 0.1));
    assert_eq!(
        (first.train.momentum, first.train.weight_decay),
        (0.9, 1e-4)
    );
    assert_eq!(
        (first.train.eval_every, first.train.log_every),
        (1000, 1000)
    );
    let warm = Warmup {
        lr: 0.01,
        until: WarmupEnd::TrainError(80.0),
    };
    for (label, configuration) in sweep.labels.iter().zip(&sweep.configurations) {
        let expected = (label == "ResNet-110").then_some(warm);
        assert_eq!(configuration.train.warmup, expected, "{label}");
    }
    let [plain, residual] = &sweep.figures[0].panels[..] else {
        panic!("two panels");
    };
    assert_eq!(plain.configurations, [0, 1, 2, 3]);
    assert_eq!(residual.configurations, [4, 5, 6, 7, 8]);
    assert_eq!((plain.y_min, plain.y_max), (Some(0.0), Some(20.0)));
    assert_eq!(residual.y_ticks, [0.0, 5.0, 10.0, 20.0]);
    assert_eq!(residual.show, Show::Both);
}

#[test]
fn the_grid_is_the_product_in_the_order_of_the_file() {
    let sweep = sweep(SWEEP, &[]);
    let labels = ["plain-20", "ResNet-20", "plain-56", "ResNet-56"];
    assert_eq!(sweep.labels, labels);
    assert_eq!(sweep.seeds, [1]);
}

#[test]
fn axes_take_qualified_and_dotted_names() {
    for axis in [
        "\"train.lr\" = [0.1, 0.05]",
        "train.lr = [0.1, 0.05]",
        "lr = [0.1, 0.05]",
    ] {
        let toml = SWEEP
            .replace("lr = 0.1\n", "")
            .replace("shortcut = [\"none\", \"A\"]", axis)
            .replace("image_size = 16", "shortcut = \"B\"");
        let labels = sweep(&toml, &[]).labels;
        assert_eq!(labels[1], "ResNet-20 B lr=0.05", "{axis}");
    }
}

#[test]
fn zipped_keys_advance_together() {
    let toml = SWEEP.replace(
        "lr = 0.1\n",
        "[[zip]]\nbatch_size = [64, 128]\nlr = [0.05, 0.1]\n",
    );
    let sweep = sweep(&toml, &["axes.depth=[20]", "axes.shortcut=[\"A\"]"]);
    let labels = [
        "ResNet-20 batch_size=64 lr=0.05",
        "ResNet-20 batch_size=128 lr=0.1",
    ];
    assert_eq!(sweep.labels, labels);
}

#[test]
fn an_include_without_where_adds_one_configuration() {
    let toml =
        format!("{SWEEP}\n[[include]]\nset = {{ depth = 20, shortcut = \"A\", lr = 0.05 }}\n");
    let sweep = sweep(&toml, &[]);
    let labels = [
        "plain-20",
        "ResNet-20 lr=0.1",
        "plain-56",
        "ResNet-56",
        "ResNet-20 lr=0.05",
    ];
    assert_eq!(sweep.labels, labels);
}

#[test]
fn an_exclude_takes_lists_of_values() {
    let toml = format!("{SWEEP}\n[[exclude]]\ndepth = [20, 56]\nshortcut = \"none\"\n");
    assert_eq!(sweep(&toml, &[]).labels, ["ResNet-20", "ResNet-56"]);
}

#[test]
fn drops_are_fractions_of_the_run_or_iterations() {
    let drops = |value: &str| {
        let set = format!("train.lr_drops={value}");
        let sweep = sweep(SWEEP, &[&set]);
        sweep.configurations[0].train.lr_drops.clone()
    };
    assert_eq!(drops("[0.29, 0.58]"), [290, 580]);
    assert_eq!(drops("[100, 200]"), [100, 200]);
    assert_eq!(drops("[]"), [0u64; 0]);
}

#[test]
fn a_run_of_one_iteration_has_no_drop_and_one_point() {
    let train = first(sweep(SWEEP, &["train.iterations=1"])).train;
    assert_eq!(train.lr_drops, [0u64; 0]);
    assert_eq!((train.eval_every, train.log_every), (1, 1));
}

fn first(sweep: Sweep) -> Configuration {
    sweep.configurations.into_iter().next().expect("one")
}

#[test]
fn integers_are_taken_where_numbers_are_meant() {
    let train = first(sweep(SWEEP, &["train.lr=1", "train.momentum=0"])).train;
    assert_eq!((train.lr, train.momentum), (1.0, 0.0));
}

#[test]
fn overrides_reach_every_part_of_the_file() {
    let overrides = [
        "sweep.name=renamed",
        "sweep.repeats=3",
        "data.validation=500",
        "train.iterations=10",
        "train.iterations=2_000",
        "train.warmup={ lr = 0.01, iterations = 400 }",
        "axes.depth=[8]",
        "axes.\"model.shortcut\"=[\"C\"]",
        "figure.y_max=90",
        "exclude=[]",
    ];
    let sweep = sweep(SWEEP, &overrides);
    assert_eq!(sweep.name, "renamed");
    assert_eq!(sweep.seeds, [1, 2, 3]);
    assert_eq!(sweep.labels, ["ResNet-8 C"]);
    assert_eq!(sweep.figures[0].panels[0].y_max, Some(90.0));
    let configuration = first(sweep);
    assert_eq!(configuration.data.validation, Validation::Images(500));
    assert_eq!(configuration.train.iterations, 2000);
    let until = WarmupEnd::Iterations(400);
    assert_eq!(configuration.train.warmup, Some(Warmup { lr: 0.01, until }));
}

#[test]
fn command_line_text_may_look_like_another_type() {
    for name in ["2024_11", "1e5", "1.2", "0x1f", "true", "inf", "001"] {
        assert_eq!(sweep(SWEEP, &[&format!("sweep.name={name}")]).name, name);
        let quoted = format!("sweep.name=\"{name}\"");
        assert_eq!(sweep(SWEEP, &[&quoted]).name, name);
    }
    for title in [
        "2024-11-01",
        "12:30",
        "56",
        "[x] y",
        "{a",
        "\"x\" y",
        "a = b # c",
    ] {
        let sweep = sweep(SWEEP, &[&format!("sweep.title={title}")]);
        assert_eq!(sweep.title.as_deref(), Some(title));
    }
    let figure = sweep(SWEEP, &["figure.title=1.5"]).figures.remove(0);
    assert_eq!(figure.title.as_deref(), Some("1.5"));
}

#[test]
fn lists_on_the_command_line_need_neither_quotes_nor_brackets() {
    let labels = |set: &str| sweep(SWEEP, &[set]).labels;
    let both = labels("axes.shortcut=[\"none\",\"A\"]");
    for set in [
        "[none,A]",
        "none,A",
        " none , A ",
        "[none, A,]",
        "[\"none\",A]",
    ] {
        assert_eq!(labels(&format!("axes.shortcut={set}")), both, "{set}");
    }
    assert_eq!(
        labels("axes.shortcut=none"),
        labels("axes.shortcut=[\"none\"]")
    );
    assert_eq!(labels("axes.depth=8,14"), labels("axes.depth=[8,14]"));
    assert_eq!(labels("axes.depth=8"), labels("axes.depth=[8]"));
    assert_eq!(labels("axes.train.lr=.1,2e-1"), labels("axes.lr=[0.1,0.2]"));
    assert_eq!(sweep(SWEEP, &["sweep.seeds=1,5"]).seeds, [1, 5]);
    assert_eq!(sweep(SWEEP, &["sweep.seeds=7"]).seeds, [7]);
    let grown = "axes.init=he-fan-in,{ from = { depth = 14 }, deepen = \"identity\" }";
    assert_eq!(
        labels(grown).len(),
        labels("axes.init=[he-fan-in]").len() * 2 + 2
    );
}

#[test]
fn numbers_on_the_command_line_are_read_as_people_write_them() {
    let train = |set: &str| first(sweep(SWEEP, &[set])).train;
    assert_eq!(train("train.lr=.1").lr, 0.1);
    assert_eq!(train("train.lr=1.").lr, 1.0);
    assert_eq!(train("train.iterations=1e5").iterations, 100_000);
    assert_eq!(train("train.iterations=2000.0").iterations, 2000);
    assert!(train("train.nesterov=True").nesterov);
    assert!(!train("train.nesterov=FALSE").nesterov);
    assert_eq!(train("train.lr_drops=.25,.5").lr_drops, [250, 500]);
}

#[test]
fn wrong_forms_are_answered_with_the_right_one() {
    let toml = |old: &str, new: &str| SWEEP.replace(old, new);
    for (file, right) in [
        (
            toml("\"example\"", "2024_11"),
            "put it in quotes: \"2024_11\"",
        ),
        (toml("\"example\"", "true"), "put it in quotes: \"true\""),
        (toml("\"example\"", "fig6"), "write `name = \"fig6\"`"),
        (toml("lr = 0.1", "lr = .1"), "write `lr = 0.1`"),
        (
            toml("lr = 0.1", "nesterov = True"),
            "write `nesterov = true`",
        ),
        (toml("[20, 56]", "20"), "write `depth = [20]`"),
        (toml("[20, 56]", "[20, 56"), "write `depth = [20, 56]`"),
    ] {
        let said = report(&file, &[]);
        assert!(said.contains(right), "{said}");
    }
    for (set, right) in [
        ("axes.depth=[20,56", "write --set 'axes.depth=[20, 56]'"),
        (
            "axes.shortcut=[none,A",
            "write --set 'axes.shortcut=[\"none\", \"A\"]'",
        ),
        ("model.depth=20", "write --set 'axes.depth=[20]'"),
        ("axes.depth=[8 14]", "write --set 'axes.depth=[8, 14]'"),
        ("train.lr=0,1", "write --set train.lr=0.1"),
        ("train.lr 0.1", "write --set train.lr=0.1"),
        (
            "train.warmup={iterations=4,lr=.01}",
            "write --set 'train.warmup={ iterations = 4, lr = 0.01 }'",
        ),
    ] {
        let said = report(SWEEP, &[set]);
        assert!(said.contains(right), "{said}");
    }
}

/// Left out, empty, and of other types: each message names the place, the key and a whole line.
#[test]
fn required_keys_that_are_left_out_empty_or_of_another_type_are_answered_with_a_line() {
    let required = [
        ("name = \"example\"", "name", "name = \"fig6\""),
        ("depth = [20, 56]", "depth", "depth = [20]"),
        (
            "shortcut = [\"none\", \"A\"]",
            "shortcut",
            "shortcut = [\"none\"]",
        ),
        ("iterations = 1000", "iterations", "iterations = 64000"),
    ];
    for (written, key, line) in required {
        let left_out = report(&SWEEP.replace(written, ""), &[]);
        let one = line.replace(['[', ']'], "");
        assert!(
            left_out.contains(&format!("write `{one}` in [")),
            "{left_out}"
        );
        for value in ["\"\"", "[]", "[\"\"]", "[[]]", "{}", "true", "5.5", "\"x\""] {
            if key == "name" && value == "\"x\"" {
                continue;
            }
            let said = report(&SWEEP.replace(written, &format!("{key} = {value}")), &[]);
            let quoted = format!("put it in quotes: \"{value}\"");
            let is_answered = said.contains(&format!("`{line}`")) || said.contains(&quoted);
            assert!(is_answered, "{key} = {value}: {said}");
            assert!(!said.contains(&format!("`{key} = [{value}]`")), "{said}");
        }
    }
}

#[test]
fn an_override_with_a_wrong_value_is_answered_with_a_whole_argument() {
    let table = [
        ("model.width=\"\"", "--set model.width=16"),
        ("model.width=[]", "--set model.width=16"),
        ("model.width=", "--set model.width=16"),
        ("axes.width=[]", "--set 'axes.width=[16]'"),
        ("axes.width=[none]", "--set 'axes.width=[16]'"),
        ("axes.lr={}", "--set 'axes.lr=[0.1]'"),
        (
            "train.warmup=3",
            "--set 'train.warmup={ lr = 0.01, iterations = 400 }'",
        ),
    ];
    for (given, line) in table {
        let said = report(SWEEP, &[given]);
        assert!(said.contains(line), "{given}: {said}");
    }
}

#[test]
fn other_encodings_are_named_and_a_byte_order_mark_is_no_mistake() {
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["\u{feff}", ""] {
            let text = format!("{mark}{SWEEP}");
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            let said = plain(&load_bytes(&bytes, &[]).expect_err("UTF-16"));
            assert!(said.contains("is UTF-16 text, not UTF-8"), "{said}");
            assert!(said.lines().count() <= 3, "{said}");
        }
    }
    assert_eq!(sweep(&format!("\u{feff}{SWEEP}"), &[]).name, "example");
}

#[test]
fn an_axis_on_the_command_line_replaces_a_value_in_the_file() {
    let toml = SWEEP.replace("depth = [20, 56]\n", "");
    let toml = toml.replace("image_size = 16", "depth = 20");
    assert_eq!(sweep(&toml, &[]).labels, ["plain-20", "ResNet-20"]);
    let sweep = sweep(&toml, &["axes.depth=[8, 14]", "axes.shortcut=[\"none\"]"]);
    assert_eq!(sweep.labels, ["plain-8", "plain-14"]);
}

#[test]
fn conditions_emptied_by_an_override_are_not_mistakes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = format!("data.path={}", folder.path().display());
    let overrides = [
        data,
        "axes.depth=[20]".into(),
        "axes.shortcut=[\"A\"]".into(),
    ];
    let sweep = sweep_file::load(Path::new("experiments/fig6.toml"), &overrides)
        .unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(sweep.labels, ["ResNet-20"]);
    assert_eq!(sweep.figures[0].panels.len(), 1);
    assert_eq!(
        sweep.figures[0].panels[0].title.as_deref(),
        Some("residual")
    );
}

#[test]
fn a_figure_is_made_where_none_is_described() {
    let panels = sweep(SWEEP, &[]).figures.remove(0).panels;
    let titles: Vec<_> = panels.iter().map(|panel| panel.title.as_deref()).collect();
    assert_eq!(titles, [Some("plain"), Some("residual")]);
    assert_eq!(panels[0].configurations, [0, 2]);
    let panels = sweep(SWEEP, &["axes.shortcut=[\"A\"]"])
        .figures
        .remove(0)
        .panels;
    assert_eq!((panels.len(), panels[0].title.as_deref()), (1, None));
}

#[test]
fn keys_of_other_kinds_of_figures_are_refused() {
    let refused = |figure: &str| {
        let toml = format!("{SWEEP}\n[figure]\n{figure}\n");
        plain(&load_bytes(toml.as_bytes(), &[]).expect_err("a wrong key"))
    };
    let said = refused("kind = \"heat-map\"\nx = \"epochs\"");
    assert!(said.contains("this kind of figure has no `x`"), "{said}");
    let said = refused("rows = \"lr\"");
    assert!(
        said.contains("only heat maps have `rows` and `columns`"),
        "{said}"
    );
    let said = refused("kind = \"heat-map\"\nrows = \"shortcut\"");
    assert!(
        said.contains("rows and columns are both `shortcut`"),
        "{said}"
    );
}

#[test]
fn several_residual_types_have_a_panel_each() {
    let types = "axes.shortcut=[\"none\", \"C\", \"A\"]";
    let panels = sweep(SWEEP, &[types]).figures.remove(0).panels;
    let found = panels
        .iter()
        .map(|panel| (panel.title.as_deref(), &panel.configurations[..]));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (Some("plain"), &[0, 3][..]),
            (Some("residual, option A"), &[2, 5]),
            (Some("residual, option C"), &[1, 4]),
        ]
    );
    assert_eq!(panels[1].labels, ["ResNet-20 A", "ResNet-56 A"]);
    // A panel of a single curve each would compare nothing.
    let one_depth = sweep(SWEEP, &[types, "axes.depth=[20]"]).figures.remove(0);
    assert_eq!(one_depth.panels.len(), 1);
    let labels = ["plain-20", "ResNet-20 C", "ResNet-20 A"];
    assert_eq!(one_depth.panels[0].labels, labels);
}

/// A figure of layer responses, and the override that measures them.
const MEASURED: (&str, &str) = ("kind = \"layer-responses\"", "train.layer_stats=true");

/// Title and number of configurations of the panels of a figure.
fn panel_sizes(figure: &str, overrides: &[&str]) -> Vec<(Option<String>, usize)> {
    let panels = panels(figure, overrides).into_iter();
    panels
        .map(|(title, configurations, _)| (title, configurations.len()))
        .collect()
}

#[test]
fn a_crowded_panel_is_split_by_the_key_with_the_fewest_values() {
    let rates = "axes.lr={ from = 0.1, to = 1, count = 10 }";
    let batches = "axes.batch_size=[16, 32, 64]";
    let one = ["axes.depth=[20]", "axes.shortcut=[\"A\"]"];
    let title = |text: &str| Some(text.to_owned());
    for figure in ["", MEASURED.0] {
        let overrides = [rates, batches, one[0], one[1], MEASURED.1];
        let expected = [16, 32, 64].map(|size| (title(&format!("batch_size = {size}")), 10));
        assert_eq!(panel_sizes(figure, &overrides), expected, "{figure}");
    }
    let types = panel_sizes("", &[rates, "axes.depth=[20, 56]"]);
    let expected = ["plain", "residual"].map(|of| {
        let depths = [20, 56].map(|depth| format!("{of}, {depth} layers"));
        depths.map(|of| (Some(of), 10))
    });
    assert_eq!(types, expected.concat());
    // No key alone makes 40 curves few.
    let widths = panel_sizes("", &[rates, "axes.width=[4, 8]"]);
    assert_eq!(widths, [(title("plain"), 40), (title("residual"), 40)]);
    // A single key with many values cannot be split.
    let many = "axes.lr={ from = 0.1, to = 1, count = 40 }";
    assert_eq!(panel_sizes("", &[many, one[0], one[1]]), [(None, 40)]);
}

#[test]
fn many_layer_responses_have_a_panel_for_each_shortcut_type() {
    let depths = "axes.depth=[8, 14, 20, 26, 32]";
    let types = "axes.shortcut=[\"none\", \"A\", \"B\", \"C\"]";
    let found = panel_sizes(MEASURED.0, &[depths, types, MEASURED.1]);
    let titles = found.iter().map(|(title, _)| title.as_deref());
    let expected = [
        "plain",
        "residual, option A",
        "residual, option B",
        "residual, option C",
    ];
    assert_eq!(titles.collect::<Vec<_>>(), expected.map(Some));
    let sixteen = panel_sizes(
        MEASURED.0,
        &["axes.depth=[8, 14, 20, 26]", types, MEASURED.1],
    );
    assert_eq!(sixteen, [(None, 16)]);
}

#[test]
fn labels_have_numbers_as_people_write_them() {
    let lr = "axes.lr=[0.01, 0.03162277660168379, 0.30000000000000004]";
    let decay = "axes.weight_decay=[0.00001]";
    let one = ["axes.depth=[20]", "axes.shortcut=[\"A\"]"];
    let labels = sweep(SWEEP, &[lr, decay, one[0], one[1]]).labels;
    assert_eq!(
        labels,
        [
            "ResNet-20 lr=0.01",
            "ResNet-20 lr=0.0316",
            "ResNet-20 lr=0.3"
        ]
    );
    let decays = "axes.weight_decay=[0.00001, 2.5e-7, 0.0001]";
    let labels = sweep(SWEEP, &[decays, one[0], one[1]]).labels;
    let written = labels.iter().map(|label| label.rsplit('=').next());
    assert_eq!(
        written.collect::<Vec<_>>(),
        [Some("1e-5"), Some("2.5e-7"), Some("0.0001")]
    );
}

#[test]
fn a_sweep_has_as_many_figures_as_it_describes() {
    let toml = format!(
        "{SWEEP}\n[[figure]]\nname = \"train\"\ntitle = \"Training error\"\n\
         [[figure.panels]]\nshow = \"train\"\n[[figure]]\nname = \"all\"\n"
    );
    let figures = sweep(&toml, &[]).figures;
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["train", "all"]);
    assert_eq!(figures[0].title.as_deref(), Some("Training error"));
    assert_eq!((figures[0].panels.len(), figures[1].panels.len()), (1, 2));
}

/// What each panel of a figure is called and holds.
fn panels(figure: &str, overrides: &[&str]) -> Vec<(Option<String>, Vec<usize>, Show)> {
    let toml = format!("{SWEEP}\n[figure]\n{figure}\n");
    let panels = sweep(&toml, overrides).figures.remove(0).panels;
    let told = panels.into_iter();
    told.map(|panel| (panel.title, panel.configurations, panel.show))
        .collect()
}

#[test]
fn a_facet_makes_a_panel_for_each_value() {
    let title = |text: &str| Some(text.to_owned());
    assert_eq!(
        panels("facet = \"shortcut\"\nshow = \"test\"", &[]),
        [
            (title("plain"), vec![0, 2], Show::Test),
            (title("residual, option A"), vec![1, 3], Show::Test),
        ]
    );
    assert_eq!(
        panels("facet = \"model.depth\"", &[]),
        [
            (title("20 layers"), vec![0, 1], Show::Both),
            (title("56 layers"), vec![2, 3], Show::Both),
        ]
    );
    let momenta = panels("facet = \"momentum\"", &["axes.momentum=[0.9, 0.5]"]);
    let titles: Vec<Option<String>> = momenta.into_iter().map(|panel| panel.0).collect();
    assert_eq!(titles, [title("momentum = 0.9"), title("momentum = 0.5")]);
    // What an override took away is not a mistake of the file.
    assert_eq!(panels("facet = \"depth\"", &["axes.depth=[20]"]).len(), 1);
}

#[test]
fn a_facet_of_more_values_than_panels_is_refused() {
    let decays: Vec<String> = (1..=101).map(|i| format!("{}e-6", i)).collect();
    let axis = format!("axes.weight_decay=[{}]", decays.join(","));
    let toml = format!("{SWEEP}\n[figure]\nfacet = \"weight_decay\"\n");
    let said = report(&toml, &[&axis]);
    assert!(
        said.contains("`weight_decay` has more than 100 values"),
        "{said}"
    );
}

#[test]
fn each_kind_of_figure_has_the_panels_that_suit_it() {
    let all = || vec![0, 1, 2, 3];
    assert_eq!(
        panels("kind = \"error-vs-depth\"", &[]),
        [(None, all(), Show::Train), (None, all(), Show::Test)]
    );
    let heat = panels("kind = \"heat-map\"", &[]);
    assert_eq!(heat, [(None, all(), Show::Test)]);
    let both = panels("kind = \"heat-map\"\nshow = \"both\"", &[]);
    assert_eq!(
        both,
        [(None, all(), Show::Train), (None, all(), Show::Test)]
    );
    let measured = ["train.layer_stats=true"];
    let layers = panels("kind = \"layer-responses\"", &measured);
    assert_eq!(layers, [(None, all(), Show::Both)]);
}

#[test]
fn every_documented_value_of_a_key_is_accepted() {
    let toml = r#"[sweep]
name = "words"
[data]
path = "src"
[model]
depth = 8
[train]
iterations = 10
[axes]
dataset = ["synthetic", "cifar10", "cifar100", "folder"]
augmentation = ["pad-crop-flip", "none"]
normalisation = ["per-pixel-mean", "per-channel"]
shortcut = ["none", "A", "B", "C"]
init = ["he-fan-out", "he-fan-in"]
decay = ["all", "weights"]
"#;
    assert_eq!(sweep(toml, &[]).configurations.len(), 4 * 2 * 2 * 4 * 2 * 2);
}

#[test]
fn parent_configurations_are_added_once() {
    let grown = |from: &str| format!("{{ from = {{ {from} }}, deepen = \"identity\" }}");
    let init = format!("[\"he-fan-out\", {}]", grown("depth = 8, iterations = 50"));
    let toml = SWEEP.replace(
        "depth = [20, 56]",
        &format!("depth = [20, 56]\ninit = {init}"),
    );
    let sweep = sweep(&toml, &[]);
    // Two depths, two shortcut types, from scratch and grown; and two that these grow from.
    assert_eq!(sweep.configurations.len(), 8 + 2);
    for configuration in &sweep.configurations {
        let Some(source) = &configuration.grows_from else {
            continue;
        };
        assert!(sweep.configurations.contains(source));
        assert_eq!((source.model.depth, source.train.iterations), (8, 50));
        assert_eq!(source.train.lr_drops, [25, 38]);
        assert_eq!(source.model.shortcut, configuration.model.shortcut);
    }
    let labels: Vec<&str> = sweep.labels.iter().map(String::as_str).collect();
    assert!(
        labels.contains(&"plain-56 from depth=8 iterations=50"),
        "{labels:?}"
    );
    assert!(labels.contains(&"plain-56 from scratch"), "{labels:?}");
    assert!(labels.contains(&"plain-8"), "{labels:?}");

    // A chain, one of whose links is asked for as well.
    let inner = grown("depth = 8");
    let outer = grown(&format!("depth = 14, init = {inner}"));
    let chain = SWEEP.replace(
        "depth = [20, 56]",
        &format!("depth = [20]\ninit = [{outer}]"),
    );
    let sweep = load(&chain, &[]).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let depths: Vec<usize> = sweep.configurations.iter().map(|c| c.model.depth).collect();
    assert_eq!(depths, [20, 20, 14, 14, 8, 8]);
}

#[test]
fn a_panel_with_a_title_names_what_differs_within_it() {
    let mut sweep = experiment("construction.toml");
    let figure = sweep.figures.remove(0);
    let named = |panel: usize| &figure.panels[panel].labels;
    let plain = [
        "plain-56 from scratch",
        "plain-56 from depth=20",
        "plain-20",
    ];
    assert_eq!(*named(0), plain);
    assert_eq!(*named(1), plain);
    assert_eq!(named(3)[2], "ResNet-20");
    let label = "plain-56 from scratch weight_decay=0.0001";
    assert!(sweep.labels.iter().any(|known| known == label));
    // Without a title, nothing else would tell.
    let toml = format!("{SWEEP}\n[[figure.panels]]\nwhere = {{ momentum = 0.9 }}\n");
    let momenta = self::sweep(&toml, &["axes.momentum=[0.9, 0.5]"]);
    assert_eq!(
        momenta.figures[0].panels[0].labels[0],
        "plain-20 momentum=0.9"
    );
}

/// The blocks of the documentation in one language.
fn documented(language: &str) -> Vec<String> {
    let text = fs::read_to_string("docs/sweep-file.md").expect("docs/sweep-file.md");
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_example_of_the_documentation_loads() {
    let sweep = sweep(&documented("toml")[0], &[]);
    assert_eq!(sweep.configurations.len(), 4);
}

#[test]
fn documented_mistakes_match_the_output() {
    let (files, reports) = (documented("toml"), documented("text"));
    let broken = files.last().expect("a broken file");
    let said = reports.last().expect("a report");
    assert_eq!(report(broken, &[]).trim_end(), said.trim_end());
}

#[test]
fn documented_snippets_are_valid() {
    let pieces = documented("toml");
    for piece in &pieces[1..pieces.len() - 1] {
        let Err(error) = load(piece, &[]) else {
            continue;
        };
        let drawn = error.render(false);
        assert!(!drawn.contains("unknown"), "{drawn}");
        assert!(!drawn.contains("not TOML"), "{drawn}");
    }
}

#[test]
fn damaged_files_never_panic() {
    const SEED: u64 = 20_151_210;
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let fig6 = fs::read("experiments/fig6.toml").expect("fig6.toml");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sweep.toml");
    for round in 0..1500 {
        let original = if round % 2 == 0 {
            SWEEP.as_bytes()
        } else {
            &fig6
        };
        let damaged = damage(original, &mut rng);
        fs::write(&path, &damaged).expect("a writable temporary folder");
        if let Err(error) = sweep_file::load(&path, &override_from(&damaged, &mut rng)) {
            assert!(!error.render(round % 3 == 0).is_empty());
        }
    }
}

/// A few bytes changed, removed, doubled or moved.
fn damage(original: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    const BYTES: &[u8] = b"[]{}=\"'#.,\n\r\t -_0159naeA\xff\xc3\x00\\";
    let mut bytes = original.to_vec();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..bytes.len());
        let until = (at + rng.random_range(0..20)).min(bytes.len());
        match rng.random_range(0..5) {
            0 => bytes[at] = BYTES[rng.random_range(0..BYTES.len())],
            1 => bytes.insert(at, BYTES[rng.random_range(0..BYTES.len())]),
            2 => drop(bytes.drain(at..until)),
            3 => {
                let piece = bytes[at..until].to_vec();
                let to = rng.random_range(0..bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(rng.random_range(bytes.len() / 2..bytes.len())),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// A line of the damaged file as an override.
fn override_from(damaged: &[u8], rng: &mut ChaCha8Rng) -> Vec<String> {
    let text = String::from_utf8_lossy(damaged);
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(rng.random_range(0..lines.len().max(1) * 2)) {
        Some(line) => vec![format!("train.{line}"), (*line).to_owned()],
        None => Vec::new(),
    }
}

#[test]
fn the_number_of_synthetic_images_is_that_of_the_data() {
    assert_eq!(
        resweep_core::sweep_file::SYNTHETIC_TRAIN_IMAGES,
        resweep_data::synthetic::TRAIN_IMAGES
    );
}
