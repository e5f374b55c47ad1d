-- The host that took over from this one; empty: none.
ALTER TABLE hosts ADD COLUMN replaced_by TEXT NOT NULL DEFAULT '';
