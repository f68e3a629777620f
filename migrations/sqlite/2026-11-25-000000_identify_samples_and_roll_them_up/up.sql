-- Samples get the identity that they were given where they were counted (run and place in it), so
-- that a second of two runs has both and a retry changes nothing. Rows lie in the
-- order of the key, so a camera's span is one contiguous read.
CREATE TABLE identified_samples (
    camera_id         INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    bucket_start      INTEGER NOT NULL,
    run_id            INTEGER NOT NULL,
    seq               INTEGER NOT NULL CHECK (seq >= 0),
    frames            INTEGER NOT NULL CHECK (frames >= 1),
    people_last       INTEGER NOT NULL CHECK (people_last >= 0),
    people_min        INTEGER NOT NULL CHECK (people_min >= 0),
    people_max        INTEGER NOT NULL CHECK (people_max >= people_min),
    people_sum        INTEGER NOT NULL CHECK (people_sum >= 0),
    covered_ms        INTEGER NOT NULL CHECK (covered_ms >= 0),
    inference_ms_mean REAL    NOT NULL,
    worker_id         TEXT    NOT NULL,
    PRIMARY KEY (camera_id, bucket_start, run_id, seq)
) STRICT, WITHOUT ROWID;

-- Samples of before had neither identity nor minimum: run 0 stands for all their runs.
INSERT INTO identified_samples
SELECT camera_id, bucket_start, 0, 0, frames, people_last,
       MIN(people_last, CAST(people_mean AS INTEGER), people_max), people_max,
       CAST(ROUND(people_mean * frames) AS INTEGER), 1000, inference_ms_mean, worker_id
FROM samples;
DROP TABLE samples;
ALTER TABLE identified_samples RENAME TO samples;

-- Samples summed up per camera and stretch of UTC time: level is its length in seconds.
CREATE TABLE rollups (
    camera_id    INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    level        INTEGER NOT NULL CHECK (level IN (60, 900, 3600, 86400)),
    bucket_start INTEGER NOT NULL,
    frames       INTEGER NOT NULL,
    people_sum   INTEGER NOT NULL,
    people_min   INTEGER NOT NULL,
    people_max   INTEGER NOT NULL,
    covered_ms   INTEGER NOT NULL,
    PRIMARY KEY (camera_id, level, bucket_start)
) STRICT, WITHOUT ROWID;

INSERT INTO rollups
SELECT camera_id, level, bucket_start - ((bucket_start % level) + level) % level,
       SUM(frames), SUM(people_sum), MIN(people_min), MAX(people_max), SUM(covered_ms)
FROM samples
CROSS JOIN (SELECT 60 AS level UNION ALL SELECT 900 UNION ALL SELECT 3600 UNION ALL SELECT 86400)
    AS levels
GROUP BY 1, 2, 3;
