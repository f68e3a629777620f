-- Crossings of lines, with the identity that they were given where they were counted. at is in
-- microseconds since the Unix epoch; direction_name is what the line's operator called it then.
CREATE TABLE crossings (
    camera_id      INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    run_id         BIGINT  NOT NULL,
    seq            INTEGER NOT NULL CHECK (seq >= 0),
    line_id        TEXT    NOT NULL,
    direction      TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
    direction_name TEXT    NOT NULL,
    track_id       BIGINT  NOT NULL,
    at             BIGINT  NOT NULL,
    confidence     REAL    NOT NULL,
    PRIMARY KEY (camera_id, run_id, seq)
);

CREATE INDEX crossings_by_time ON crossings (camera_id, at);

-- What a sample says of lines and zones, as JSON: what their rollups can be made of again.
-- {"lines": [[line_id, raw_in, raw_out], …], "zones": [[zone_id, people_last, people_min, people_max,
-- people_sum, entries, exits, null or [[dwell counts as in zone_rollups], dwell_sum_ms]], …]}
ALTER TABLE samples ADD COLUMN scene TEXT;

-- Crossings (counted by the line's rules, and every change of side) per line and stretch of UTC time.
CREATE TABLE line_rollups (
    camera_id    INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    level        INTEGER NOT NULL CHECK (level IN (60, 900, 3600, 86400)),
    bucket_start BIGINT  NOT NULL,
    line_id      TEXT    NOT NULL,
    crossed_in   BIGINT  NOT NULL,
    crossed_out  BIGINT  NOT NULL,
    raw_in       BIGINT  NOT NULL,
    raw_out      BIGINT  NOT NULL,
    PRIMARY KEY (camera_id, level, bucket_start, line_id)
);

-- People in a zone, per stretch of UTC time. dwell_N: those who left after at most N seconds and more
-- than the number before; dwell_more: those who stayed longer.
CREATE TABLE zone_rollups (
    camera_id    INTEGER NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    level        INTEGER NOT NULL CHECK (level IN (60, 900, 3600, 86400)),
    bucket_start BIGINT  NOT NULL,
    zone_id      TEXT    NOT NULL,
    frames       BIGINT  NOT NULL,
    covered_ms   BIGINT  NOT NULL,
    people_sum   BIGINT  NOT NULL,
    people_min   INTEGER NOT NULL,
    people_max   INTEGER NOT NULL,
    entries      BIGINT  NOT NULL,
    exits        BIGINT  NOT NULL,
    dwell_5      BIGINT  NOT NULL,
    dwell_10     BIGINT  NOT NULL,
    dwell_30     BIGINT  NOT NULL,
    dwell_60     BIGINT  NOT NULL,
    dwell_120    BIGINT  NOT NULL,
    dwell_300    BIGINT  NOT NULL,
    dwell_600    BIGINT  NOT NULL,
    dwell_1800   BIGINT  NOT NULL,
    dwell_more   BIGINT  NOT NULL,
    dwell_sum_ms BIGINT  NOT NULL,
    PRIMARY KEY (camera_id, level, bucket_start, zone_id)
);
