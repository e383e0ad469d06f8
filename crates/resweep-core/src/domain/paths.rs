//! Expands `~` and variables in paths, which a shell does not do within quotes or after `=`.

use std::env;
use std::path::PathBuf;

/// Why a path cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownHome {
    #[error("`{path}` begins with `~`, but the home folder is unknown; write the full path")]
    NoHome { path: String },
    #[error(
        "`{path}` begins with the home folder of another user, which is not supported; write the full path"
    )]
    OtherUser { path: String },
    #[error("`{path}` has the variable `${name}`, which is not set")]
    NoVariable { path: String, name: String },
}

/// Expands `~` at the start of a path and variables (`$NAME`, `${NAME}`) at the start of its
/// components.
///
/// # Errors
/// When the home folder or a variable is unknown.
pub fn expand_path(path: &str) -> Result<PathBuf, UnknownHome> {
    expand(path, |name| {
        env::var(name).ok().filter(|value| !value.is_empty())
    })
}

fn expand(path: &str, variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, UnknownHome> {
    let owned = || path.to_owned();
    let mut parts = Vec::new();
    for (index, part) in path.split('/').enumerate() {
        parts.push(match part {
            "~" if index == 0 => {
                variable("HOME").ok_or_else(|| UnknownHome::NoHome { path: owned() })?
            }
            _ if index == 0 && part.starts_with('~') => {
                return Err(UnknownHome::OtherUser { path: owned() });
            }
            _ => match variable_in(part) {
                None => part.to_owned(),
                Some((name, rest)) => {
                    let name = name.to_owned();
                    let value = variable(&name);
                    let path = owned();
                    value.ok_or(UnknownHome::NoVariable { path, name })? + rest
                }
            },
        });
    }
    Ok(PathBuf::from(parts.join("/")))
}

/// The variable at the start of a path component, and the rest of the component.
fn variable_in(part: &str) -> Option<(&str, &str)> {
    let rest = part.strip_prefix('$')?;
    let (name, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?,
        None => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()))
        }
    };
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    named.then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_folder_and_variables_are_expanded() {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "USER" => Some("me".to_owned()),
            _ => None,
        };
        let expanded = |path: &str| {
            let path = expand(path, variable).map_err(|error| error.to_string())?;
            Ok::<String, String>(path.display().to_string())
        };
        for (path, expected) in [
            ("~", "/home/me"),
            ("~/pics", "/home/me/pics"),
            ("$HOME/pics", "/home/me/pics"),
            ("${HOME}", "/home/me"),
            ("/data/$USER/x", "/data/me/x"),
            ("/data/${USER}-2", "/data/me-2"),
            ("a/~", "a/~"),
            ("a~b", "a~b"),
            ("cost$5", "cost$5"),
            ("$5", "$5"),
            ("$", "$"),
        ] {
            assert_eq!(expanded(path).as_deref(), Ok(expected), "{path}");
        }
        assert!(expanded("~you/x").unwrap_err().contains("another user"));
        assert!(expanded("$NONE/x").unwrap_err().contains("`$NONE`"));
        let homeless = expand("~/x", |_| None);
        assert!(matches!(homeless, Err(UnknownHome::NoHome { .. })));
    }
}
