-- Jobs that wait, are tried again, are not begun in time, or are asked for twice by one wish.
ALTER TABLE jobs ADD COLUMN due BIGINT NOT NULL DEFAULT 0;            -- not handed out before that
ALTER TABLE jobs ADD COLUMN deadline BIGINT NOT NULL DEFAULT 0;       -- not begun after that; 0: it waits for ever
ALTER TABLE jobs ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN retry_of TEXT NOT NULL DEFAULT '';        -- the one that failed before it
ALTER TABLE jobs ADD COLUMN failure_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN waited BIGINT NOT NULL DEFAULT 0;         -- seconds, for leave to begin
ALTER TABLE jobs ADD COLUMN client_key TEXT NOT NULL DEFAULT '';      -- whoever asks twice with one key means one job
CREATE UNIQUE INDEX jobs_by_key ON jobs (client_key, host) WHERE client_key <> '';
CREATE INDEX jobs_by_kind ON jobs (host, kind, ended);
CREATE INDEX jobs_by_time ON jobs (created, id);

-- Who backs up, and who would. One row a host; no row: it does not, and does not ask.
CREATE TABLE slots (
    host     TEXT NOT NULL PRIMARY KEY,
    job      TEXT NOT NULL,
    asked    BIGINT NOT NULL,                -- Unix seconds, by our clock
    granted  BIGINT NOT NULL DEFAULT 0,      -- 0: it waits
    begun    BIGINT NOT NULL DEFAULT 0       -- 0: it has leave and has not begun
);

-- Whoever gives leave writes here first, so that of several controllers one does at a time.
CREATE TABLE slot_desk (looked BIGINT NOT NULL);
INSERT INTO slot_desk (looked) VALUES (0);

-- What happened with a job, line by line: as the controller saw it, and as the PC told.
CREATE TABLE job_logs (
    job    TEXT NOT NULL,
    place  BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (job, place)
);
