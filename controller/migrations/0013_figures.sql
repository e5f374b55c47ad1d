-- When a host's certificate in force ends. Those before this version were made for 3650 days.
ALTER TABLE hosts ADD COLUMN certificate_expires BIGINT NOT NULL DEFAULT 0;
UPDATE hosts SET certificate_expires = enrolled + 315360000;

-- The request of the staff's that a job was asked for by; empty: none.
ALTER TABLE jobs ADD COLUMN request TEXT NOT NULL DEFAULT '';

-- What the figures ask of all hosts at once, without a walk over every job that ever was.
CREATE INDEX jobs_full_scans ON jobs (host, ended)
    WHERE kind = 'scan' AND state IN ('succeeded', 'partial') AND spec LIKE '%"@full"%';
CREATE INDEX jobs_done_backups ON jobs (host, ended)
    WHERE kind = 'backup' AND state IN ('succeeded', 'partial');
