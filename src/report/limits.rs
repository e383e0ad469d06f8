//! Limits the rows of a page, so that a browser can show large sweeps.

use super::model::{Entry, Table};
use resweep_store::AttemptStatus;

/// The most runs of a page.
const RUNS: usize = 2000;
/// The most rows of each table of results.
const ROWS: usize = 1000;

/// The entries that the page lists, in order.
pub(super) fn shown<'e, 'a>(entries: &'e [Entry<'a>]) -> Vec<&'e Entry<'a>> {
    let states: Vec<Option<AttemptStatus>> = entries.iter().map(|entry| entry.state).collect();
    let places = chosen(&states, RUNS);
    places.into_iter().map(|place| &entries[place]).collect()
}

/// At most `most` indices, ascending: runs that need attention first, then finished ones, then
/// those not started.
fn chosen(states: &[Option<AttemptStatus>], most: usize) -> Vec<usize> {
    let rank = |state: Option<AttemptStatus>| match state {
        Some(AttemptStatus::Finished) => 1,
        None => 2,
        _ => 0,
    };
    let mut places: Vec<usize> = (0..states.len()).collect();
    // A stable sort: keeps the sweep's order within each rank.
    places.sort_by_key(|&place| rank(states[place]));
    places.truncate(most);
    places.sort_unstable();
    places
}

/// A table with the rows that the page lists.
pub(super) struct Cut<'a> {
    pub title: &'a str,
    pub columns: &'a [String],
    pub rows: &'a [Vec<String>],
    /// The number of rows of the whole table.
    pub all: usize,
    pub note: &'a str,
}

pub(super) fn cut(table: &Table) -> Cut<'_> {
    Cut {
        title: &table.title,
        columns: &table.columns,
        rows: &table.rows[..table.rows.len().min(ROWS)],
        all: table.rows.len(),
        note: &table.note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_need_attention_are_listed_first() {
        use AttemptStatus::{Diverged, Failed, Finished};
        let states = [
            None,
            Some(Finished),
            Some(Finished),
            Some(Diverged),
            None,
            Some(Failed),
        ];
        assert_eq!(chosen(&states, 10), [0, 1, 2, 3, 4, 5]);
        assert_eq!(chosen(&states, 3), [1, 3, 5]);
        assert_eq!(chosen(&states, 1), [3]);
    }

    #[test]
    fn long_tables_are_cut_and_state_their_length() {
        let table = Table {
            title: String::new(),
            columns: Vec::new(),
            rows: vec![Vec::new(); ROWS + 5],
            note: String::new(),
        };
        let cut = cut(&table);
        assert_eq!((cut.rows.len(), cut.all), (ROWS, ROWS + 5));
    }
}
