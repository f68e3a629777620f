-- Cameras as operators register them. Times are microseconds since the Unix epoch.
CREATE TABLE cameras (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id >= 1),
    name          TEXT,
    stream_url    TEXT    NOT NULL,
    settings      TEXT    NOT NULL,
    desired_state TEXT    NOT NULL CHECK (desired_state IN ('running', 'stopped')),
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);

-- One row per camera and second; bucket_start is the second since the Unix epoch.
CREATE TABLE samples (
    camera_id         INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    bucket_start      BIGINT  NOT NULL,
    frames            INTEGER NOT NULL CHECK (frames >= 1),
    people_last       INTEGER NOT NULL CHECK (people_last >= 0),
    people_max        INTEGER NOT NULL CHECK (people_max >= 0),
    people_mean       REAL    NOT NULL,
    inference_ms_mean REAL    NOT NULL,
    worker_id         TEXT    NOT NULL,
    PRIMARY KEY (camera_id, bucket_start)
);
