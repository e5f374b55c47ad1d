-- What was found in a week or a month, for the reports about it.
CREATE INDEX detections_in_period ON detections (at, id, host, acknowledged);
