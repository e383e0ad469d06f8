//! Matches the class folders of both splits by name.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::walk::{is_image, visible};
use crate::error::{DataError, examples};
use resweep_core::domain::is_unprintable;

/// Labels are 16 bits wide.
const CLASSES_MAX: usize = 1 << 16;

/// A class and the names of its folders, which can differ in their Unicode form.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    /// The name in figures.
    pub name: String,
    pub train: String,
    pub test: String,
}

/// The class folders of both splits, which must be the same.
pub fn common(
    root: &Path,
    splits: [&str; 2],
    warnings: &mut Vec<String>,
) -> Result<Vec<Class>, DataError> {
    let [train, test] = splits.map(|split| folders(root, Path::new(split), warnings));
    let (train, test) = (train?, test?);
    if train.len() < 2 {
        return Err(too_few(root, splits[0].as_ref(), train.len()));
    }
    let classes = matched(train, test).map_err(|difference| DataError::ClassesDiffer {
        train: root.join(splits[0]),
        test: root.join(splits[1]),
        difference,
    })?;
    Ok(distinguish(classes, warnings))
}

/// The class folders of one folder, which contains the test images as well.
pub fn of(root: &Path, split: &Path, warnings: &mut Vec<String>) -> Result<Vec<Class>, DataError> {
    let names = folders(root, split, warnings)?;
    if names.len() < 2 {
        return Err(too_few(root, split, names.len()));
    }
    let classes = names.into_iter().map(|name| Class {
        name: name.clone(),
        train: name.clone(),
        test: name,
    });
    Ok(distinguish(classes.collect(), warnings))
}

fn too_few(root: &Path, split: &Path, found: usize) -> DataError {
    DataError::TooFewClasses {
        path: root.join(split),
        found,
    }
}

/// The names of the folders in a split, sorted. Warns of images beside them, and of links that lead
/// back to the split.
fn folders(
    root: &Path,
    split: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, DataError> {
    let path = root.join(split);
    let (mut names, mut strays, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    for entry in visible(&path)? {
        let metadata = fs::metadata(entry.path()).ok();
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            match leads_back(&path, &entry) {
                true => loops.push(split.join(entry.file_name())),
                false => names.push(class_name(&entry)?),
            }
        } else if is_image(&entry.path(), metadata.as_ref()) {
            strays.push(split.join(entry.file_name()));
        }
    }
    warnings.extend(about(strays, "image", "is outside the class folders"));
    warnings.extend(about(loops, "link", "links to a folder that contains it"));
    check_count(&path, names.len(), CLASSES_MAX)?;
    names.sort_unstable();
    Ok(names)
}

fn check_count(path: &Path, found: usize, most: usize) -> Result<(), DataError> {
    match found > most {
        true => Err(DataError::TooManyClasses {
            path: path.to_owned(),
            found,
            most,
        }),
        false => Ok(()),
    }
}

/// Whether a folder of a split is a link to the split or to a parent of it.
fn leads_back(split: &Path, entry: &DirEntry) -> bool {
    let (Ok(split), Ok(target)) = (fs::canonicalize(split), fs::canonicalize(entry.path())) else {
        return false;
    };
    split.starts_with(target)
}

fn about(paths: Vec<PathBuf>, what: &str, why: &str) -> Option<String> {
    let examples = examples(&paths);
    match paths.len() {
        0 => None,
        1 => Some(format!("1 {what} is skipped because it {why}: {examples}")),
        count => Some(format!(
            "{count} {what}s are skipped because each {why}: {examples}"
        )),
    }
}

/// The name of a class is that of its folder; figures and terminals show it.
fn class_name(folder: &DirEntry) -> Result<String, DataError> {
    let name = folder.file_name().into_string().ok();
    name.filter(|name| !name.chars().any(is_unprintable))
        .ok_or_else(|| DataError::ClassName {
            path: folder.path(),
        })
}

/// The same text in Unicode's composed form (NFC).
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// Matches the folders of both splits, or describes their difference. Names that differ only in
/// Unicode form are one class.
fn matched(train: Vec<String>, test: Vec<String>) -> Result<Vec<Class>, String> {
    let alone = |here: &[String], there: &[String]| -> Vec<String> {
        let only = here
            .iter()
            .filter(|name| there.binary_search(name).is_err());
        only.cloned().collect()
    };
    let mut others: HashMap<String, String> = (alone(&test, &train).into_iter())
        .map(|name| (composed(&name), name))
        .collect();
    let mut missing = Vec::new();
    let mut classes = Vec::with_capacity(train.len());
    for name in train {
        let twin = match test.binary_search(&name) {
            Ok(_) => name.clone(),
            Err(_) => match others.remove(&composed(&name)) {
                Some(twin) => twin,
                None => {
                    missing.push(name);
                    continue;
                }
            },
        };
        classes.push(Class {
            name: name.clone(),
            train: name,
            test: twin,
        });
    }
    let mut left: Vec<String> = others.into_values().collect();
    left.sort_unstable();
    match (missing.first(), left.first()) {
        (None, None) => Ok(classes),
        (Some(name), _) => Err(difference(name, "training", &left, "test")),
        (None, Some(name)) => Err(difference(name, "test", &[], "training")),
    }
}

/// Describes a class that only one split has, with a similar class of the other split if there is
/// one.
fn difference(name: &str, here: &str, others: &[String], there: &str) -> String {
    let alike = others
        .iter()
        .find(|other| similarity(name, other).is_some());
    match alike {
        Some(other) => format!(
            "{} is only in the {here} folder and {} only in the {there} folder; they differ in {}: \
             rename one of them",
            quoted(name),
            quoted(other),
            self::similarity(name, other).unwrap_or_default()
        ),
        None => format!("{} is only in the {here} folder", quoted(name)),
    }
}

/// Quotes a name, with invisible characters escaped.
fn quoted(name: &str) -> String {
    format!("`{}`", escaped(name))
}

/// Escapes spaces at the ends and combining characters as `\u{20}`.
fn escaped(name: &str) -> String {
    let trimmed = name.trim();
    let start = name.len() - name.trim_start().len();
    let escape = |text: &str| -> String {
        text.chars()
            .map(|c| c.escape_unicode().to_string())
            .collect()
    };
    let middle = match composed(trimmed) == trimmed {
        true => trimmed.to_owned(),
        false => trimmed.escape_default().to_string(),
    };
    let end = &name[start + trimmed.len()..];
    format!("{}{middle}{}", escape(&name[..start]), escape(end))
}

/// A key that similar names share: the letters without spaces, case and Unicode form.
fn outline(name: &str) -> String {
    let letters = name.nfkc().filter(|c| !c.is_whitespace());
    letters.collect::<String>().to_lowercase()
}

/// In what two similar names differ; `None` if they are not similar.
fn similarity(one: &str, other: &str) -> Option<&'static str> {
    let (a, b) = (composed(one), composed(other));
    if a == b {
        Some("their Unicode form")
    } else if a.trim() == b.trim() {
        Some("spaces at the ends")
    } else if a.to_lowercase() == b.to_lowercase() {
        Some("upper and lower case")
    } else if outline(one) == outline(other) {
        Some("spaces, case or Unicode form")
    } else {
        None
    }
}

/// Warns of similar classes, and describes how their names differ.
fn distinguish(mut classes: Vec<Class>, warnings: &mut Vec<String>) -> Vec<Class> {
    let mut groups: HashMap<String, usize> = HashMap::new();
    for place in 0..classes.len() {
        let Some(&first) = groups.get(&outline(&classes[place].train)) else {
            groups.insert(outline(&classes[place].train), place);
            continue;
        };
        let (one, other) = (classes[first].train.clone(), classes[place].train.clone());
        classes[first].name = escaped(&one);
        classes[place].name = escaped(&other);
        if let Some(how) = similarity(&one, &other) {
            warnings.push(format!(
                "the classes {} and {} differ only in {how}",
                quoted(&one),
                quoted(&other)
            ));
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn names_in_two_unicode_forms_are_one_class() {
        let classes = matched(names(&["caf\u{e9}", "tea"]), names(&["cafe\u{301}", "tea"]));
        let classes = classes.expect("the same classes");
        assert_eq!(classes.len(), 2);
        assert_eq!(
            (&*classes[0].train, &*classes[0].test),
            ("caf\u{e9}", "cafe\u{301}")
        );
    }

    #[test]
    fn similar_names_are_distinguished() {
        for (one, other, said) in [
            (
                "Red",
                "red",
                "`Red` is only in the training folder and `red` only in the test folder; they differ in upper and lower case: rename one of them",
            ),
            (
                "red",
                "red ",
                "`red\\u{20}` only in the test folder; they differ in spaces at the ends",
            ),
            (
                "red cat",
                "redcat",
                "they differ in spaces, case or Unicode form",
            ),
            ("red", "blue", "`red` is only in the training folder"),
        ] {
            let found = matched(names(&["a", one]), names(&["a", other])).expect_err("differ");
            assert!(found.contains(said), "{found}");
        }
        let found = matched(names(&["a"]), names(&["a", "b"])).expect_err("differ");
        assert_eq!(found, "`b` is only in the test folder");
    }

    #[test]
    fn similar_classes_of_one_split_give_a_warning() {
        let class = |name: &str| Class {
            name: name.to_owned(),
            train: name.to_owned(),
            test: name.to_owned(),
        };
        let mut warnings = Vec::new();
        let classes = vec![
            class("caf\u{e9}"),
            class("cafe\u{301}"),
            class("x"),
            class("x "),
        ];
        let shown = distinguish(classes, &mut warnings);
        let shown: Vec<&str> = shown.iter().map(|class| &*class.name).collect();
        assert_eq!(shown, ["caf\u{e9}", "cafe\\u{301}", "x", "x\\u{20}"]);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn more_classes_than_labels_are_rejected() {
        assert_eq!(CLASSES_MAX, usize::from(u16::MAX) + 1);
        assert!(check_count(Path::new("train"), 3, 3).is_ok());
        let message = check_count(Path::new("train"), 3, 2)
            .expect_err("too many")
            .to_string();
        assert!(
            message.contains("holds 3 class folders; at most 2"),
            "{message}"
        );
    }
}
