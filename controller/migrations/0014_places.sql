-- A group's `name` is its key, which nobody sees and which never changes; `label` is what it is called.
-- It is its own only among the groups beside it.
ALTER TABLE groups ADD COLUMN label TEXT NOT NULL DEFAULT '';
UPDATE groups SET label = name;
CREATE UNIQUE INDEX groups_beside ON groups (parent, label);

-- Which group a host belongs to by what it is; what a rule does not ask about is empty.
CREATE TABLE group_rules (
    place        BIGINT NOT NULL PRIMARY KEY,    -- they are asked in this order
    host_name    TEXT NOT NULL,                  -- a pattern with * and ?
    network      TEXT NOT NULL,
    host_system  TEXT NOT NULL,
    group_name   TEXT NOT NULL REFERENCES groups (name)
);

-- 1: staff have placed it, and rules leave it there. Whoever is not in the root was placed by staff so far.
ALTER TABLE hosts ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0;
UPDATE hosts SET pinned = 1 WHERE group_name <> 'all';
-- When a rule last moved it for what it said of itself.
ALTER TABLE hosts ADD COLUMN ruled BIGINT NOT NULL DEFAULT 0;

-- 1: rules may place the hosts that enrol with it although it names a group.
ALTER TABLE tokens ADD COLUMN by_rules BIGINT NOT NULL DEFAULT 0;

-- What a host was called since when, once its name has changed. The last few are kept.
CREATE TABLE host_names (
    host   TEXT NOT NULL REFERENCES hosts (id),
    since  BIGINT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (host, since)
);
