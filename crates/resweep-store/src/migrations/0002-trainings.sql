-- Runs that are interrupted go on: measurements belong to a training, which one attempt after
-- another works on, and checkpoints are known to the database. Several processes share it.

DROP VIEW over_seeds;
DROP VIEW curves;
DROP VIEW results;
DROP VIEW current_attempts;

-- One row for each time that a run was trained from its initial parameters on: once, and again
-- for each `--fresh`.
CREATE TABLE trainings (
    id                 INTEGER PRIMARY KEY,
    run_id             TEXT NOT NULL REFERENCES runs (id),
    number             INTEGER NOT NULL,        -- 1 for a run's first training; the last counts
    shares_checkpoints INTEGER NOT NULL,        -- 0: goes on from its own checkpoints only (--fresh)
    UNIQUE (run_id, number)
) STRICT;

-- Each attempt had started anew.
INSERT INTO trainings (id, run_id, number, shares_checkpoints)
SELECT id, run_id, number, 1 FROM attempts;

-- One row for each process that has trained. While it lives, it holds an operating-system lock on
-- locks/<id>.lock and counts beats up.
CREATE TABLE processes (
    id              INTEGER PRIMARY KEY,
    host            TEXT NOT NULL,
    pid             INTEGER NOT NULL,
    started_unix_ms INTEGER NOT NULL,
    beats           INTEGER NOT NULL
) STRICT;

-- One row for each time that a process started a run, with where it trained.
CREATE TABLE attempts_2 (
    id                 INTEGER PRIMARY KEY,
    run_id             TEXT NOT NULL REFERENCES runs (id),
    number             INTEGER NOT NULL,        -- 1 for a run's first attempt
    training_id        INTEGER NOT NULL REFERENCES trainings (id),
    process_id         INTEGER REFERENCES processes (id), -- NULL in old databases
    from_iteration     INTEGER NOT NULL,        -- of the checkpoint that it went on from, or 0
    status             TEXT NOT NULL CHECK (status IN
                           ('running', 'finished', 'diverged', 'failed', 'stopped', 'interrupted')),
    error              TEXT,                    -- why a failed attempt failed
    transient          INTEGER NOT NULL,        -- 1: failed of what may pass, and is tried again
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

INSERT INTO attempts_2 (id, run_id, number, training_id, process_id, from_iteration, status, error,
    transient, diverged_iteration, started_unix_ms, ended_unix_ms, wall_ms, program_version,
    git_commit, device, cpu, threads, workers)
SELECT id, run_id, number, id, NULL, 0, status, error,
    0, diverged_iteration, started_unix_ms, ended_unix_ms, wall_ms, program_version,
    git_commit, device, cpu, threads, workers
FROM attempts;

-- The running training error and loss since the point before.
CREATE TABLE train_metrics_2 (
    training_id   INTEGER NOT NULL REFERENCES trainings (id),
    iteration     INTEGER NOT NULL,
    error_percent REAL NOT NULL,
    loss          REAL,                         -- mean cross-entropy, nats; NULL = not a number
    lr            REAL NOT NULL,
    PRIMARY KEY (training_id, iteration)
) STRICT, WITHOUT ROWID;

INSERT INTO train_metrics_2 SELECT attempt_id, iteration, error_percent, loss, lr FROM train_metrics;

-- Evaluations with BN's running statistics.
CREATE TABLE eval_metrics_2 (
    training_id   INTEGER NOT NULL REFERENCES trainings (id),
    evaluated_on  TEXT NOT NULL CHECK (evaluated_on IN ('test', 'validation')),
    iteration     INTEGER NOT NULL,
    error_percent REAL NOT NULL,
    loss          REAL,                         -- mean cross-entropy, nats; NULL = not a number
    PRIMARY KEY (training_id, evaluated_on, iteration)
) STRICT, WITHOUT ROWID;

INSERT INTO eval_metrics_2
SELECT attempt_id, evaluated_on, iteration, error_percent, loss FROM eval_metrics;

DROP TABLE train_metrics;
DROP TABLE eval_metrics;
DROP TABLE attempts;
ALTER TABLE attempts_2 RENAME TO attempts;
ALTER TABLE train_metrics_2 RENAME TO train_metrics;
ALTER TABLE eval_metrics_2 RENAME TO eval_metrics;

CREATE INDEX attempts_by_training ON attempts (training_id, number);
CREATE INDEX running_attempts ON attempts (process_id) WHERE status = 'running';

-- One row for each checkpoint that can be gone on from:
-- checkpoints/<run_id>/<number of the training>/<iteration>.safetensors.
CREATE TABLE checkpoints (
    training_id INTEGER NOT NULL REFERENCES trainings (id),
    iteration   INTEGER NOT NULL,
    trajectory  TEXT NOT NULL,                  -- SHA-256 of everything that determines this state
    sha256      TEXT NOT NULL,                  -- of the file
    bytes       INTEGER NOT NULL,
    PRIMARY KEY (training_id, iteration)
) STRICT, WITHOUT ROWID;

CREATE INDEX checkpoints_by_trajectory ON checkpoints (trajectory, iteration);

-- The training that counts for each run that was started: the last.
CREATE VIEW current_trainings AS
SELECT trainings.*
FROM runs
JOIN trainings ON trainings.id =
    (SELECT id FROM trainings WHERE run_id = runs.id ORDER BY number DESC LIMIT 1);

-- Where each run that was started stands: the last attempt at the training that counts.
CREATE VIEW current_attempts AS
SELECT attempts.*
FROM current_trainings
JOIN attempts ON attempts.id =
    (SELECT id FROM attempts WHERE training_id = current_trainings.id ORDER BY number DESC LIMIT 1);

-- One row for each run that was started: the last errors of the training that counts.
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
    (SELECT max(iteration) FROM train_metrics WHERE training_id = a.training_id) AS iteration,
    (SELECT error_percent FROM train_metrics WHERE training_id = a.training_id
        ORDER BY iteration DESC LIMIT 1) AS train_error_percent,
    (SELECT error_percent FROM eval_metrics
        WHERE training_id = a.training_id AND evaluated_on = 'test'
        ORDER BY iteration DESC LIMIT 1) AS test_error_percent,
    (SELECT error_percent FROM eval_metrics
        WHERE training_id = a.training_id AND evaluated_on = 'validation'
        ORDER BY iteration DESC LIMIT 1) AS validation_error_percent,
    -- of all attempts at the training, but for those whose process died
    (SELECT sum(wall_ms) FROM attempts WHERE training_id = a.training_id) AS wall_ms
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id;

-- The points of the training that counts for each run.
CREATE VIEW curves AS
SELECT runs.id AS run_id, runs.name, runs.seed, a.status,
    m.iteration, 'train' AS series, m.error_percent, m.loss
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id
JOIN train_metrics AS m ON m.training_id = a.training_id
UNION ALL
SELECT runs.id, runs.name, runs.seed, a.status,
    m.iteration, m.evaluated_on, m.error_percent, m.loss
FROM runs
JOIN current_attempts AS a ON a.run_id = runs.id
JOIN eval_metrics AS m ON m.training_id = a.training_id;

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
