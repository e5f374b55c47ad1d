-- Of the files in a snapshot, those that were new or changed.
ALTER TABLE snapshots ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

-- How a host's older snapshots are done away with. No row: nothing was ever done.
CREATE TABLE retention (
    host TEXT NOT NULL PRIMARY KEY,
    frozen TEXT NOT NULL DEFAULT '',      -- why nothing goes; empty: by the rules it does
    frozen_at BIGINT NOT NULL DEFAULT 0,
    holder TEXT NOT NULL DEFAULT '',      -- who works on the repository
    held_until BIGINT NOT NULL DEFAULT 0,
    ran BIGINT NOT NULL DEFAULT 0,
    waiting BIGINT NOT NULL DEFAULT 0,    -- bytes that the next run may remove
    outcome TEXT NOT NULL DEFAULT ''
);
