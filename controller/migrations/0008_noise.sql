-- Of the files in a snapshot that were new or changed, those that begin as encrypted ones do.
ALTER TABLE snapshots ADD COLUMN noise BIGINT NOT NULL DEFAULT 0;
