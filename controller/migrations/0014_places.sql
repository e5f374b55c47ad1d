-- A group's `name` is its key, which nobody sees and which never changes; `label` is what it is called.
-- It is its own only among the groups beside it.
ALTER TABLE groups ADD COLUMN label TEXT NOT NULL DEFAULT '';
UPDATE groups SET label = name;
CREATE UNIQUE INDEX groups_beside ON groups (parent, label);
