-- How many images each run trains on and is evaluated on, and their spread over the classes.
CREATE TABLE run_images (
    run_id               TEXT PRIMARY KEY NOT NULL REFERENCES runs (id),
    classes              INTEGER NOT NULL,
    train_images         INTEGER NOT NULL,      -- without those held out for validation
    train_smallest_class INTEGER NOT NULL,      -- images of the class that has the fewest
    train_largest_class  INTEGER NOT NULL,
    evaluated_on         TEXT NOT NULL,         -- test or validation
    eval_images          INTEGER NOT NULL,
    eval_smallest_class  INTEGER NOT NULL,
    eval_largest_class   INTEGER NOT NULL,
    guess_error_percent  REAL NOT NULL,         -- always answering the largest class of eval_images
    warnings_json        TEXT NOT NULL          -- files that were left out, one sentence each
) STRICT, WITHOUT ROWID;

-- What is known of runs recorded before.
INSERT INTO run_images
SELECT id, 10, 10000, 1000, 1000, 'test', 2000, 200, 200, 90.0, '[]' FROM runs
WHERE dataset = 'synthetic' AND json_extract(config_json, '$.data.validation') = 'none';

INSERT INTO run_images
SELECT id, 10, 50000, 5000, 5000, 'test', 10000, 1000, 1000, 90.0, '[]' FROM runs
WHERE dataset = 'cifar10' AND json_extract(config_json, '$.data.validation') = 'none';

INSERT INTO run_images
SELECT id, 100, 50000, 500, 500, 'test', 10000, 100, 100, 99.0, '[]' FROM runs
WHERE dataset = 'cifar100' AND json_extract(config_json, '$.data.validation') = 'none';
