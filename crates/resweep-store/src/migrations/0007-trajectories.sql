-- What only measures is no longer part of a trajectory, so that a run resumes from the checkpoints
-- of runs with other log_every and eval_every. A step in Rust fills in the columns for older rows.

ALTER TABLE runs ADD COLUMN trajectory TEXT;    -- SHA-256 of what determines the final state; NULL = unknown
CREATE INDEX runs_by_trajectory ON runs (trajectory);

-- What the file names, where an older build wrote it.
ALTER TABLE checkpoints ADD COLUMN file_trajectory TEXT;
-- 1: the file has the training curve up to here, iteration by iteration.
ALTER TABLE checkpoints ADD COLUMN has_curve INTEGER NOT NULL DEFAULT 0;
