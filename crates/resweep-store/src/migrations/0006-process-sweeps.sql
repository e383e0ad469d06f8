-- Which sweep a process trains, so that another sweep of the same name does not start beside it.
ALTER TABLE processes ADD COLUMN sweep_id INTEGER REFERENCES sweeps (id); -- NULL in old databases
