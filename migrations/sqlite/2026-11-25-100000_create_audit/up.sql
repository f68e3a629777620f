-- Who changed what, and when (microseconds since the Unix epoch). No reference to cameras: an entry
-- outlasts the camera that it is about.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    who       TEXT    NOT NULL,
    address   TEXT,
    action    TEXT    NOT NULL,
    camera_id INTEGER,
    worker_id TEXT,
    changes   TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_camera ON audit (camera_id, id);
CREATE INDEX audit_by_time ON audit (at);
