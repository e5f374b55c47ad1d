-- How a bundle spreads. Unix seconds; 0: not.
ALTER TABLE bundles ADD COLUMN halted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bundles ADD COLUMN halted_by TEXT NOT NULL DEFAULT '';
ALTER TABLE bundles ADD COLUMN halted_why TEXT NOT NULL DEFAULT '';
ALTER TABLE bundles ADD COLUMN resumed BIGINT NOT NULL DEFAULT 0;     -- answers before that halt it no more
ALTER TABLE bundles ADD COLUMN everywhere BIGINT NOT NULL DEFAULT 0;  -- since when every ring has it

-- Which host was offered which bundle, and what it answered.
CREATE TABLE bundle_offers (
    version  BIGINT NOT NULL,
    host     TEXT NOT NULL,
    offered  BIGINT NOT NULL,
    taken    BIGINT NOT NULL DEFAULT 0,
    refused  BIGINT NOT NULL DEFAULT 0,
    reason   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (version, host)
);
CREATE INDEX bundle_offers_by_host ON bundle_offers (host, version);
