CREATE TABLE jobs (
    id      TEXT PRIMARY KEY,
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE images (
    id       TEXT PRIMARY KEY,
    job      TEXT NOT NULL REFERENCES jobs,
    position INTEGER NOT NULL,
    name     TEXT,
    -- The message to `resize`, and whether the broker has it.
    "order"  TEXT NOT NULL,
    sent     INTEGER NOT NULL DEFAULT 0,
    -- 0 queued, 1 processing, 2 failed, 3 done: it only ever rises.
    state    INTEGER NOT NULL DEFAULT 0,
    error    TEXT,
    width    INTEGER,
    height   INTEGER,
    format   TEXT,
    bytes    INTEGER,
    started  TEXT,
    finished TEXT
) STRICT;

CREATE UNIQUE INDEX images_of_job ON images (job, position);
CREATE INDEX images_unsent ON images (sent) WHERE sent = 0;
