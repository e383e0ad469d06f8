//! What `resweep status` says about seeds that the results decide about: the sweep as it was started
//! last, asked from its records alone.

use std::path::Path;

use super::recorded::recorded;
use super::records::Records;
use crate::analysis::grow;
use crate::record::Store;

/// How many seeds the sweep uses and why, in a line; `None` where their number is fixed, or where
/// the sweep cannot be read again.
///
/// # Errors
/// When the store cannot be read.
pub fn note(name: &str, store: &Store, database: &Path) -> anyhow::Result<Option<String>> {
    let Ok(Some((sweep, runs))) = recorded(name, store, database) else {
        return Ok(None);
    };
    let Some(rule) = sweep.adaptive else {
        return Ok(None);
    };
    let records = Records::read(&runs, store)?;
    Ok(Some(grow(rule, &sweep, &records.of(&runs)).summary()))
}
