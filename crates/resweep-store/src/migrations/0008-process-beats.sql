-- How often a process increments its beats: others wait for three of them before they take its runs.
ALTER TABLE processes ADD COLUMN beat_ms INTEGER NOT NULL DEFAULT 5000;
