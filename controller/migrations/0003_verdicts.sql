-- What the scan that went with a backup says of its snapshot, as JSON; null: it was not scanned.
ALTER TABLE snapshots ADD COLUMN verdict TEXT NOT NULL DEFAULT 'null';
