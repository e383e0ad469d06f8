//! Implements `resweep diff`: the settings and results in which two sweeps or two runs differ.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::changes::{listed, settings_of};
use super::named_run;
use super::results::database;
use super::table::{self, percent};
use crate::cli::DiffArgs;
use resweep_core::domain::{RunConfig, RunId};
use resweep_store::{Member, Store};

/// Runs of both sides, with their errors.
const HEADER: [&str; 7] = [
    "run",
    "A train %",
    "B train %",
    "B - A",
    "A test %",
    "B test %",
    "B - A",
];

/// One of the two sides.
struct Side {
    name: String,
    members: Vec<Member>,
    configs: Vec<RunConfig>,
    fingerprints: HashSet<String>,
}

/// Prints the differences.
pub fn execute(args: &DiffArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let store = Store::open_read_only(&database(results))?;
    let (a, b) = (
        side(&args.a, &store, results)?,
        side(&args.b, &store, results)?,
    );
    outln!("A = {}, B = {}", a.name, b.name);
    outln!();
    settings(&a, &b);
    outln!();
    errors(&a, &b, &store)
}

fn side(name: &str, store: &Store, results: &Path) -> anyhow::Result<Side> {
    let mut members = store.members(name)?;
    if members.is_empty() {
        let run = named_run::find(name, store, results)?;
        members = vec![run.member];
    }
    let ids: Vec<RunId> = members.iter().map(|member| member.id.clone()).collect();
    let mut recorded = store.recorded_runs(&ids)?;
    let recorded: Vec<_> = ids.iter().filter_map(|id| recorded.remove(id)).collect();
    Ok(Side {
        name: name.to_owned(),
        members,
        fingerprints: recorded
            .iter()
            .map(|run| run.data_fingerprint.clone())
            .collect(),
        configs: recorded.into_iter().map(|run| run.config).collect(),
    })
}

/// A line for each setting with different values.
fn settings(a: &Side, b: &Side) {
    let (of_a, of_b) = (settings_of(&a.configs), settings_of(&b.configs));
    let names: BTreeMap<&String, ()> = of_a
        .keys()
        .chain(of_b.keys())
        .map(|name| (name, ()))
        .collect();
    let none = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for name in names.into_keys() {
        let one = of_a.get(name).unwrap_or(&none);
        let other = of_b.get(name).unwrap_or(&none);
        if one != other {
            rows.push(vec![name.clone(), listed(one), listed(other)]);
        }
    }
    if a.fingerprints != b.fingerprints {
        rows.push(vec![
            "images".to_owned(),
            "other images".to_owned(),
            String::new(),
        ]);
    }
    if rows.is_empty() {
        outln!("the settings are the same");
    } else {
        table::print(&["setting", "A", "B"], &[], rows);
    }
}

/// A run of A, the run of B that it is compared with, or both.
struct Pair<'a> {
    label: String,
    a: Option<&'a Member>,
    b: Option<&'a Member>,
}

/// Pairs runs of equal labels; two single runs are compared whatever their labels.
fn pairs<'a>(a: &'a Side, b: &'a Side) -> Vec<Pair<'a>> {
    if let ([one], [other]) = (&a.members[..], &b.members[..]) {
        return vec![Pair {
            label: format!("{} / {}", one.label, other.label),
            a: Some(one),
            b: Some(other),
        }];
    }
    let of_b: HashMap<&str, &Member> = b.members.iter().map(|m| (m.label.as_str(), m)).collect();
    let labels: HashSet<&str> = a.members.iter().map(|m| m.label.as_str()).collect();
    let of_a = a.members.iter().map(|member| Pair {
        label: member.label.clone(),
        a: Some(member),
        b: of_b.get(member.label.as_str()).copied(),
    });
    let only_b = b.members.iter();
    let only_b = only_b.filter(|member| !labels.contains(member.label.as_str()));
    of_a.chain(only_b.map(|member| Pair {
        label: member.label.clone(),
        a: None,
        b: Some(member),
    }))
    .collect()
}

/// A line for each pair of runs.
fn errors(a: &Side, b: &Side, store: &Store) -> anyhow::Result<()> {
    let ids: Vec<RunId> = a
        .members
        .iter()
        .chain(&b.members)
        .map(|m| m.id.clone())
        .collect();
    let statuses = store.statuses(&ids)?;
    let error = |member: Option<&Member>| {
        let status = member.and_then(|member| statuses.get(&member.id));
        let train = status
            .and_then(|status| status.train)
            .map(|point| point.error_percent);
        let eval = status.and_then(|status| status.test.or(status.validation));
        (train, eval.map(|point| point.error_percent))
    };
    let rows = pairs(a, b).into_iter().map(|pair| {
        let (a, b) = (error(pair.a), error(pair.b));
        let label = match (pair.a, pair.b) {
            (Some(a), Some(b)) if a.id == b.id => format!("{} (the same run)", pair.label),
            _ => pair.label,
        };
        vec![
            label,
            percent(a.0),
            percent(b.0),
            change(a.0, b.0),
            percent(a.1),
            percent(b.1),
            change(a.1, b.1),
        ]
    });
    table::print(&HEADER, &HEADER[1..], rows.collect());
    Ok(())
}

fn change(a: Option<f64>, b: Option<f64>) -> String {
    match a.zip(b) {
        Some((a, b)) => format!("{:+.2}", b - a),
        None => "-".to_owned(),
    }
}
