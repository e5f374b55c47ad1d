-- Where a source is from, under which licence, and how many rules it has; empty and 0: not said.
ALTER TABLE sources ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN licence TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN rules BIGINT NOT NULL DEFAULT 0;

-- What a bundle changed against the one before it.
CREATE TABLE bundle_changes (
    version  BIGINT NOT NULL PRIMARY KEY,
    source   TEXT NOT NULL,                -- which was imported, or taken out
    gone     BIGINT NOT NULL,              -- 1: it was taken out
    added    BIGINT NOT NULL,              -- rules
    removed  BIGINT NOT NULL,
    changed  BIGINT NOT NULL,
    names    TEXT NOT NULL                 -- the first of each, as JSON
);

-- Imports that were checked and wait for somebody to publish them: one of each of the staff.
CREATE TABLE drafts (
    owner     TEXT NOT NULL PRIMARY KEY,
    id        TEXT NOT NULL,
    source    TEXT NOT NULL,
    origin    TEXT NOT NULL,
    licence   TEXT NOT NULL,
    made      BIGINT NOT NULL,
    findings  TEXT NOT NULL                -- what the check said, as JSON
);
CREATE TABLE draft_files (
    owner  TEXT NOT NULL REFERENCES drafts (owner),
    path   TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (owner, path)
);

-- Detections as pages list them, and those that are alike.
CREATE INDEX detections_by_time ON detections (at DESC, id DESC);
CREATE INDEX detections_open_by_time ON detections (at DESC, id DESC) WHERE acknowledged = 0;
CREATE INDEX detections_by_rule ON detections (rule, namespace, at DESC);
CREATE INDEX detections_by_content ON detections (sha256, at DESC);
