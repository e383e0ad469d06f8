//! How much of a large sweep a page lists, so that a browser can show it.

use super::model::{Entry, Standing, Table};

/// Runs of a page.
const RUNS: usize = 2000;
/// Rows of each table of results.
const ROWS: usize = 1000;

/// The entries that the page lists, in their order.
pub(super) fn shown<'e, 'a>(entries: &'e [Entry<'a>]) -> Vec<&'e Entry<'a>> {
    let standings: Vec<Standing> = entries.iter().map(|entry| entry.standing).collect();
    let places = chosen(&standings, RUNS);
    places.into_iter().map(|place| &entries[place]).collect()
}

/// At most `most` places, ascending: of runs that a reader has to look after first, then of
/// finished ones, then of those that were never started.
fn chosen(standings: &[Standing], most: usize) -> Vec<usize> {
    let rank = |standing: Standing| match standing {
        Standing::Finished => 1,
        Standing::New => 2,
        _ => 0,
    };
    let mut places: Vec<usize> = (0..standings.len()).collect();
    // Stable: the sweep's order within each rank.
    places.sort_by_key(|&place| rank(standings[place]));
    places.truncate(most);
    places.sort_unstable();
    places
}

/// A table with the rows that the page lists.
pub(super) struct Cut<'a> {
    pub title: &'a str,
    pub columns: &'a [String],
    pub rows: &'a [Vec<String>],
    /// How many rows the whole table has.
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
    fn of_too_many_runs_those_to_look_after_are_listed_first() {
        use Standing::{Diverged, Failed, Finished, New};
        let standings = [New, Finished, Finished, Diverged, New, Failed];
        assert_eq!(chosen(&standings, 10), [0, 1, 2, 3, 4, 5]);
        assert_eq!(chosen(&standings, 3), [1, 3, 5]);
        assert_eq!(chosen(&standings, 1), [3]);
    }

    #[test]
    fn a_long_table_is_cut_and_knows_its_length() {
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
