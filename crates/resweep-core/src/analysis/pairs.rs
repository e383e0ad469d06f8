//! Selects the configurations of a sweep that are compared with each other.
//!
//! Two configurations are comparable if they differ only in depth or only in shortcut type. Warm-up
//! is ignored, because the paper uses it for depth 110 alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::domain::{Configuration, Shortcut};

/// Configurations that differ only in depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    pub shortcut: Shortcut,
    /// Identifies the settings that the members share: all but depth, shortcut and warm-up.
    /// Numbered from 0.
    rest: usize,
    /// Indices into the sweep's configurations, ascending in depth.
    pub members: Vec<usize>,
}

impl Family {
    /// Neighbouring depths, the shallower one first.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.members.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// Whether the members of both families differ only in depth and shortcut.
    pub fn is_like(&self, other: &Family) -> bool {
        self.rest == other.rest && self.shortcut != other.shortcut
    }
}

/// The families of a sweep, in the order of their first configuration. If two configurations of a
/// family have the same depth and differ only in warm-up, the first is the member.
pub fn families(configurations: &[Configuration]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut rests: HashMap<String, usize> = HashMap::new();
    let mut known: HashMap<(Shortcut, usize), usize> = HashMap::new();
    for (index, configuration) in configurations.iter().enumerate() {
        let shortcut = configuration.model.shortcut;
        let next = rests.len();
        let rest = *rests.entry(rest(configuration)).or_insert(next);
        let at = *known.entry((shortcut, rest)).or_insert_with(|| {
            families.push(Family {
                shortcut,
                rest,
                members: Vec::new(),
            });
            families.len() - 1
        });
        families[at].members.push(index);
    }
    let depth = |index: &usize| configurations[*index].model.depth;
    for family in &mut families {
        family.members.sort_by_key(depth);
        family.members.dedup_by_key(|index| depth(index));
    }
    families
}

/// Families that differ only in shortcut: the table of depth by shortcut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// The columns, in the order none, A, B, C.
    pub shortcuts: Vec<Shortcut>,
    /// The rows, ascending.
    pub depths: Vec<usize>,
    /// For each depth and shortcut the index of the configuration.
    pub cells: Vec<Vec<Option<usize>>>,
}

/// The grids of at least two depths and two shortcuts.
pub fn grids(configurations: &[Configuration]) -> Vec<Grid> {
    let mut by_rest: BTreeMap<usize, Vec<Family>> = BTreeMap::new();
    for family in families(configurations) {
        by_rest.entry(family.rest).or_default().push(family);
    }
    let grids = by_rest.into_values().map(|list| grid(list, configurations));
    grids
        .filter(|grid| grid.shortcuts.len() > 1 && grid.depths.len() > 1)
        .collect()
}

fn grid(mut families: Vec<Family>, configurations: &[Configuration]) -> Grid {
    families.sort_by_key(|family| family.shortcut);
    let depth = |index: usize| configurations[index].model.depth;
    let members = families.iter().flat_map(|family| &family.members);
    let depths: BTreeSet<usize> = members.map(|&index| depth(index)).collect();
    let cell = |family: &Family, row: usize| {
        let mut members = family.members.iter().copied();
        members.find(|&index| depth(index) == row)
    };
    Grid {
        shortcuts: families.iter().map(|family| family.shortcut).collect(),
        cells: depths
            .iter()
            .map(|&row| families.iter().map(|family| cell(family, row)).collect())
            .collect(),
        depths: depths.into_iter().collect(),
    }
}

/// All pairs to compare, each once: neighbouring depths of a family, then different shortcuts of
/// the same depth.
pub fn pairs(configurations: &[Configuration]) -> Vec<(usize, usize)> {
    let families = families(configurations);
    let mut pairs: Vec<(usize, usize)> = families.iter().flat_map(Family::neighbours).collect();
    let alike = families_alike(&families);
    for (at, one) in families.iter().enumerate() {
        let later = alike[&one.rest].iter().filter(|other| **other > at);
        for &other in later {
            pairs.extend(same_depth(one, &families[other], configurations));
        }
    }
    pairs
}

/// The families, grouped by all settings but depth, shortcut and warm-up.
fn families_alike(families: &[Family]) -> BTreeMap<usize, Vec<usize>> {
    let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, family) in families.iter().enumerate() {
        alike.entry(family.rest).or_default().push(index);
    }
    alike
}

/// Members of two families with the same depth, ascending in depth.
pub fn same_depth<'a>(
    one: &'a Family,
    other: &'a Family,
    configurations: &'a [Configuration],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let depth = |index: usize| configurations[index].model.depth;
    one.members.iter().filter_map(move |&index| {
        let mut others = other.members.iter().copied();
        let partner = others.find(|&partner| depth(partner) == depth(index))?;
        Some((index, partner))
    })
}

fn rest(configuration: &Configuration) -> String {
    let mut rest = configuration.clone();
    rest.model.depth = 0;
    rest.model.shortcut = Shortcut::None;
    rest.train.warmup = None;
    // Plain data always serialise to JSON.
    serde_json::to_string(&rest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Warmup, WarmupEnd};

    fn net(depth: usize, shortcut: Shortcut) -> Configuration {
        Configuration::paper(depth, shortcut)
    }

    #[test]
    fn neighbouring_depths_and_shortcuts_of_one_depth_are_compared() {
        let mut deepest = net(110, Shortcut::A);
        deepest.train.warmup = Some(Warmup {
            lr: 0.01,
            until: WarmupEnd::Iterations(400),
        });
        let mut slower = net(20, Shortcut::A);
        slower.train.lr = 0.01;
        let nets = [
            net(56, Shortcut::None),
            net(20, Shortcut::None),
            net(20, Shortcut::A),
            deepest,
            net(56, Shortcut::A),
            slower,
        ];
        assert_eq!(pairs(&nets), [(1, 0), (2, 4), (4, 3), (1, 2), (0, 4)]);

        let [grid] = &grids(&nets)[..] else {
            panic!("the slower net has no grid of its own");
        };
        assert_eq!(grid.shortcuts, [Shortcut::None, Shortcut::A]);
        assert_eq!(grid.depths, [20, 56, 110]);
        let rows = [[Some(1), Some(2)], [Some(0), Some(4)], [None, Some(3)]];
        assert_eq!(grid.cells, rows);
    }
}
