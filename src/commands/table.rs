//! Prints aligned tables, without lines.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::output::{self, Stream};
use resweep_core::domain::{self, printable};

/// Prints rows below a header; columns listed in `right` are right-aligned.
pub fn print(header: &[&str], right: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    for row in rows {
        let cells = row.iter().map(|cell| printable(cell));
        table.add_row(cells.collect::<Vec<_>>());
    }
    for (index, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index)
            && right.contains(name)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    output::text(Stream::Out, &lines.collect::<String>());
}

/// A number with grouped thousands: `19 421 274`.
pub fn grouped(number: u64) -> String {
    domain::grouped(number, '\u{202f}')
}

/// `41 M` for 40,551,040: a number with a unit, at most three digits.
pub fn with_unit(number: u64) -> String {
    let (scaled, unit) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (number as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (number as f64 / 1e6, "M"),
        1_000_000_000..1_000_000_000_000 => (number as f64 / 1e9, "G"),
        _ => (number as f64 / 1e12, "T"),
    };
    format!("{scaled:.*} {unit}", usize::from(scaled < 9.95))
}

/// `310 MiB`, `1.4 GiB`: bytes for display, rounded up so as not to underestimate.
pub fn binary(bytes: u64) -> String {
    let mib = bytes.div_ceil(1 << 20);
    if mib < 1000 {
        format!("{mib} MiB")
    } else {
        format!("{:.1} GiB", (mib as f64 / 102.4).ceil() / 10.0)
    }
}

/// An error in percent, or a dash.
pub fn percent(error: Option<f64>) -> String {
    error.map_or_else(|| "-".to_owned(), |error| format!("{error:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_rounded_up_in_a_suitable_unit() {
        assert_eq!(binary(1), "1 MiB");
        assert_eq!(binary(310 << 20), "310 MiB");
        assert_eq!(binary((310 << 20) + 1), "311 MiB");
        assert_eq!(binary(1 << 30), "1.0 GiB");
        assert_eq!(binary(1434 << 20), "1.5 GiB");
    }
}
