-- Why somebody changed a policy, in their own words.
ALTER TABLE policy_history ADD COLUMN why TEXT NOT NULL DEFAULT '';

-- 1: the password was made by the controller, and its owner has not chosen one yet.
ALTER TABLE users ADD COLUMN one_time BIGINT NOT NULL DEFAULT 0;

-- When a session began and from where, so that its owner knows it again; 0 and empty: before this.
ALTER TABLE sessions ADD COLUMN began BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN origin TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_by_user ON sessions (user_name);

-- Records are listed by time, of all, of one of the staff, or of one kind of deed.
DROP INDEX audit_by_time;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_user ON audit (user_name, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
CREATE INDEX audit_refused ON audit (at, id) WHERE outcome = 'refused';
