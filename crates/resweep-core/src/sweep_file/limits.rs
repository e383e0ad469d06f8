//! How much a sweep file may hold. Beyond these a file is a mistake or an attack; they keep reading
//! one, of whatever content, within seconds and some hundred megabytes.

/// Bytes of a sweep file.
pub const FILE_BYTES_MAX: u64 = 10_000_000;

/// Bytes of a text whose syntax errors are all told. Of a longer one, which no person wrote, only
/// the first is: millions of errors take gigabytes.
pub const RECOVERED_BYTES_MAX: usize = 200_000;

/// Values of all lists of a file together: more would take time and memory before a list is found
/// to be too long.
pub const VALUES_MAX: usize = 200_000;

/// Values of an axis, and configurations of a grid.
pub const CONFIGURATIONS_MAX: usize = 100_000;

/// Configurations times seeds.
pub const RUNS_MAX: usize = 100_000;

/// Seeds of a sweep.
pub const SEEDS_MAX: usize = 1000;

/// Values that all conditions of a file name together: each is compared with every configuration.
pub const CONDITION_VALUES_MAX: usize = 1000;

/// Panels of a figure.
pub const FIGURES_MAX: usize = 20;
pub const PANELS_MAX: usize = 100;

/// Elements of a value that is a list: each configuration has a copy.
pub const LIST_MAX: usize = 100;

/// Characters of a sweep's name.
pub const NAME_LENGTH_MAX: usize = 64;

/// Characters of text in one line.
pub const LINE_LENGTH_MAX: usize = 200;

/// Characters of text in several lines.
pub const TEXT_LENGTH_MAX: usize = 10_000;

/// Bytes of a path: each configuration has a copy.
pub const PATH_BYTES_MAX: usize = 1000;
