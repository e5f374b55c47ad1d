-- Several controllers waited for each other here. They do so for each transaction that writes.
DROP TABLE slot_desk;

-- How many files in its quarantine a host has told of: counted once each, and not at each telling.
CREATE TABLE quarantine_told (
    host TEXT PRIMARY KEY NOT NULL REFERENCES hosts (id),
    told BIGINT NOT NULL
);
INSERT INTO quarantine_told (host, told) SELECT host, COUNT(*) FROM quarantine GROUP BY host;
