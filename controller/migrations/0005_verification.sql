-- When all of a snapshot was last read and found as it was stored.
ALTER TABLE snapshots ADD COLUMN verified BIGINT NOT NULL DEFAULT 0;

-- How hosts' repositories are read, a part each week. No row: never yet.
CREATE TABLE verification (
    host TEXT NOT NULL PRIMARY KEY,
    parts TEXT NOT NULL DEFAULT '[]',     -- when each part was last found sound, Unix seconds, as JSON
    ran BIGINT NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    damage TEXT NOT NULL DEFAULT 'null'   -- what is amiss, as JSON
);
