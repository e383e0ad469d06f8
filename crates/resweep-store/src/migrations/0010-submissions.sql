-- Runs that are handed out to a cluster: `resweep submit` writes these rows, `resweep sync` brings
-- in what the tasks wrote. A process with a negative id is a start of a task: it has no lock here,
-- and its attempts run until a sync says how they ended.

-- One row for each time that runs of a sweep were handed out together.
CREATE TABLE submissions (
    id                INTEGER PRIMARY KEY,
    sweep_id          INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    name              TEXT NOT NULL UNIQUE,     -- of the job and the folder
    site              TEXT NOT NULL,            -- its table in clusters.toml
    engine            TEXT NOT NULL CHECK (engine IN ('slurm', 'command')),
    folder            TEXT NOT NULL,
    job               TEXT,                     -- the engine's number; NULL while it is not known
    state             TEXT NOT NULL CHECK (state IN ('unknown', 'submitted', 'closed')),
    submitted_unix_ms INTEGER NOT NULL,
    synced_unix_ms    INTEGER                   -- when the queue was last asked
) STRICT;

-- One row for each task, as the queue had it when it was last asked.
CREATE TABLE submission_tasks (
    submission_id INTEGER NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
    task          INTEGER NOT NULL,             -- from 0
    queue_state   TEXT,                         -- PENDING, RUNNING, ...; NULL: not in the queue
    node          TEXT,
    reason        TEXT,                         -- why it waits
    gone_unix_ms  INTEGER,                      -- since when it is not in the queue
    PRIMARY KEY (submission_id, task)
) STRICT, WITHOUT ROWID;

-- One row for each start of a task, and how far its journal is brought in.
CREATE TABLE submission_starts (
    submission_id INTEGER NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
    task          INTEGER NOT NULL,
    start         INTEGER NOT NULL,             -- the highest one works on the task
    process_id    INTEGER NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
    facts_json    TEXT NOT NULL,                -- the program and the machine
    offset        INTEGER NOT NULL,             -- bytes of the journal
    left_json     TEXT,                         -- why it ended, where it said so
    PRIMARY KEY (submission_id, task, start)
) STRICT, WITHOUT ROWID;

-- The runs of each task.
CREATE TABLE submission_runs (
    submission_id INTEGER NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
    task          INTEGER NOT NULL,
    position      INTEGER NOT NULL,             -- order within the task, from 0
    run_id        TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    training_id   INTEGER NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
    start         INTEGER NOT NULL,             -- the last start that began it, or 0
    attempt_id    INTEGER REFERENCES attempts (id) ON DELETE SET NULL, -- of that start
    state         TEXT NOT NULL CHECK (state IN ('open', 'ended', 'freed')),
    PRIMARY KEY (submission_id, task, position)
) STRICT, WITHOUT ROWID;

-- A run is handed out once at a time.
CREATE UNIQUE INDEX handed_out_runs ON submission_runs (run_id) WHERE state = 'open';

-- Checkpoints in the folder of a submission.
CREATE TABLE submission_checkpoints (
    submission_id INTEGER NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
    task          INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    start         INTEGER NOT NULL,             -- that wrote it
    iteration     INTEGER NOT NULL,
    sha256        TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    has_curve     INTEGER NOT NULL,
    PRIMARY KEY (submission_id, task, position, start, iteration)
) STRICT, WITHOUT ROWID;
