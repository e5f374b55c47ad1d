-- A host's certificates over time. The one in force stands with the host; a host that has no row
-- here has the one that it enrolled with.
CREATE TABLE identities (
    host          TEXT NOT NULL PRIMARY KEY REFERENCES hosts (id),
    number        BIGINT NOT NULL DEFAULT 0,   -- of the one in force: they are counted
    expires       BIGINT NOT NULL DEFAULT 0,
    next          TEXT NOT NULL DEFAULT '',    -- SHA-256 of one that was given out and not shown yet
    next_number   BIGINT NOT NULL DEFAULT 0,
    next_expires  BIGINT NOT NULL DEFAULT 0,
    former        TEXT NOT NULL DEFAULT '',    -- the one before, still good for work that began with it
    former_until  BIGINT NOT NULL DEFAULT 0,
    session       TEXT NOT NULL DEFAULT ''     -- name of the host's last stream
);

-- PCs that ask to be hosts again.
CREATE TABLE claims (
    id            TEXT NOT NULL PRIMARY KEY,
    host          TEXT NOT NULL,               -- that the PC was; the database may not know it
    kind          TEXT NOT NULL,               -- expired, superseded, copy, unknown
    key           TEXT NOT NULL,               -- SHA-256 of the new public key: one PC's claim is one
    csr           TEXT NOT NULL,
    escrow        TEXT NOT NULL,
    fresh_escrow  TEXT NOT NULL,
    facts         TEXT NOT NULL,
    address       TEXT NOT NULL,
    asked         BIGINT NOT NULL,
    heard         BIGINT NOT NULL,
    state         TEXT NOT NULL,               -- waiting, refused, approved
    decided_by    TEXT NOT NULL,
    new_host      TEXT NOT NULL,
    certificate   TEXT NOT NULL,               -- PEM; empty until it is approved
    UNIQUE (host, key)
);

-- The last time by this controller's clock that was not doubted.
CREATE TABLE clockwork (
    id       BIGINT NOT NULL PRIMARY KEY,
    trusted  BIGINT NOT NULL
);
INSERT INTO clockwork (id, trusted) VALUES (1, 0);
