-- The first schema: sweeps, their runs, the attempts at each run and what was measured.
-- Units are in the names. Times are milliseconds since 1970-01-01 UTC. Errors are in percent.

-- "RSWP": tells this database from those of other programs.
PRAGMA application_id = 0x52535750;

-- One row for each sweep that was started, as it was started last.
CREATE TABLE sweeps (
    id                    INTEGER PRIMARY KEY,
    name                  TEXT NOT NULL UNIQUE,
    title                 TEXT,
    description           TEXT,
    spec_toml             TEXT NOT NULL,    -- the sweep file as written
    overrides_json        TEXT NOT NULL,    -- the values of --set, a JSON array of strings
    first_started_unix_ms INTEGER NOT NULL,
    last_started_unix_ms  INTEGER NOT NULL
) STRICT;

-- One row for each training that a sweep asked for: a configuration, a seed and a data set.
CREATE TABLE runs (
    id               TEXT PRIMARY KEY NOT NULL, -- SHA-256 of everything that determines the result
    name             TEXT NOT NULL,             -- plain-20, ResNet-56, ResNet-20 B
    depth            INTEGER NOT NULL,
    shortcut         TEXT NOT NULL,             -- none, A, B, C
    width            INTEGER NOT NULL,          -- filters of the first stage
    dataset          TEXT NOT NULL,
    data_fingerprint TEXT NOT NULL,
    seed             INTEGER NOT NULL,
    config_json      TEXT NOT NULL,             -- the whole configuration, seed included
    parameters       INTEGER NOT NULL,
    forward_flops    INTEGER NOT NULL,          -- multiply-adds of one image's forward pass
    training_flops   INTEGER NOT NULL           -- operations of the whole training
) STRICT, WITHOUT ROWID;

-- Which runs belong to a sweep; a run can belong to several.
CREATE TABLE sweep_runs (
    sweep_id INTEGER NOT NULL REFERENCES sweeps (id),
    position INTEGER NOT NULL,                  -- order within the sweep, from 0
    run_id   TEXT NOT NULL REFERENCES runs (id),
    label    TEXT NOT NULL,                     -- plain-20 seed 2
    PRIMARY KEY (sweep_id, position),
    UNIQUE (sweep_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sweep_runs_by_run ON sweep_runs (run_id);

-- One row for each time that a run was started, with where it trained.
CREATE TABLE attempts (
    id                 INTEGER PRIMARY KEY,
    run_id             TEXT NOT NULL REFERENCES runs (id),
    number             INTEGER NOT NULL,        -- 1 for a run's first attempt
    status             TEXT NOT NULL CHECK (status IN
                           ('running', 'finished', 'diverged', 'failed', 'stopped', 'interrupted')),
    error              TEXT,                    -- why a failed attempt failed
    diverged_iteration INTEGER,
    started_unix_ms    INTEGER NOT NULL,
    ended_unix_ms      INTEGER,                 -- NULL while running, and where the process died
    wall_ms            INTEGER,
    program_version    TEXT NOT NULL,
    git_commit         TEXT,                    -- of the program, where known
    device             TEXT NOT NULL,
    cpu                TEXT NOT NULL,
    threads            INTEGER NOT NULL,        -- CPU threads of this run
    workers            INTEGER NOT NULL,        -- runs that trained side by side at most
    UNIQUE (run_id, number)
) STRICT;

-- The running training error and loss since the point before.
CREATE TABLE train_metrics (
    attempt_id    INTEGER NOT NULL REFERENCES attempts (id),
    iteration     INTEGER NOT NULL,
    error_percent REAL NOT NULL,
    loss          REAL,                         -- mean cross-entropy, nats; NULL = not a number
    lr            REAL NOT NULL,
    PRIMARY KEY (attempt_id, iteration)
) STRICT, WITHOUT ROWID;

-- Evaluations with BN's running statistics.
CREATE TABLE eval_metrics (
    attempt_id    INTEGER NOT NULL REFERENCES attempts (id),
    evaluated_on  TEXT NOT NULL CHECK (evaluated_on IN ('test', 'validation')),
    iteration     INTEGER NOT NULL,
    error_percent REAL NOT NULL,
    loss          REAL,                         -- mean cross-entropy, nats; NULL = not a number
    PRIMARY KEY (attempt_id, evaluated_on, iteration)
) STRICT, WITHOUT ROWID;

-- The attempt that counts for each run: the newest with a result, else the newest.
CREATE VIEW current_attempts AS
SELECT attempts.*
FROM runs
JOIN attempts ON attempts.id = (
    SELECT id FROM attempts
    WHERE run_id = runs.id
    ORDER BY status IN ('finished', 'diverged') DESC, number DESC
    LIMIT 1
);

-- One row for each run that was started: the last errors of the attempt that counts.
CREATE VIEW results AS
SELECT
    runs.id AS run_id,
    runs.name,
    runs.depth,
    runs.shortcut,
    runs.width,
    runs.dataset,
    runs.data_fingerprint,
    runs.seed,
    json_remove(runs.config_json, '$.seed', '$.data.path') AS configuration_json,
    a.status,
    (SELECT max(iteration) FROM train_metrics WHERE attempt_id = a.id) AS iteration,
    (SELECT error_percent FROM train_metrics WHERE attempt_id = a.id
        ORDER BY iteration DESC LIMIT 1) AS train_error_percent,
    (SELECT error_percent FROM eval_metrics WHERE attempt_id = a.id AND evaluated_on = 'test'
        ORDER BY iteration DESC LIMIT 1) AS test_error_percent,
    (SELECT error_percent FROM eval_metrics WHERE attempt_id = a.id AND evaluated_on = 'validation'
        ORDER BY iteration DESC LIMIT 1) AS validation_error_percent,
    a.wall_ms
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id;

-- The points of the attempt that counts for each run.
CREATE VIEW curves AS
SELECT runs.id AS run_id, runs.name, runs.seed, a.status,
    m.iteration, 'train' AS series, m.error_percent, m.loss
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id
JOIN train_metrics AS m ON m.attempt_id = a.id
UNION ALL
SELECT runs.id, runs.name, runs.seed, a.status,
    m.iteration, m.evaluated_on, m.error_percent, m.loss
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id
JOIN eval_metrics AS m ON m.attempt_id = a.id;

-- One row for each configuration and data set: finished runs only, over their seeds.
CREATE VIEW over_seeds AS
SELECT
    name,
    depth,
    shortcut,
    width,
    dataset,
    configuration_json,
    count(*) AS seeds,
    avg(train_error_percent) AS train_error_percent_mean,
    avg(test_error_percent) AS test_error_percent_mean,
    min(test_error_percent) AS test_error_percent_min,
    max(test_error_percent) AS test_error_percent_max,
    avg(validation_error_percent) AS validation_error_percent_mean,
    min(validation_error_percent) AS validation_error_percent_min,
    max(validation_error_percent) AS validation_error_percent_max
FROM results
WHERE status = 'finished'
GROUP BY configuration_json, data_fingerprint;
