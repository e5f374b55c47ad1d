-- Repositories that are to be deleted, and those that were. Calling off removes the row; the audit
-- trail keeps what happened.
CREATE TABLE deletions (
    host TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked BIGINT NOT NULL,
    approved_by TEXT NOT NULL DEFAULT '',
    approved BIGINT NOT NULL DEFAULT 0,   -- 0: nobody has agreed yet
    due BIGINT NOT NULL DEFAULT 0,        -- not before that
    begun BIGINT NOT NULL DEFAULT 0,      -- from then on it cannot be called off
    done BIGINT NOT NULL DEFAULT 0
);
