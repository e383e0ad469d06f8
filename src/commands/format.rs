//! Times in the words of tables and messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::progress::duration;

/// The time since a moment, for display.
pub fn ago(unix_ms: i64) -> String {
    let then = UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    match SystemTime::now().duration_since(then) {
        Ok(elapsed) => format!("{} ago", duration(elapsed)),
        Err(_) => "in the future, by this machine's clock".to_owned(),
    }
}
