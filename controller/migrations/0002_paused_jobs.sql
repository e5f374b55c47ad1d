-- Staff can let a scan wait.
ALTER TABLE jobs ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
