//! The tables in an order in which rows come after those that they refer to, and the keys of their
//! rows.

/// A table, and how its rows are reached without any index.
pub(super) struct Table {
    pub name: &'static str,
    /// All of them.
    pub columns: &'static [&'static str],
    /// The columns before the last one of the primary key.
    pub group: &'static [&'static str],
    /// A query for every value of `group`, from recovered rows of other tables.
    pub groups: Option<&'static str>,
    /// The last column of the primary key.
    pub key: &'static str,
    /// Whether the key is a SHA-256 in hexadecimal rather than a number from 0.
    pub key_is_digest: bool,
}

impl Table {
    /// The index of the key among the columns.
    pub fn key_column(&self) -> usize {
        let is_key = |column: &&str| *column == self.key;
        self.columns.iter().position(is_key).unwrap_or_default()
    }
}

const TRAININGS: Option<&str> = Some("SELECT id FROM trainings");

pub(super) const TABLES: [Table; 12] = [
    Table {
        name: "sweeps",
        columns: &[
            "id",
            "name",
            "title",
            "description",
            "spec_toml",
            "overrides_json",
            "first_started_unix_ms",
            "last_started_unix_ms",
        ],
        group: &[],
        groups: None,
        key: "id",
        key_is_digest: false,
    },
    Table {
        name: "runs",
        columns: &[
            "id",
            "name",
            "depth",
            "shortcut",
            "width",
            "dataset",
            "data_fingerprint",
            "seed",
            "config_json",
            "parameters",
            "forward_flops",
            "training_flops",
            "trajectory",
        ],
        group: &[],
        groups: None,
        key: "id",
        key_is_digest: true,
    },
    Table {
        name: "run_needs",
        columns: &["run_id", "needs"],
        group: &[],
        groups: None,
        key: "run_id",
        key_is_digest: true,
    },
    Table {
        name: "run_images",
        columns: &[
            "run_id",
            "classes",
            "train_images",
            "train_smallest_class",
            "train_largest_class",
            "evaluated_on",
            "eval_images",
            "eval_smallest_class",
            "eval_largest_class",
            "guess_error_percent",
            "warnings_json",
        ],
        group: &[],
        groups: None,
        key: "run_id",
        key_is_digest: true,
    },
    Table {
        name: "sweep_runs",
        columns: &["sweep_id", "position", "run_id", "label"],
        group: &["sweep_id"],
        groups: Some("SELECT id FROM sweeps"),
        key: "position",
        key_is_digest: false,
    },
    Table {
        name: "trainings",
        columns: &["id", "run_id", "number", "shares_checkpoints", "points_sum"],
        group: &[],
        groups: None,
        key: "id",
        key_is_digest: false,
    },
    Table {
        name: "processes",
        columns: &[
            "id",
            "host",
            "pid",
            "started_unix_ms",
            "beats",
            "sweep_id",
            "beat_ms",
        ],
        group: &[],
        groups: None,
        key: "id",
        key_is_digest: false,
    },
    Table {
        name: "attempts",
        columns: &[
            "id",
            "run_id",
            "number",
            "training_id",
            "process_id",
            "from_iteration",
            "status",
            "error",
            "transient",
            "diverged_iteration",
            "started_unix_ms",
            "ended_unix_ms",
            "wall_ms",
            "program_version",
            "git_commit",
            "device",
            "cpu",
            "threads",
            "workers",
        ],
        group: &[],
        groups: None,
        key: "id",
        key_is_digest: false,
    },
    Table {
        name: "train_metrics",
        columns: &["training_id", "iteration", "error_percent", "loss", "lr"],
        group: &["training_id"],
        groups: TRAININGS,
        key: "iteration",
        key_is_digest: false,
    },
    Table {
        name: "eval_metrics",
        columns: &[
            "training_id",
            "evaluated_on",
            "iteration",
            "error_percent",
            "loss",
        ],
        group: &["training_id", "evaluated_on"],
        groups: Some(
            "SELECT id, evaluated_on FROM trainings,
                 (SELECT 'test' AS evaluated_on UNION ALL SELECT 'validation')",
        ),
        key: "iteration",
        key_is_digest: false,
    },
    Table {
        name: "checkpoints",
        columns: &[
            "training_id",
            "iteration",
            "trajectory",
            "sha256",
            "bytes",
            "file_trajectory",
            "has_curve",
        ],
        group: &["training_id"],
        groups: TRAININGS,
        key: "iteration",
        key_is_digest: false,
    },
    Table {
        name: "layer_stats",
        columns: &["training_id", "layer", "name", "std"],
        group: &["training_id"],
        groups: TRAININGS,
        key: "layer",
        key_is_digest: false,
    },
];
