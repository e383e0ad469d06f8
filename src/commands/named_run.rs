//! Finds a recorded run by its label, `SWEEP/LABEL`, or the beginning of its id.

use super::exit_code::UsageError;
use resweep_store::{Member, Store};

/// The minimum number of digits of an id.
const DIGITS_MIN: usize = 6;

/// A run and a sweep that contains it.
#[derive(Debug, Clone)]
pub struct NamedRun {
    pub sweep: String,
    pub member: Member,
}

/// The run that `name` identifies; `None` if there is none.
///
/// # Errors
/// Several runs match, or the database cannot be read.
pub fn find(name: &str, store: &Store) -> anyhow::Result<Option<NamedRun>> {
    let mut found: Vec<NamedRun> = Vec::new();
    for sweep in store.sweeps()? {
        for member in store.members(&sweep.name)? {
            let known = found.iter().any(|other| other.member.id == member.id);
            if !known && is_named(name, &sweep.name, &member) {
                let sweep = sweep.name.clone();
                found.push(NamedRun { sweep, member });
            }
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => {
            let name_of = |run: &NamedRun| format!("{}/{}", run.sweep, run.member.label);
            let names: Vec<String> = several.iter().take(6).map(name_of).collect();
            let message = format!("several runs are named `{name}`: {}", names.join(", "));
            Err(UsageError(message).into())
        }
    }
}

fn is_named(name: &str, sweep: &str, member: &Member) -> bool {
    let is_id = name.len() >= DIGITS_MIN && member.id.0.starts_with(name);
    let within = name
        .strip_prefix(sweep)
        .and_then(|rest| rest.strip_prefix('/'));
    is_id || member.label == name || within == Some(&member.label)
}
