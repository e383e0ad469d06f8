//! Reads `[[expect]]`: the expected errors of a sweep.

use super::diagnostics::problem::{Problem, Problems};
use super::diagnostics::source::Span;
use super::grid::axes::Axis;
use super::grid::rules::{Conditions, conditions};
use super::keys::key::{Key, Section};
use super::parse::tree::{Table, Value};
use super::values::section;
use super::values::setting::{Point, Settings};
use super::values::tables;
use crate::domain::{Expectation, Measure};

/// Keys whose values are tables of conditions.
const CONDITIONS: [&str; 3] = ["where", "worse", "better"];

/// An expectation as written, with checked values.
#[derive(Debug)]
pub struct Expect {
    at: Span,
    settings: Settings,
    only: Option<Conditions>,
    worse: Option<Conditions>,
    better: Option<Conditions>,
}

/// Reads `[[expect]]`, and `expect` in `[figure]` or in each `[[figure]]`.
pub fn read(root: &Table, problems: &mut Problems) -> Vec<Expect> {
    let mut found = tables(root, problems);
    for figure in figures(root) {
        found.extend(tables(figure, problems));
    }
    found
        .into_iter()
        .map(|(at, table)| expect(at, table, problems))
        .collect()
}

/// Returns `[figure]` or each `[[figure]]`; the reader of figures reports other types.
fn figures(root: &Table) -> Vec<&Table> {
    fn as_table(value: &Value) -> Option<&Table> {
        match value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
    match root.get("figure").map(|entry| &entry.node.value) {
        Some(Value::Array(list)) => list.iter().filter_map(|n| as_table(&n.value)).collect(),
        Some(value) => as_table(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Accepts one table or a list of tables.
fn tables<'t>(parent: &'t Table, problems: &mut Problems) -> Vec<(Span, &'t Table)> {
    match parent.get("expect") {
        Some(entry) => match &entry.node.value {
            Value::Table(table) => vec![(entry.key_at, table)],
            _ => tables::tables(parent, "expect", problems),
        },
        None => Vec::new(),
    }
}

fn expect(at: Span, table: &Table, problems: &mut Problems) -> Expect {
    let mut settings = Settings::default();
    section::read(Section::Expect, table, &CONDITIONS, &mut settings, problems);
    let mut conditions_of = |name: &str| {
        let entry = table.get(name)?;
        let inner = tables::as_table(entry, problems)?;
        let place = format!("`{name}`");
        Some(conditions(entry.node.at, inner, &place, problems))
    };
    let [only, worse, better] = CONDITIONS.map(&mut conditions_of);
    let expect = Expect {
        at,
        settings,
        only,
        worse,
        better,
    };
    expect.check_kind(table, problems);
    expect
}

impl Expect {
    pub fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        [&self.only, &self.worse, &self.better]
            .into_iter()
            .flatten()
    }

    /// Checks that the expectation is either a target or an order, and has only the keys of that
    /// kind.
    fn check_kind(&self, table: &Table, problems: &mut Problems) {
        let has = |name: &str| table.get(name).is_some();
        let at = |name: &str| table.get(name).map_or(self.at, |entry| entry.key_at);
        let target = has("test_error") || has("train_error");
        let order = has("worse") || has("better");
        let (message, at, label) = match (target, order) {
            (false, false) => (
                "this expectation expects nothing",
                self.at,
                "no error, no order",
            ),
            (true, true) => (
                "this expectation is two",
                at("worse"),
                "an order besides an error",
            ),
            (true, false) if !has("tolerance") => (
                "this expectation has no tolerance",
                self.at,
                "no `tolerance`",
            ),
            (true, false) if has("on") => (
                "`on` belongs to an order",
                at("on"),
                "the error's key says which it is",
            ),
            (false, true) if !has("worse") || !has("better") => (
                "this order has one side",
                self.at,
                "`worse` and `better` are needed",
            ),
            (false, true) if has("tolerance") => (
                "an order has no tolerance",
                at("tolerance"),
                "belongs to an error",
            ),
            (false, true) if has("where") => (
                "an order has no `where`",
                at("where"),
                "belongs to an error",
            ),
            _ => return,
        };
        problems.push(Problem::new(at, message).label(label).help(
            "an error, as in `where = { depth = 56 }, test_error = 13.2, tolerance = 1.0`, or an \
             order, as in `worse = { depth = 56 }, better = { depth = 20 }, on = \"train\"`",
        ));
    }

    /// Returns the expectations for the configurations at `points`, which are in the order of the
    /// sweep. An expectation without configurations is dropped if an override removed them.
    pub fn resolve(
        &self,
        points: &[Point<'_>],
        axes: &[Axis],
        problems: &mut Problems,
    ) -> Vec<Expectation> {
        for conditions in self.conditions() {
            conditions.check_matches(points, "this expectation", problems);
        }
        let own = self.settings.point();
        let mut found = Vec::new();
        for (key, measure) in [
            (Key::ExpectTestError, Measure::Test),
            (Key::ExpectTrainError, Measure::Train),
        ] {
            if let Some((error_percent, tolerance)) =
                own.number(key).zip(own.number(Key::ExpectTolerance))
            {
                found.push(Expectation::Target {
                    configurations: matching(self.only.as_ref(), points),
                    measure,
                    error_percent,
                    tolerance,
                });
            }
        }
        found.extend(self.order(points, axes, problems));
        found
    }

    fn order(
        &self,
        points: &[Point<'_>],
        axes: &[Axis],
        problems: &mut Problems,
    ) -> Option<Expectation> {
        let (worse, better) = (self.worse.as_ref()?, self.better.as_ref()?);
        let named = |key: &Key| worse.names(*key) || better.names(*key);
        let fixed: Vec<&Key> = axes
            .iter()
            .filter(|axis| !axis.keys.iter().any(named))
            .flat_map(|axis| &axis.keys)
            .collect();
        let alike = |one: &Point<'_>, other: &Point<'_>| {
            fixed
                .iter()
                .all(|key| match (one.get(**key), other.get(**key)) {
                    (Some(one), Some(other)) => one.agrees(other),
                    _ => true,
                })
        };
        let (worse_ones, better_ones) = (
            matching(Some(worse), points),
            matching(Some(better), points),
        );
        let pairs = worse_ones.iter().flat_map(|&one| {
            let others = better_ones.iter().map(move |&other| (one, other));
            others.filter(|&(one, other)| one != other && alike(&points[one], &points[other]))
        });
        let worse_and_better: Vec<(usize, usize)> = pairs.collect();
        if worse_and_better.is_empty() && !worse_ones.is_empty() && !better_ones.is_empty() {
            let problem = Problem::new(worse.at, "this order compares nothing")
                .label("nothing that is better differs in the named keys alone");
            problems.push(problem.context(better.at, "the other side").help(
                "the two sides are compared where they have the same value on every axis that \
                 neither names",
            ));
        }
        let measure = self.settings.point().choice(Key::ExpectOn);
        (!worse_and_better.is_empty()).then_some(Expectation::Order {
            measure: measure.unwrap_or(Measure::Test),
            worse_and_better,
        })
    }
}

fn matching(only: Option<&Conditions>, points: &[Point<'_>]) -> Vec<usize> {
    (0..points.len())
        .filter(|&index| only.is_none_or(|only| only.match_point(&points[index])))
        .collect()
}
