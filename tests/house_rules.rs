//! Which part of the program may import which, read off the `use crate::` lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each part and what it may import besides itself. Data flows from `spec` to `render`; only
/// `commands` sees everything.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("spec", &["domain"]),
    ("model", &["domain"]),
    ("plan", &["domain", "model"]),
    ("schedule", &["domain"]),
    ("data", &["domain"]),
    ("engine", &["domain", "model"]),
    ("train", &["domain", "data", "engine", "model"]),
    ("record", &["domain"]),
    ("report", &["domain"]),
    ("analysis", &["domain"]),
    ("export", &["domain"]),
    ("render", &["analysis", "domain"]),
    ("page", &["domain"]),
    ("cli", &["domain", "report"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a readable folder");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The part of the program that a file under `src/` belongs to.
fn part(path: &Path) -> String {
    let first = path.iter().next().expect("not empty").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn parts_import_only_what_the_architecture_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).expect("under src");
        let part = part(relative);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            continue;
        };
        seen.insert(part.clone());
        let text = std::fs::read_to_string(&path).expect("readable text");
        if text.contains("crate::{") {
            wrong.insert(format!("{} imports in a list", relative.display()));
        }
        for import in text.split("crate::").skip(1) {
            let name: String = import
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            let known = MAY_IMPORT.iter().any(|(part, _)| *part == name) || name == "commands";
            if known && name != part && !allowed.contains(&name.as_str()) {
                wrong.insert(format!("{} imports {name}", relative.display()));
            }
        }
    }
    assert_eq!(seen.len(), MAY_IMPORT.len(), "parts that exist: {seen:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
