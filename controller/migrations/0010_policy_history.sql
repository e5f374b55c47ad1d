-- Every text that a group's policy has had, so that what somebody replaced is not lost.
CREATE TABLE policy_history (
    group_name  TEXT NOT NULL REFERENCES groups (name),
    revision    BIGINT NOT NULL,
    yaml        TEXT NOT NULL,
    edited_by   TEXT NOT NULL,             -- empty: before there was a history
    edited_at   BIGINT NOT NULL,
    PRIMARY KEY (group_name, revision)
);
INSERT INTO policy_history (group_name, revision, yaml, edited_by, edited_at)
    SELECT group_name, revision, yaml, '', 0 FROM policies;
