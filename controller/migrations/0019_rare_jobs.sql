-- Restores and the like among millions of scans and backups: lists of them walk over none of those.
-- The query repeats the condition word by word.
CREATE INDEX jobs_rare ON jobs (kind, created, id) WHERE kind NOT IN ('scan', 'backup');
