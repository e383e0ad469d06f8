//! Limits of a sweep file. They bound the time and memory to read any file to seconds and some
//! hundred megabytes.

/// Bytes of a sweep file.
pub const FILE_BYTES_MAX: u64 = 10_000_000;

/// Bytes of a text whose syntax errors are all reported. Of a longer text only the first is, since
/// millions of errors would take gigabytes.
pub const RECOVERED_BYTES_MAX: usize = 200_000;

/// Values of all lists of a file together; more would take much time and memory before the length
/// of a list is checked.
pub const VALUES_MAX: usize = 200_000;

/// Keys and tables of a file together. Unknown keys are compared with the known ones.
pub const KEYS_MAX: usize = 50_000;

/// Values of an axis, and configurations of a grid.
pub const CONFIGURATIONS_MAX: usize = 100_000;

/// Configurations times seeds.
pub const RUNS_MAX: usize = 100_000;

/// Seeds of a sweep.
pub const SEEDS_MAX: usize = 1000;

/// Values in all conditions of a file together; each is compared with every configuration.
pub const CONDITION_VALUES_MAX: usize = 1000;

/// Figures of a sweep, and panels of a figure.
pub const FIGURES_MAX: usize = 20;
pub const PANELS_MAX: usize = 100;

/// Elements of a value that is a list; each configuration has a copy.
pub const LIST_MAX: usize = 100;

/// Characters of a sweep's name.
pub const NAME_LENGTH_MAX: usize = 64;

/// Characters of text in one line.
pub const LINE_LENGTH_MAX: usize = 200;

/// Characters of text in several lines.
pub const TEXT_LENGTH_MAX: usize = 10_000;

/// Bytes of a path; each configuration has a copy.
pub const PATH_BYTES_MAX: usize = 1000;
