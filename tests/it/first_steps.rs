//! Runs commands as a new user would type them: they work, or the error shows the valid form.

use std::fs;
use std::io::Cursor;

use crate::support::workplace::{Workplace, write_images};

/// A sweep of two networks that trains in a second.
const SWEEP: &str = r#"[sweep]
name = "tiny"

[model]
width = 2
image_size = 8
shortcut = "A"

[train]
iterations = 6
batch_size = 16
eval_every = 6

[axes]
depth = [8, 14]
"#;

fn place() -> Workplace {
    Workplace::new("tiny.toml", SWEEP)
}

/// The runs of a plan: label, iterations and identity.
fn planned(place: &Workplace, args: &[&str]) -> Vec<(String, u64, String)> {
    let plan = place.json(&[&["plan", "--json"], args].concat());
    let runs = plan["runs"].as_array().expect("an array").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    runs.map(|run| {
        let iterations = run["iterations"].as_u64().expect("a number");
        (text(&run["label"]), iterations, text(&run["id"]))
    })
    .collect()
}

/// Standard error of a command that fails with code 2.
fn refused(place: &Workplace, args: &[&str]) -> String {
    let output = place.resweep(args).assert().code(2).get_output().clone();
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn synonyms_options_and_bare_keys_mean_the_same_as_set() {
    let place = place();
    let expected = planned(
        &place,
        &[
            "tiny.toml",
            "--set",
            "train.lr=0.05",
            "--set",
            "axes.depth=8",
        ],
    );
    for args in [
        ["--lr=0.05", "--depth=8"],
        ["--learning-rate=0.05", "--layers=8"],
        ["--learning_rate=0.05", "depth=8"],
        ["lr=0.05", "depth=[8]"],
        ["train.learning-rate=.05", "axes.num_layers=8"],
        ["--set=lr=0.05", "--set=depth=8"],
    ] {
        let found = planned(&place, &["tiny.toml", args[0], args[1]]);
        assert_eq!(found, expected, "{args:?}");
    }
    let last = planned(
        &place,
        &["tiny.toml", "lr=1", "--depth=8", "--lr=2", "lr=0.05"],
    );
    assert_eq!(last, expected, "the last one counts");
}

#[test]
fn epochs_are_the_runs_of_their_iterations_in_every_unit_of_images() {
    let place = place();
    let names = |args: &[&str]| planned(&place, &[&["tiny.toml"], args].concat());
    // 10,000 synthetic images by 16
    assert_eq!(names(&["--epochs=2"]), names(&["--iterations=1250"]));
    assert_eq!(names(&["--epochs=2"])[0].1, 1250);
    assert_eq!(names(&["epochs=0.5", "validation=2000"])[0].1, 250);
    let both = names(&["--epochs=1,2"]);
    assert_eq!(both[0].0, "ResNet-8 epochs=1");
    assert_eq!((both[0].1, both[1].1), (625, 1250));
    let text = SWEEP.replace("iterations = 6", "iterations = 6\nepochs = 1");
    fs::write(place.path().join("both.toml"), text).expect("the sweep file");
    let said = refused(&place, &["plan", "both.toml"]);
    assert!(
        said.contains("[train] has `iterations` and `epochs`"),
        "{said}"
    );
}

#[test]
fn epochs_of_a_folder_are_counted_once_and_kept_with_the_record() {
    let place = place();
    let pictures = place.path().join("pictures");
    write_images(&pictures); // 24 training images
    let text = SWEEP
        .replace("iterations = 6", "epochs = 1.5")
        .replace("batch_size = 16", "batch_size = 10")
        .replace(
            "[model]",
            "[data]\ndataset = \"folder\"\npath = \"pictures\"\n\n[model]",
        );
    fs::write(place.path().join("tiny.toml"), text).expect("the sweep file");
    let planned_before = planned(&place, &["tiny.toml"]);
    assert_eq!(planned_before[0].1, 4, "36 images by 10");
    place.stdout(&["run", "tiny.toml"]);
    fs::remove_dir_all(&pictures).expect("the folder");
    let table = place.stdout(&["table", "tiny"]);
    assert!(table.contains("ResNet-14"), "{table}");
    assert_eq!(planned(&place, &["tiny"]), planned_before);
    assert_eq!(planned(&place, &["tiny.toml"]), planned_before);
}

#[test]
fn seeds_can_be_an_axis_and_one_seed_a_key() {
    let place = place();
    let names = |args: &[&str]| planned(&place, &[&["tiny.toml"], args].concat());
    let expected = names(&["--set", "sweep.seeds=[1, 2]"]);
    for seeds in [
        "axes.seed=1,2",
        "seed=1,2",
        "--seeds=1,2",
        "train.seed=[1,2]",
    ] {
        assert_eq!(names(&[seeds]), expected, "{seeds}");
    }
    assert_eq!(names(&["--seed=7"]), names(&["sweep.seeds=[7]"]));
    for seeds in ["--seeds=7", "seeds=7", "sweep.seeds=7"] {
        let output = place
            .resweep(&["plan", "tiny.toml", seeds])
            .assert()
            .code(2);
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        let forms = "write `--repeats 7` for 7 seeds, `--seed 7` for the seed 7";
        assert!(said.contains(forms), "{said}");
    }
    let text = SWEEP.replace("[axes]", "[axes]\nseed = [1, 2]");
    fs::write(place.path().join("axis.toml"), text).expect("the sweep file");
    assert_eq!(planned(&place, &["axis.toml"]), expected);
}

#[test]
fn a_range_is_the_list_of_its_values() {
    let place = place();
    let names = |args: &[&str]| planned(&place, &[&["tiny.toml"], args].concat());
    assert_eq!(
        names(&["depth={ from = 8, to = 26, step = 6 }"]),
        names(&["depth=8,14,20,26"])
    );
    assert_eq!(
        names(&["lr={ from = 0.01, to = 1, count = 5, scale = \"log\" }"]),
        names(&["lr=0.01,0.03162,0.1,0.3162,1"])
    );
    assert_eq!(
        names(&["batch_size={ from = 16, to = 64, count = 3, scale = \"log\" }"]),
        names(&["batch_size=16,32,64"])
    );
}

#[test]
fn an_option_of_another_program_is_answered_with_what_to_write() {
    let place = place();
    for (option, answer) in [
        ("--optimizer", "every run trains by SGD"),
        ("--gpus", "--device cuda"),
        ("--lr-decay", "`lr_gamma = 0.1`"),
        (
            "--warmup-steps",
            "`warmup = { lr = 0.01, iterations = 400 }`",
        ),
    ] {
        let said = refused(&place, &["run", "tiny.toml", option, "1"]);
        assert!(said.contains(answer), "{said}");
    }
    for (options, answer) in [
        (
            &["--gpu"][..],
            "there is no option `--gpu`: write `--device cuda`",
        ),
        (&["--gpu", "1"], "write `--device cuda:1`"),
        (&["--gpu=0,2"], "write `--device cuda:0,2`"),
        (&["--gpus", "2"], "write `--device cuda:0,1`"),
        (&["--cuda", "tiny.toml"], "write `--device cuda`"),
        (&["--device", "gpu"], "did you mean `cuda`?"),
        (
            &["-j", "many"],
            "expected a number from 1 to 65535, or `auto`",
        ),
    ] {
        let said = refused(&place, &[&["run", "tiny.toml"], options].concat());
        assert!(said.contains(answer), "{said}");
    }
    place.stdout(&["plan", "tiny.toml", "-j", "auto"]);
    let said = refused(&place, &["plan", "tiny.toml", "dept=8"]);
    assert!(said.contains("did you mean `depth`?"), "{said}");
}

#[test]
fn guesses_from_other_programs_are_answered_with_what_to_type() {
    let place = place();
    for (args, answer) in [
        (
            &["clean"][..],
            "there is no command `clean`: `resweep gc` removes",
        ),
        (&["version"], "`resweep --version` prints it"),
        (&["-v"], "`resweep --version` prints the version"),
        (&["tiny.toml"], "`resweep run tiny.toml` trains the sweep"),
        (&["sweep", "tiny.toml"], "`resweep run FILE` trains a sweep"),
        (&["delete", "tiny"], "`resweep rm SWEEP`"),
        (&["data", "list"], "`resweep data download cifar10`"),
        (
            &["run", "tiny.toml", "-n", "4"],
            "`-j 4` trains four runs at once",
        ),
        (
            &["run", "tiny.toml", "--out", "here"],
            "`--results DIR` names the results folder",
        ),
        (&["run", "tiny.toml", "--verbose"], "`--log debug`"),
        (&["run", "-q", "tiny.toml"], "`--progress none`"),
        (&["run", "--config", "tiny.toml"], "`resweep run FILE`"),
        (
            &["run", "tiny.toml", "--n_trials=9"],
            "there is no option `--n_trials`: every combination",
        ),
        (
            &["run", "tiny.toml", "--overwrite"],
            "`--fresh` trains every run again",
        ),
        (
            &["plot", "tiny", "-o", "a.pdf"],
            "`--out figure.pdf` writes one file",
        ),
        (&["table", "tiny", "--latex"], "`--format latex`"),
        (
            &["export", "tiny", "--out", "here"],
            "`--to DIR` names the folder",
        ),
        (
            &["--results", "r", "status", "tiny", "plain-8"],
            "a run of a sweep is `tiny/plain-8`",
        ),
        (
            &["plan", "tiny.toml", "+lr=0.1"],
            "write `lr=0.1`, without `+`",
        ),
        (
            &["plan", "tiny.toml", "lr=choice(0.1,0.2)"],
            "write `lr=0.1,0.2`",
        ),
        (
            &["plan", "tiny.toml", "depth=range(8,20,6)"],
            "write `depth={ from = 8, to = 20, step = 6 }`",
        ),
        (
            &["plan", "tiny.toml", "--train.lr=0.1"],
            "write `train.lr=VALUE`",
        ),
        (
            &["run", "tiny.toml", "--max_concurrent", "2"],
            "`-j 4` trains four runs",
        ),
        (
            &["status", "tiny", "--csv"],
            "`resweep export SWEEP` writes CSV",
        ),
        (
            &["plan", "tiny.toml", "--lr", "0.1", "0.2"],
            "join the values of a list by commas",
        ),
        (
            &["init", "."],
            "name the sweep, as in: resweep init my-sweep",
        ),
    ] {
        let said = refused(&place, args);
        assert!(said.contains(answer), "{args:?}: {said}");
        assert!(!said.contains("as a value"), "{args:?}: {said}");
    }
    let said = refused(&place, &["run", "tiny.toml", "--frobnicate"]);
    assert!(!said.contains("as a value"), "{said}");
}

#[test]
fn examples_of_the_help_fit_eighty_columns() {
    let place = place();
    let commands = [
        "run", "init", "plan", "status", "doctor", "gc", "diff", "rm", "plot", "table", "verify",
        "report", "export", "submit",
    ];
    for command in commands {
        let mut help = place.resweep(&[command, "--help"]);
        let output = help.env("COLUMNS", "100").assert().success();
        let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        let (_, examples) = text.split_once("Examples:").expect("examples");
        let long = examples.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{command}");
    }
}

#[test]
fn guesses_around_a_run_work() {
    let place = place();
    let run = [
        "--results",
        "there",
        "run",
        "tiny.toml",
        "--jobs",
        "2",
        "--resume",
    ];
    let output = place.resweep(&run).assert().success().get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--resume is the default"), "{said}");
    // Except how long ago the sweep started, which may differ.
    let without_ages = |table: String| {
        let column = table.find("started").expect("the last column");
        let kept = |line: &str| line.chars().take(column).collect::<String>();
        table.lines().map(kept).collect::<Vec<_>>()
    };
    assert_eq!(
        without_ages(place.stdout(&["list", "--results", "there"])),
        without_ages(place.stdout(&["--results=there", "status"]))
    );

    let figure = "there/tiny/figure.png";
    let copy = place.path().join("copy.png");
    fs::copy(place.path().join(figure), &copy).expect("a copy");
    for figures in [[figure, "copy.png"], ["tiny", "there/tiny"]] {
        let printed = place.stdout(&[&["--results", "there", "verify"], &figures[..]].concat());
        assert_eq!(
            printed.matches("identical, byte for byte").count(),
            2,
            "{printed}"
        );
    }
    fs::write(&copy, b"no picture").expect("a file");
    let both = ["--results", "there", "verify", "copy.png", "tiny"];
    let output = place.resweep(&both).assert().code(3).get_output().clone();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("identical, byte for byte"), "{printed}");

    let twice = |command| ["--results", "there", command, "tiny", "tiny.toml"];
    place.stdout(&twice("export"));
    for command in ["plot", "table"] {
        let said = refused(&place, &twice(command));
        assert!(
            said.contains("`tiny` is given twice; name it once"),
            "{said}"
        );
    }
    let help = place.stdout(&["help"]);
    assert!(!help.contains("train-run"), "{help}");
}

#[test]
fn a_run_is_shown_as_json() {
    let place = place();
    place.stdout(&["run", "tiny.toml"]);
    let label = planned(&place, &["tiny.toml"])[0].0.clone();
    let run = place.json(&["show", &format!("tiny/{label}"), "--json"]);
    assert_eq!(run["label"], label.as_str());
    assert_eq!(run["status"], "finished");
    assert_eq!(run["sweeps"][0], "tiny");
    let lists = ["train", "eval", "attempts", "files"].map(|list| run[list].as_array());
    for list in lists {
        assert!(list.is_some_and(|list| !list.is_empty()), "{run}");
    }
    let last = &run["eval"].as_array().expect("points")[0];
    assert!(
        last["error_percent"].is_f64() && last["loss"].is_f64(),
        "{last}"
    );
    assert_eq!(run["settings"]["seed"], 1);
}

#[test]
fn init_writes_a_sweep_file_that_runs_and_replaces_none() {
    let place = place();
    let printed = place.stdout(&["init", "mine"]);
    assert!(printed.contains("resweep run mine.toml"), "{printed}");
    let written = fs::read_to_string(place.path().join("mine.toml")).expect("the file");
    assert_eq!(planned(&place, &["mine.toml"]).len(), 4);
    let said = refused(&place, &["init", "mine.toml"]);
    assert!(said.contains("`mine.toml` exists already"), "{said}");
    let again = fs::read_to_string(place.path().join("mine.toml")).expect("the file");
    assert_eq!(again, written);

    place.stdout(&["init", "deep", "--dataset", "cifar10"]);
    assert_eq!(planned(&place, &["deep.toml"]).len(), 4);
    write_images(&place.path().join("pictures"));
    place.stdout(&["init", "pics", "--folder", "pictures"]);
    let runs = [
        "run",
        "pics.toml",
        "--width=2",
        "--image-size=8",
        "--depth=8",
        "epochs=1",
    ];
    place.stdout(&runs);
    assert!(place.path().join("results/pics/figure.png").is_file());
}

#[test]
fn plan_names_the_eval_every_with_which_evaluations_take_a_tenth() {
    let place = place();
    let plan = |every: &str| {
        place.stdout(&[
            "plan",
            "tiny.toml",
            "--iterations=3000",
            "--eval-every",
            every,
        ])
    };
    let dense = plan("7");
    let (_, advice) = dense.split_once("`eval_every = ").expect("advice");
    let (number, rest) = advice.split_once('`').expect("a number");
    assert!(rest.starts_with(" lowers it to 10 %"), "{dense}");
    let sparse: u64 = number.parse().expect("an integer");
    assert_eq!(sparse % 7, 0, "{dense}");
    let sparse = plan(number);
    let (_, share) = sparse
        .split_once("evaluations take about ")
        .expect("a share");
    let (share, rest) = share.split_once(" %").expect("percent");
    let share: u64 = share.parse().expect("an integer");
    assert!((8..=12).contains(&share), "{sparse}");
    assert!(rest.starts_with(" of that; a larger"), "{sparse}");
    // With a tenth, too few evaluations would be left.
    let short = place.stdout(&["plan", "tiny.toml", "--eval-every=1"]);
    assert!(short.contains("a larger `eval_every` lowers it"), "{short}");
}

#[test]
fn init_leaves_out_broken_images_and_names_them() {
    let place = place();
    let folder = place.path().join("Handy Fotos");
    write_images(&folder);
    let broken = folder.join("train/class-0/kaputt ä.png");
    fs::write(broken, b"\x89PNG\r\n\x1a\n").expect("a file");
    fs::write(folder.join("train/class-0/IMG.HEIC"), b"heic").expect("a file");
    let init = ["init", "pics", "--folder", "Handy Fotos"];
    let output = place.resweep(&init).assert().success().get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("IMG.HEIC") && said.contains("kaputt ä.png"),
        "{said}"
    );
    let written = fs::read_to_string(place.path().join("pics.toml")).expect("the file");
    assert!(written.contains("broken_image = \"skip\""), "{written}");
    assert_eq!(planned(&place, &["pics.toml"]).len(), 4);
    let said = refused(&place, &["plan", "pics.toml", "broken_image=fail"]);
    assert!(
        said.contains("`broken_image = \"skip\"` in [data]"),
        "{said}"
    );
}

#[test]
fn a_folder_given_as_the_data_set_is_answered_with_the_option_that_takes_it() {
    let place = place();
    fs::create_dir(place.path().join("holiday photos")).expect("a folder");
    let init = "write `--folder 'holiday photos'`";
    let key = "write `--dataset folder --path 'holiday photos'`";
    for (args, answer) in [
        (&["init", "h", "--data", "holiday photos"][..], init),
        (&["init", "h", "--data=holiday photos"], init),
        (&["init", "h", "--images", "holiday photos"], init),
        (&["init", "h", "--dataset", "holiday photos"], init),
        (&["init", "h", "holiday photos"], init),
        (&["run", "tiny.toml", "--data", "holiday photos"], key),
        (&["plan", "tiny.toml", "-d", "holiday photos"], key),
        (&["init", "h", "--data", "no-folder"], "`--dataset cifar10`"),
        (&["init", "h", "--dataset", "no-folder"], "possible values"),
    ] {
        let said = refused(&place, args);
        assert!(said.contains(answer), "{args:?}: {said}");
    }
}

#[test]
fn skipped_files_are_named_once() {
    let place = place();
    let folder = place.path().join("photos");
    write_images(&folder);
    fs::write(folder.join("train/class-0/IMG.HEIC"), b"heic").expect("a file");
    let run = ["run", "tiny.toml", "--dataset=folder", "--path=photos"];
    let run = [&run[..], &["--width=1,2", "--repeats=2"]].concat();
    for progress in ["--progress=plain", "--progress=json"] {
        let args = [&run[..], &[progress]].concat();
        let output = place.resweep(&args).assert().success().get_output().clone();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.matches("IMG.HEIC").count(), 1, "{said}");
    }
}

#[test]
fn init_counts_photos_on_their_side() {
    let place = place();
    let folder = place.path().join("pictures");
    write_images(&folder);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut plain = Cursor::new(Vec::new());
    let photo = image::RgbImage::new(16, 12);
    photo
        .write_to(&mut plain, image::ImageFormat::Jpeg)
        .expect("a JPEG");
    let plain = plain.into_inner();
    let mut turned = plain[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&plain[2..]);
    fs::write(folder.join("train/class-0/upright.jpg"), plain).expect("a file");
    let init = |name| {
        let args = ["init", name, "--folder", "pictures"];
        let output = place.resweep(&args).assert().success().get_output().clone();
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert_eq!(init("upright"), "");
    fs::write(folder.join("train/class-0/turned.jpg"), turned).expect("a file");
    let said = init("turned");
    assert!(
        said.contains("note: 1 of ") && said.contains("mogrify -auto-orient"),
        "{said}"
    );
}

#[test]
fn a_run_without_a_file_prints_the_file_that_does_the_same() {
    let place = place();
    let args = [
        "run",
        "--depth",
        "8",
        "--shortcut",
        "none,A",
        "--width=2",
        "--image-size",
        "8",
        "--lr",
        "0.05",
        "--iterations=6",
        "--eval-every=6",
    ];
    let output = place.resweep(&args).assert().success().get_output().clone();
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let start = said.find("# resweep plan").expect("the file");
    let end = said[start..].find("\n\ndata synthetic").expect("its end");
    fs::write(place.path().join("same.toml"), &said[start..start + end]).expect("a file");
    let plan = place.json(&["plan", "same.toml", "--json"]);
    assert_eq!(plan["pending"], 0, "{plan}");
    assert_eq!(plan["runs"].as_array().map(Vec::len), Some(2));
    let name = plan["sweep"].as_str().expect("a name");
    assert!(
        place
            .path()
            .join("results")
            .join(name)
            .join("figure.png")
            .is_file()
    );

    let said = refused(&place, &["run", "--depth", "9"]);
    assert!(said.contains("depth 9 is not 6n+2"), "{said}");
    let summary = "error: cannot use these arguments because of a mistake";
    assert!(said.contains(summary), "{said}");
    let said = refused(&place, &["run"]);
    assert!(said.contains("name a sweep"), "{said}");
}
