-- Files that PCs have put away. An id is the PC's own, or ours where staff asked: it is told apart
-- within one host only.
CREATE TABLE quarantine (
    host     TEXT NOT NULL REFERENCES hosts (id),
    id       TEXT NOT NULL,
    path     TEXT NOT NULL,                -- where it was
    sha256   TEXT NOT NULL,
    size     BIGINT NOT NULL,
    rules    TEXT NOT NULL,
    job      TEXT NOT NULL,
    at       BIGINT NOT NULL,              -- by the PC's clock
    state    TEXT NOT NULL,                -- held, restored, deleted, gone
    changed  BIGINT NOT NULL,
    target   TEXT NOT NULL,                -- where it was restored to
    PRIMARY KEY (host, id)
);
CREATE INDEX quarantine_by_id ON quarantine (id);

-- The item that a detection's file is put away as; empty: it is not, as far as is known.
ALTER TABLE detections ADD COLUMN put_away TEXT NOT NULL DEFAULT '';
