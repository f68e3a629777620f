DROP TABLE rollups;
CREATE TABLE plain_samples (
    camera_id         INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    bucket_start      INTEGER NOT NULL,
    frames            INTEGER NOT NULL CHECK (frames >= 1),
    people_last       INTEGER NOT NULL CHECK (people_last >= 0),
    people_max        INTEGER NOT NULL CHECK (people_max >= 0),
    people_mean       REAL    NOT NULL,
    inference_ms_mean REAL    NOT NULL,
    worker_id         TEXT    NOT NULL,
    PRIMARY KEY (camera_id, bucket_start)
) STRICT, WITHOUT ROWID;
INSERT INTO plain_samples
SELECT camera_id, bucket_start, frames, people_last, people_max,
       CAST(people_sum AS REAL) / frames, inference_ms_mean, worker_id
FROM samples WHERE true
ON CONFLICT DO NOTHING;
DROP TABLE samples;
ALTER TABLE plain_samples RENAME TO samples;
