-- What is asked all the time is found without a walk over every job that ever was: a fleet of
-- 5,000 has two million of them in a year. Queries repeat these conditions word by word.

-- How the newest runs of each kind ended.
CREATE INDEX jobs_by_outcome ON jobs (host, kind, ended DESC, id DESC, state)
    WHERE whole = 1 AND state IN ('succeeded', 'partial', 'failed');
-- What has not ended.
CREATE INDEX jobs_open ON jobs (host) WHERE state IN ('queued', 'waiting', 'offered', 'running');
-- Listings by state, and how many there are of each.
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_state ON jobs (state, created, id, kind);
-- What staff asked for.
CREATE INDEX jobs_asked ON jobs (created) WHERE origin NOT IN ('schedule', 'medium', '?');
-- Trials of backups.
CREATE INDEX jobs_trials ON jobs (host, created) WHERE kind = 'verify';
-- Took the place of the ones above where it should not.
DROP INDEX jobs_by_kind;

-- Whether a finding is open already.
CREATE INDEX detections_open ON detections (host, sha256, path) WHERE acknowledged = 0;

-- When its removal was begun; 0: it was not. What was begun and cut off is finished, while what a PC
-- says to have stored and has not stays to be seen.
ALTER TABLE snapshots ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0;
