-- How the fleet stood, once a day, counted since 1970-01-01 in UTC. A day on which nobody counted has
-- no row, and none is made up for it.
CREATE TABLE trend_days (
    day    BIGINT NOT NULL PRIMARY KEY,
    taken  BIGINT NOT NULL,                  -- Unix seconds
    free   BIGINT NOT NULL,                  -- bytes where the repositories are
    total  BIGINT NOT NULL                   -- 0: not known
);

-- Of the hosts that were in each group itself, by its key; of all hosts, by the empty one.
CREATE TABLE trend (
    day               BIGINT NOT NULL REFERENCES trend_days (day),
    group_name        TEXT NOT NULL,
    protected         BIGINT NOT NULL,
    attention         BIGINT NOT NULL,
    at_risk           BIGINT NOT NULL,
    unknown           BIGINT NOT NULL,
    open_detections   BIGINT NOT NULL,
    repository_bytes  BIGINT NOT NULL,
    PRIMARY KEY (group_name, day)
);
CREATE INDEX trend_by_day ON trend (day);

-- What was found, week by week.
CREATE INDEX detections_trend ON detections (at, severity);
-- What is worst of it, and open. Queries repeat the condition word by word.
CREATE INDEX detections_notable ON detections (at) WHERE acknowledged = 0 AND severity IN ('critical', 'high');
-- How restores went.
CREATE INDEX jobs_restores ON jobs (created, state, ended) WHERE kind = 'restore';
