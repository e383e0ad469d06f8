//! `docs/guarantees.md` names the tests of each guarantee; they exist.

use std::collections::BTreeSet;
use std::fs;

/// The tests that a part of the page names.
fn named(part: &str) -> BTreeSet<&str> {
    let quoted = part.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.contains("::")).collect()
}

#[test]
fn every_test_of_a_guarantee_was_seen_to_fail() {
    let page = fs::read_to_string("docs/guarantees.md").expect("the page");
    let parts = page.split_once("## How each test was seen to fail");
    let (guarantees, seen) = parts.expect("a section");
    let unseen: Vec<_> = named(guarantees)
        .difference(&named(seen))
        .copied()
        .collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn every_guarantee_names_tests_that_exist() {
    let page = fs::read_to_string("docs/guarantees.md").expect("the page");
    let mut tests = 0;
    for name in page.split('`').skip(1).step_by(2) {
        let Some((module, test)) = name.split_once("::") else {
            continue;
        };
        let folders = ["", "crates/resweep-core/", "crates/resweep-store/"];
        let files = folders.map(|folder| format!("{folder}tests/it/{module}.rs"));
        let source = files.iter().find_map(|file| fs::read_to_string(file).ok());
        let source = source.unwrap_or_else(|| panic!("{module}.rs is missing"));
        assert!(source.contains(&format!("fn {test}(")), "{name} is missing");
        tests += 1;
    }
    let guarantees = page.lines().filter(|line| line.starts_with("| ")).count();
    assert!(tests >= guarantees - 3, "{tests} tests, {guarantees} rows");
}
