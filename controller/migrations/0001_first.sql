-- Portable between SQLite and PostgreSQL: TEXT and BIGINT only. Times are Unix seconds,
-- 0 where there is none; ids are UUIDs as text; structures are JSON as text.

CREATE TABLE groups (
    name    TEXT NOT NULL PRIMARY KEY,
    parent  TEXT NOT NULL                  -- empty: the root
);
INSERT INTO groups (name, parent) VALUES ('all', '');

CREATE TABLE policies (
    group_name  TEXT NOT NULL PRIMARY KEY REFERENCES groups (name),
    yaml        TEXT NOT NULL,
    revision    BIGINT NOT NULL
);

CREATE TABLE tokens (
    id           TEXT NOT NULL PRIMARY KEY,
    secret_hash  TEXT NOT NULL UNIQUE,
    group_name   TEXT NOT NULL REFERENCES groups (name),
    uses_left    BIGINT NOT NULL,
    expires      BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    created_by   TEXT NOT NULL
);

CREATE TABLE hosts (
    id                  TEXT NOT NULL PRIMARY KEY,
    group_name          TEXT NOT NULL REFERENCES groups (name),
    certificate         TEXT NOT NULL,     -- SHA-256 of the one in force
    escrow              TEXT NOT NULL,     -- the repository password, age-encrypted
    facts               TEXT NOT NULL,
    enrolled            BIGINT NOT NULL,
    revoked             BIGINT NOT NULL,
    last_seen           BIGINT NOT NULL,
    generation          BIGINT NOT NULL,   -- of what the host must be
    bundle              BIGINT NOT NULL,
    bundle_refused      TEXT NOT NULL
);

-- How far each ledger's events are committed: what tells a repeated one.
CREATE TABLE event_cursors (
    host  TEXT NOT NULL REFERENCES hosts (id),
    boot  TEXT NOT NULL,
    seq   BIGINT NOT NULL,
    PRIMARY KEY (host, boot)
);

CREATE TABLE jobs (
    id           TEXT NOT NULL PRIMARY KEY,
    host         TEXT NOT NULL REFERENCES hosts (id),
    spec         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    origin       TEXT NOT NULL,            -- 'schedule', or who asked
    cancel       BIGINT NOT NULL,
    source_host  TEXT NOT NULL,            -- whose snapshot a restore reads, where another's
    whole        BIGINT NOT NULL,          -- 1: covers what the policy names
    created      BIGINT NOT NULL,
    started      BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    message      TEXT NOT NULL,
    tally        TEXT NOT NULL,
    failures     TEXT NOT NULL,
    snapshot     TEXT NOT NULL,
    target       TEXT NOT NULL
);
CREATE INDEX jobs_by_host ON jobs (host, created);
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE detections (
    id               TEXT NOT NULL PRIMARY KEY,
    host             TEXT NOT NULL REFERENCES hosts (id),
    job              TEXT NOT NULL,
    at               BIGINT NOT NULL,
    rule             TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    severity         TEXT NOT NULL,
    path             TEXT NOT NULL,
    size             BIGINT NOT NULL,
    sha256           TEXT NOT NULL,
    bundle           BIGINT NOT NULL,
    metadata         TEXT NOT NULL,
    acknowledged     BIGINT NOT NULL,
    acknowledged_by  TEXT NOT NULL,
    reason           TEXT NOT NULL
);
CREATE INDEX detections_by_host ON detections (host, acknowledged);

CREATE TABLE snapshots (
    host      TEXT NOT NULL REFERENCES hosts (id),
    id        TEXT NOT NULL,
    time      BIGINT NOT NULL,             -- by the PC's clock
    received  BIGINT NOT NULL,             -- by ours: the one that is judged by
    paths     TEXT NOT NULL,
    files     BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    partial   BIGINT NOT NULL,
    job       TEXT NOT NULL,
    place     BIGINT NOT NULL,             -- counts up within a host: seconds do not tell two apart
    PRIMARY KEY (host, id)
);

-- What bundles are made of: the union of all sources.
CREATE TABLE sources (
    name         TEXT NOT NULL PRIMARY KEY,
    imported     BIGINT NOT NULL,
    imported_by  TEXT NOT NULL
);

CREATE TABLE source_files (
    source  TEXT NOT NULL REFERENCES sources (name),
    path    TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (source, path)
);

CREATE TABLE bundles (
    version       BIGINT NOT NULL PRIMARY KEY,
    sha256        TEXT NOT NULL,
    size          BIGINT NOT NULL,
    rules         BIGINT NOT NULL,
    files         BIGINT NOT NULL,
    published     BIGINT NOT NULL,
    published_by  TEXT NOT NULL
);

CREATE TABLE users (
    name           TEXT NOT NULL PRIMARY KEY,
    role           TEXT NOT NULL,
    password_hash  TEXT NOT NULL,
    created        BIGINT NOT NULL,
    last_login     BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash  TEXT NOT NULL PRIMARY KEY,
    user_name   TEXT NOT NULL REFERENCES users (name),
    expires     BIGINT NOT NULL
);

CREATE TABLE audit (
    id         TEXT NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    user_name  TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,
    detail     TEXT NOT NULL,
    origin     TEXT NOT NULL,              -- address the request came from
    outcome    TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
