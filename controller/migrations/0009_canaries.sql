-- Which canary of the PC's was touched, and how; empty: none since staff have looked.
ALTER TABLE retention ADD COLUMN canary TEXT NOT NULL DEFAULT '';
