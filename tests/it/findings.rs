//! Verdicts, expectations and adaptive seeds, computed from sweep files and given errors.

use std::collections::HashMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep_core::analysis::expectations::ExpectationOutcome;
use resweep_core::analysis::repeats::Reason;
use resweep_core::analysis::verdicts::{Judgement, Verdict};
use resweep_core::analysis::{Findings, Recorded, SeedGrowth, grow};
use resweep_core::domain::{
    Curves, ErrorPoint, EvalPoint, EvalSet, ResultStatus, Run, RunId, Sweep,
};
use resweep_core::plan::{self, DataIdentity};
use resweep_core::sweep_file;
use resweep_figures::{TableFormat, table};

const HEAD: &str = "[sweep]\nname = \"example\"\n";

const NETS: &str = "
[train]
iterations = 64_000
lr_drops = [32_000, 48_000]
[axes]
shortcut = [\"none\", \"A\"]
depth = [20, 56]
";

/// A sweep whose results a test sets.
struct Measured {
    sweep: Sweep,
    runs: Vec<Run>,
    records: HashMap<RunId, (ResultStatus, Curves)>,
}

impl Measured {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sweep.toml");
        fs::write(&path, toml).expect("the sweep file");
        let sweep = sweep_file::load(&path, &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
        let facts = DataIdentity {
            fingerprint: "images",
            classes: 10,
        };
        let runs = plan::runs(&sweep, &vec![facts; sweep.configurations.len()]);
        Self {
            sweep,
            runs,
            records: HashMap::new(),
        }
    }

    /// Sets the runs of `label`, one for each seed, to finished with these training and test
    /// errors.
    fn finish(mut self, label: &str, errors: &[(f64, f64)]) -> Self {
        for (at, &(train, test)) in errors.iter().enumerate() {
            self.end(label, at, ResultStatus::Finished, (train, test));
        }
        self
    }

    fn end(&mut self, label: &str, seed: usize, end: ResultStatus, (train, test): (f64, f64)) {
        let index = self.sweep.labels.iter().position(|known| known == label);
        let of = |run: &&Run| Some(run.configuration) == index;
        let run = self.runs.iter().filter(of).nth(seed).expect("a run");
        let iteration = run.config.configuration.train.iterations;
        let curves = Curves {
            train_images: None,
            guess_error_percent: None,
            diverged: (end == ResultStatus::Diverged).then_some(iteration),
            measured: None,
            train: vec![ErrorPoint {
                iteration,
                error_percent: train,
                loss: 1.0,
            }],
            eval: vec![EvalPoint {
                iteration,
                set: EvalSet::Test,
                error_percent: test,
                loss: 0.1,
            }],
        };
        self.records.insert(run.id.clone(), (end, curves));
    }

    fn recorded<'a>(&'a self, runs: impl Iterator<Item = &'a Run>) -> Vec<Recorded<'a>> {
        runs.map(|run| {
            let record = self.records.get(&run.id);
            Recorded {
                run,
                status: record.map_or(ResultStatus::Unfinished, |(end, _)| *end),
                curves: record.map(|(_, curves)| curves),
            }
        })
        .collect()
    }

    fn grow(&self) -> SeedGrowth {
        let rule = self.sweep.adaptive.expect("adaptive repeats");
        grow(rule, &self.sweep, &self.recorded(self.runs.iter()))
    }

    fn findings(&self) -> Findings {
        Findings::new(&self.sweep, &self.recorded(self.runs.iter()), None)
    }

    #[track_caller]
    fn verdict(&self, words: &str) -> Verdict {
        let verdicts = self.findings().verdicts;
        let found = verdicts
            .iter()
            .find(|verdict| verdict.claim.contains(words));
        found.unwrap_or_else(|| panic!("{verdicts:#?}")).clone()
    }
}

fn seeds(count: usize) -> String {
    format!("{HEAD}repeats = {count}\n{NETS}")
}

#[test]
fn degradation_holds_if_the_welch_interval_is_above_zero() {
    let train = |errors: [f64; 3]| errors.map(|error| (error, 20.0));
    let measured = Measured::new(&seeds(4))
        .finish(
            "plain-20",
            &[(9.12, 20.0), (9.30, 20.0), (9.41, 20.0), (9.05, 20.0)],
        )
        .finish("plain-56", &train([12.4, 13.1, 11.8]));
    let verdict = measured.verdict("Degradation");
    assert_eq!(verdict.judgement, Judgement::Holds);
    let interval = verdict.comparisons[0].interval.expect("several seeds");
    // scipy.stats.ttest_ind(equal_var=False).confidence_interval(), SciPy 1.17.1
    assert!(
        (interval.low - 1.6909762653838494).abs() < 1e-6,
        "{interval:?}"
    );
    assert!(
        (interval.high - 4.735690401282813).abs() < 1e-6,
        "{interval:?}"
    );
}

#[test]
fn degradation_does_not_hold_below_zero_and_is_undecided_around_it() {
    let shallow = [(9.0, 20.0), (9.1, 20.0), (9.2, 20.0)];
    let measured = |deep: &[(f64, f64)]| {
        let measured = Measured::new(&seeds(3)).finish("plain-20", &shallow);
        measured
            .finish("plain-56", deep)
            .verdict("Degradation")
            .judgement
    };
    let better = [(5.0, 20.0), (5.1, 20.0), (5.2, 20.0)];
    assert_eq!(measured(&better), Judgement::DoesNotHold);
    let either = [(5.0, 20.0), (9.1, 20.0), (13.5, 20.0)];
    assert_eq!(measured(&either), Judgement::Undecided);
}

#[test]
fn deeper_residual_nets_are_not_worse_if_the_interval_is_not_above_zero() {
    let judge = |deep: [(f64, f64); 2]| {
        let measured = Measured::new(&seeds(2)).finish("ResNet-20", &[(1.0, 9.0), (1.0, 9.1)]);
        measured
            .finish("ResNet-56", &deep)
            .verdict("residual")
            .judgement
    };
    assert_eq!(judge([(1.0, 7.0), (1.0, 7.1)]), Judgement::Holds);
    assert_eq!(judge([(1.0, 12.0), (1.0, 12.1)]), Judgement::DoesNotHold);
    assert_eq!(judge([(1.0, 9.1), (1.0, 9.0)]), Judgement::Undecided);
}

#[test]
fn one_seed_and_a_diverged_run_give_no_verdict() {
    let one = Measured::new(&seeds(1))
        .finish("plain-20", &[(1.0, 9.0)])
        .finish("plain-56", &[(6.0, 13.0)]);
    let verdict = one.verdict("Degradation");
    assert_eq!(verdict.judgement, Judgement::CannotBeJudged);
    let reason = verdict.comparisons[0].reason.as_deref();
    assert_eq!(reason, Some("one seed of plain-56"));
    assert_eq!(verdict.comparisons[0].difference, Some(5.0));

    let mut two = Measured::new(&seeds(3))
        .finish("plain-20", &[(1.0, 9.0), (1.2, 9.1), (1.1, 9.2)])
        .finish("plain-56", &[(6.0, 13.0), (6.1, 13.1)]);
    two.end("plain-56", 2, ResultStatus::Diverged, (90.0, 90.0));
    let verdict = two.verdict("Degradation");
    assert_eq!(verdict.judgement, Judgement::CannotBeJudged);
    let reason = verdict.comparisons[0].reason.as_deref();
    assert_eq!(reason, Some("1 of 3 runs of plain-56 diverged"));
}

#[test]
fn table_shows_our_errors_the_papers_and_the_difference() {
    let cifar = "[data]\ndataset = \"cifar10\"\npath = \"src\"\n";
    let measured = Measured::new(&format!("{HEAD}repeats = 2\n{cifar}{NETS}"))
        .finish("plain-20", &[(1.4, 9.5), (1.2, 9.7)])
        .finish("ResNet-56", &[(0.1, 6.97)]);
    let page = table(&measured.findings(), TableFormat::Markdown).expect("a table");
    let row = |label: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| {label} ")));
        let cells = line.expect("a row").split('|').map(str::trim);
        cells
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<&str>>()
            .join(" | ")
    };
    assert_eq!(
        row("plain-20"),
        "plain-20 | 269,722 | 2 | 9.50 | 9.60 ± 0.14 | 8.33 to 10.87 | 1.30 ± 0.14 | 9.69 | -0.09 | 1.30 | +0.00"
    );
    assert_eq!(
        row("ResNet-56"),
        "ResNet-56 | 853,018 | 1 of 2 | 6.97 | 6.97 | - | 0.10 | 6.97 | +0.00 | 0.09 | +0.01"
    );
    assert!(!page.contains("Not the paper's setting"), "{page}");

    let csv = table(&measured.findings(), TableFormat::Csv).expect("a table");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(
        lines[4].starts_with("ResNet-56,56,A,853018,2,1,0,0,6.97,6.97,,,,0.1,"),
        "{csv}"
    );

    let other = Measured::new(&seeds(1)).findings();
    let page = table(&other, TableFormat::Markdown).expect("a table");
    assert!(
        page.contains("data.dataset synthetic (paper cifar10)"),
        "{page}"
    );
    assert!(!page.contains("paper: test"), "{page}");
}

#[test]
fn divergence_and_chance_are_in_every_table() {
    let mut measured = Measured::new(&seeds(3))
        .finish("plain-20", &[(1.0, 9.0), (1.2, 9.1), (1.1, 9.2)])
        .finish("ResNet-56", &[(90.0, 90.0), (89.9, 89.5), (40.0, 45.0)]);
    measured.end("plain-56", 0, ResultStatus::Diverged, (90.0, 90.0));
    measured.end("plain-56", 1, ResultStatus::Diverged, (90.0, 90.0));
    let findings = measured.findings();
    let page = table(&findings, TableFormat::Markdown).expect("a table");
    assert!(
        page.contains("0 of 3, 2 diverged at iteration 64000"),
        "{page}"
    );
    assert!(page.contains(" 3, 2 no better than chance |"), "{page}");
    let hint = "No better than chance: ResNet-56; 56 layers may need `warmup`.";
    assert!(page.contains(hint), "{page}");
    let csv = table(&findings, TableFormat::Csv).expect("a table");
    assert!(
        csv.lines()
            .any(|line| line.starts_with("plain-56") && line.ends_with(",64000 64000,0"))
    );
    assert!(
        csv.lines()
            .any(|line| line.starts_with("ResNet-56") && line.ends_with(",,2"))
    );
    let json = table(&findings, TableFormat::Json).expect("a table");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["rows"][1]["diverged_at"],
        serde_json::json!([64000, 64000])
    );
}

#[test]
fn sweep_with_only_diverged_runs_says_so() {
    let mut measured = Measured::new(&seeds(1));
    for label in measured.sweep.labels.clone() {
        measured.end(&label, 0, ResultStatus::Diverged, (90.0, 90.0));
    }
    let page = table(&measured.findings(), TableFormat::Markdown).expect("a table");
    assert!(page.contains("All 4 runs diverged"), "{page}");
}

#[test]
fn two_nets_that_only_guess_are_not_compared() {
    let guess = [(90.0, 90.0), (90.0, 90.1), (89.9, 90.0)];
    let measured = Measured::new(&seeds(3))
        .finish("plain-20", &guess)
        .finish("plain-56", &guess);
    let verdict = measured.verdict("Degradation");
    assert_eq!(verdict.judgement, Judgement::CannotBeJudged);
    let reason = verdict.comparisons[0].reason.as_deref();
    assert_eq!(
        reason,
        Some("plain-56 and plain-20 are no better than chance")
    );
}

#[test]
fn expectations_are_met_not_met_or_not_decided_yet() {
    let expect = "
[figure]
expect = [
  { where = { shortcut = \"none\", depth = 56 }, test_error = 13.2, tolerance = 1.0 },
  { worse = { depth = 56 }, better = { depth = 20 }, on = \"train\" },
]
";
    let measured = Measured::new(&format!("{}{expect}", seeds(2)))
        .finish("plain-20", &[(1.3, 9.6), (1.2, 9.7)])
        .finish("plain-56", &[(5.8, 14.1), (5.9, 14.3)])
        .finish("ResNet-20", &[(0.7, 8.7), (0.7, 8.8)])
        .finish("ResNet-56", &[(0.1, 7.0)]);
    let outcomes = |measured: &Measured| -> Vec<ExpectationOutcome> {
        let expectations = measured.findings().expectations;
        expectations.iter().map(|checked| checked.outcome).collect()
    };
    let (met, open) = (ExpectationOutcome::Met, ExpectationOutcome::NotDecided);
    assert_eq!(outcomes(&measured), [met, met, open]);
    let measured = measured.finish("ResNet-56", &[(0.1, 7.0), (0.1, 7.0)]);
    assert_eq!(outcomes(&measured), [met, met, ExpectationOutcome::NotMet]);
    let mut measured = measured.finish("plain-56", &[(5.8, 14.1), (5.9, 14.4)]);
    assert_eq!(outcomes(&measured)[0], ExpectationOutcome::NotMet);
    measured.end("plain-56", 1, ResultStatus::Diverged, (90.0, 90.0));
    assert_eq!(outcomes(&measured)[..2], [ExpectationOutcome::NotMet, met]);
}

fn adaptive(min: usize, max: usize) -> String {
    let repeats = format!("repeats = {{ min = {min}, max = {max}, until = \"ordering\" }}\n");
    let depths = NETS
        .replace("[20, 56]", "[20, 32, 56]")
        .replace(", \"A\"", "");
    format!("{HEAD}{repeats}{depths}")
}

#[test]
fn seeds_are_added_until_intervals_are_disjoint() {
    let measured = Measured::new(&adaptive(2, 4))
        .finish("plain-20", &[(1.0, 10.00), (1.0, 10.02)])
        .finish("plain-32", &[(1.0, 10.04), (1.0, 10.06)])
        .finish("plain-56", &[(1.0, 20.00), (1.0, 20.02)]);
    let used = |growth: &SeedGrowth| growth.seeds.iter().map(|s| s.used).collect::<Vec<usize>>();
    let growth = measured.grow();
    assert_eq!((used(&growth), growth.settled), (vec![3, 3, 2], false));
    assert_eq!(growth.seeds[0].reason, Reason::Waiting);

    let mut measured = measured;
    measured.end("plain-20", 2, ResultStatus::Finished, (1.0, 10.01));
    measured.end("plain-32", 2, ResultStatus::Finished, (1.0, 10.05));
    let growth = measured.grow();
    assert_eq!((used(&growth), growth.settled), (vec![4, 4, 2], false));

    // 10.010 +- 0.013 and 10.050 +- 0.013: standard error 0.00408, t = 3.182
    measured.end("plain-20", 3, ResultStatus::Finished, (1.0, 10.01));
    measured.end("plain-32", 3, ResultStatus::Finished, (1.0, 10.05));
    let growth = measured.grow();
    assert_eq!((used(&growth), growth.settled), (vec![4, 4, 2], true));
    assert!(
        growth
            .seeds
            .iter()
            .all(|seeds| seeds.reason == Reason::Decided),
        "{growth:?}"
    );

    measured.end("plain-32", 3, ResultStatus::Finished, (1.0, 10.01));
    let growth = measured.grow();
    assert_eq!((used(&growth), growth.settled), (vec![4, 4, 2], true));
    let against = Reason::UndecidedAtMax(vec!["plain-32".to_owned()]);
    assert_eq!(growth.seeds[0].reason, against);
    assert_eq!(growth.seeds[2].reason, Reason::Decided);
}

#[test]
fn no_seed_is_added_where_a_run_failed_or_diverged() {
    for (end, reason) in [
        (ResultStatus::Failed, Reason::Failed),
        (ResultStatus::Diverged, Reason::Diverged),
    ] {
        let mut measured = Measured::new(&adaptive(2, 4))
            .finish("plain-20", &[(1.0, 10.0), (1.0, 10.2)])
            .finish("plain-32", &[(1.0, 10.0), (1.0, 10.2)])
            .finish("plain-56", &[(1.0, 50.0), (1.0, 50.2)]);
        measured.end("plain-20", 1, end, (90.0, 90.0));
        let growth = measured.grow();
        assert!(growth.settled);
        assert_eq!(growth.seeds[0].used, 2);
        assert_eq!(growth.seeds[1].reason, reason);
        assert_eq!(growth.seeds[2].reason, Reason::Decided);
    }
}

/// Trains the required runs, some at a time in random order, and recomputes what is required in
/// between.
fn train_in_any_order(
    measured: &mut Measured,
    ends: &HashMap<RunId, (ResultStatus, f64)>,
    rng: &mut ChaCha8Rng,
) {
    for _ in 0..1000 {
        let growth = measured.grow();
        let called = |run: &&Run| {
            let at = run.config.seed as usize - 1;
            at < growth.seeds[run.configuration].used && !measured.records.contains_key(&run.id)
        };
        let mut open: Vec<Run> = measured.runs.iter().filter(called).cloned().collect();
        assert_eq!(open.is_empty(), growth.settled);
        if open.is_empty() {
            return;
        }
        for _ in 0..rng.random_range(1..=open.len()) {
            let run = open.swap_remove(rng.random_range(0..open.len()));
            let (end, error) = ends[&run.id];
            let label = measured.sweep.labels[run.configuration].clone();
            measured.end(&label, run.config.seed as usize - 1, end, (error, error));
        }
    }
    panic!("seeds are added for ever");
}

#[test]
fn interruptions_do_not_change_which_seeds_are_trained() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = u64::from(now.expect("a clock").subsec_nanos());
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..50 {
        let fresh = || Measured::new(&adaptive(2, 6));
        let ends: HashMap<RunId, (ResultStatus, f64)> = fresh()
            .runs
            .iter()
            .map(|run| {
                let end = match rng.random_range(0..40) {
                    0 => ResultStatus::Diverged,
                    1 => ResultStatus::Failed,
                    _ => ResultStatus::Finished,
                };
                let error = 10.0 + run.configuration as f64 + rng.random_range(-1.0..1.0);
                (run.id.clone(), (end, error))
            })
            .collect();
        let (mut one, mut other) = (fresh(), fresh());
        train_in_any_order(&mut one, &ends, &mut rng);
        train_in_any_order(&mut other, &ends, &mut rng);
        assert_eq!(one.grow(), other.grow());
        let mut trained: Vec<_> = one.records.keys().collect();
        let mut others: Vec<_> = other.records.keys().collect();
        trained.sort();
        others.sort();
        assert_eq!(trained, others);
    }
}
