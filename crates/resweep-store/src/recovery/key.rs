//! Keys by which rows are searched, and ranges of them.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Result, ToSql};

/// The last column of a primary key; all keys of a table have the same kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Number(i64),
    /// Hexadecimal digits, as of a SHA-256.
    Digits(String),
}

/// The keys between two others, exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub low: Key,
    pub high: Key,
}

/// Digits of a SHA-256.
const DIGITS: usize = 64;

impl Key {
    /// `None` if the column's value is not a key of this kind.
    pub fn of(value: &Value, is_digest: bool) -> Option<Key> {
        match value {
            Value::Integer(number) if !is_digest => Some(Key::Number(*number)),
            Value::Text(text) if is_digest => Some(Key::Digits(text.clone())),
            _ => None,
        }
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        match self {
            Key::Number(number) => number.to_sql(),
            Key::Digits(digits) => digits.to_sql(),
        }
    }
}

impl Range {
    /// The range of all possible keys of a table.
    pub fn whole(is_digest: bool) -> Range {
        if is_digest {
            Range {
                low: Key::Digits(String::new()),
                high: Key::Digits("g".to_owned()),
            }
        } else {
            Range {
                low: Key::Number(-1),
                high: Key::Number(i64::MAX),
            }
        }
    }

    /// Splits the range into two; `None` if it contains at most one key.
    pub fn halves(&self) -> Option<[Range; 2]> {
        let (low_end, high_start) = match (&self.low, &self.high) {
            (Key::Number(low), Key::Number(high)) => {
                let width = high.saturating_sub(*low);
                if width <= 2 {
                    return None;
                }
                let middle = low + width / 2;
                (Key::Number(middle + 1), Key::Number(middle))
            }
            (Key::Digits(low), Key::Digits(high)) => {
                let middle = Key::Digits(middle(low, high));
                if middle <= self.low || middle >= self.high {
                    return None;
                }
                // A digest exactly in the middle is as unlikely as a collision.
                (middle.clone(), middle)
            }
            _ => return None,
        };
        let below = Range {
            low: self.low.clone(),
            high: low_end,
        };
        let above = Range {
            low: high_start,
            high: self.high.clone(),
        };
        Some([below, above])
    }
}

/// The digits halfway between two fractions below 1, given by their digits; an invalid digit counts
/// as the largest.
fn middle(low: &str, high: &str) -> String {
    let digit = |text: &str, at: usize| match text.as_bytes().get(at) {
        Some(&byte) => char::from(byte).to_digit(16).unwrap_or(16),
        None => 0,
    };
    let mut sum: Vec<u32> = (0..DIGITS)
        .map(|at| digit(low, at) + digit(high, at))
        .collect();
    for at in (1..DIGITS).rev() {
        sum[at - 1] += sum[at] / 16;
        sum[at] %= 16;
    }
    let mut remainder = 0;
    let half = sum.into_iter().map(|digit| {
        let value = remainder * 16 + digit;
        remainder = value % 2;
        char::from_digit((value / 2).min(15), 16).unwrap_or('f')
    });
    half.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_is_between_the_ends() {
        assert!(middle("", "g").starts_with("80000"));
        assert!(middle("4", "5").starts_with("48000"));
        assert!(middle("4f", "5").starts_with("4f800"));
        let (low, high) = ("0".repeat(60) + "4e20", "0".repeat(60) + "dac0");
        assert_eq!(middle(&low, &high), "0".repeat(60) + "9470");
    }

    #[test]
    fn halves_hold_every_key_once() {
        let range = |low, high| Range {
            low: Key::Number(low),
            high: Key::Number(high),
        };
        assert_eq!(range(3, 7).halves(), Some([range(3, 6), range(5, 7)]));
        assert_eq!(range(3, 6).halves(), Some([range(3, 5), range(4, 6)]));
        assert_eq!(range(3, 5).halves(), None);
    }
}
