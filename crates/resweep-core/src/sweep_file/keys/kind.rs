//! Kinds of values that keys take, and their descriptions.

use crate::sweep_file::limits::{
    LINE_LENGTH_MAX, LIST_MAX, NAME_LENGTH_MAX, PATH_BYTES_MAX, SEEDS_MAX, TEXT_LENGTH_MAX,
};

/// The type and range of a key's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// One of these strings.
    Word(&'static [&'static str]),
    Integer {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
        /// Whether `min` itself is excluded.
        min_open: bool,
        /// Whether `max` itself is excluded.
        max_open: bool,
    },
    Boolean,
    /// An integer 6n+2.
    Depth,
    /// Pixels, a multiple of 4.
    ImageSize,
    /// The name of a sweep or a figure.
    Name,
    /// Names of sweeps.
    Names,
    /// Text in one line.
    Line,
    Text,
    Folder,
    Seeds,
    /// The number of seeds, or the rule that adds them.
    Repeats,
    /// Iterations, or fractions of all iterations.
    Drops,
    Warmup,
    /// A string, or the parent of a network.
    Init,
    /// Percentages.
    Ticks,
    /// The name of a key that can be an axis.
    Settable,
}

/// Seeds of a configuration.
pub const REPEATS_MAX: u64 = SEEDS_MAX as u64;
pub const DEPTH_MIN: u64 = 8;
pub const DEPTH_MAX: u64 = 10_004;
pub const IMAGE_SIZE_MIN: u64 = 8;
pub const IMAGE_SIZE_MAX: u64 = 224;

pub const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// A number above zero.
pub const fn positive(max: f64) -> Kind {
    Kind::Number {
        min: 0.0,
        max,
        min_open: true,
        max_open: false,
    }
}

/// A number in a closed interval.
pub const fn ratio(min: f64, max: f64) -> Kind {
    Kind::Number {
        min,
        max,
        min_open: false,
        max_open: false,
    }
}

impl Kind {
    /// Describes the allowed values, for messages and the documentation.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Word(words) => one_of(words),
            Kind::Integer { min, max } => format!("an integer from {min} to {max}"),
            Kind::Number {
                min,
                max,
                min_open,
                max_open,
            } => {
                let lower = if *min_open { "above" } else { "from" };
                let upper = match (min_open, max_open) {
                    (_, true) => ", below",
                    (true, false) => ", at most",
                    (false, false) => " to",
                };
                format!("a number {lower} {min}{upper} {max}")
            }
            Kind::Boolean => "`true` or `false`".to_owned(),
            Kind::Depth => format!("an integer 6n+2 from {DEPTH_MIN} to {DEPTH_MAX}"),
            Kind::ImageSize => {
                format!("a multiple of 4 from {IMAGE_SIZE_MIN} to {IMAGE_SIZE_MAX}")
            }
            Kind::Name => format!(
                "letters, digits, `-`, `_` and `.`, at most {NAME_LENGTH_MAX}, beginning with a letter, a digit or `_`"
            ),
            Kind::Line => format!("text in one line, at most {LINE_LENGTH_MAX} characters"),
            Kind::Text => format!("text of at most {TEXT_LENGTH_MAX} characters"),
            Kind::Folder => format!(
                "a folder, relative to the working directory, at most {PATH_BYTES_MAX} bytes"
            ),
            Kind::Seeds => format!("a list of at most {SEEDS_MAX} distinct integers from 0"),
            Kind::Repeats => format!(
                "an integer from 1 to {REPEATS_MAX} or `{{ min = 3, max = 10, until = \"ordering\" }}`"
            ),
            Kind::Drops => format!(
                "an ascending list of at most {LIST_MAX}, all integers (iterations) or all fractions between 0 and 1"
            ),
            Kind::Warmup => "`{ lr = 0.01, until_train_error = 80 }`, \
                 `{ lr = 0.01, iterations = 400 }` or `\"none\"`"
                .to_owned(),
            Kind::Init => "`\"he-fan-out\"`, `\"he-fan-in\"` or \
                 `{ from = { depth = 20 }, deepen = \"identity\" }`"
                .to_owned(),
            Kind::Ticks => {
                format!("an ascending list of at most {LIST_MAX} numbers from 0 to 100")
            }
            Kind::Names => {
                format!("a list of at most {LIST_MAX} names, as `[\"fig1\", \"fig6\"]`")
            }
            Kind::Settable => {
                "the name of a key of `[data]`, `[model]` or `[train]`, as `\"shortcut\"`"
                    .to_owned()
            }
        }
    }

    /// Whether a single value of this kind is a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Kind::Seeds | Kind::Drops | Kind::Ticks | Kind::Names)
    }
}

/// `"a"`, `"b"` or `"c"`, as written in the file.
fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}
