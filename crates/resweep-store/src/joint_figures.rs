//! Finds the folders with figures of several sweeps, such as `first+second`. Must not claim a file
//! whose name the program does not give.

use std::collections::HashSet;
use std::path::Path;

use resweep_core::files::{Entry, Place};
use resweep_core::sweep_file::JOINT;

/// The folders below `root` whose names contain the sweep's, with their names.
pub(super) fn folders(root: &Place, sweep: &str) -> Vec<(String, Place)> {
    let entries = root.entries().into_iter().filter(|entry| entry.is_folder);
    let named = |name: &str| name.contains(JOINT) && name.split(JOINT).any(|part| part == sweep);
    let folders = entries.filter_map(|entry| Some((name(&entry)?, entry.place)));
    let mut folders: Vec<(String, Place)> = folders.filter(|(name, _)| named(name)).collect();
    folders.sort();
    folders
}

/// The tables of a folder, and its figures: those that are there as PNG and as SVG.
pub(super) fn files(folder: &Place) -> Vec<Entry> {
    let entries: Vec<Entry> = folder.entries();
    let all: HashSet<String> = entries.iter().filter_map(name).collect();
    let is_given = |name: &str| {
        let other = |ending| {
            let path = Path::new(name).with_extension(ending);
            path.to_str().is_some_and(|path| all.contains(path))
        };
        let extension = Path::new(name).extension();
        match extension.and_then(|extension| extension.to_str()) {
            Some("png") => other("svg"),
            Some("svg") => other("png"),
            _ => ["table.md", "table.csv", "table.json"].contains(&name),
        }
    };
    let given = |entry: &Entry| entry.is_file && name(entry).is_some_and(|name| is_given(&name));
    entries.into_iter().filter(given).collect()
}

fn name(entry: &Entry) -> Option<String> {
    entry.name().map(str::to_owned)
}

/// The name of such a folder after one of its sweeps is renamed.
pub(super) fn renamed(name: &str, from: &str, to: &str) -> String {
    let parts = name.split(JOINT);
    let parts: Vec<&str> = parts
        .map(|part| if part == from { to } else { part })
        .collect();
    parts.join(&JOINT.to_string())
}
