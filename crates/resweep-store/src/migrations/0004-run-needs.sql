-- Runs that grow from others: a deeper network that starts from the final state of a shallower one.
CREATE TABLE run_needs (
    run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id),
    needs  TEXT NOT NULL REFERENCES runs (id)   -- has to be finished first
) STRICT, WITHOUT ROWID;

CREATE INDEX run_needs_by_need ON run_needs (needs);
