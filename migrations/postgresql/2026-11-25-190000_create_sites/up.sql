-- Sites as operators define them (settings: JSON), and how they were corrected by hand. Times are
-- microseconds since the Unix epoch; a correction's id is that of its entry in the audit trail.
CREATE TABLE sites (
    id         TEXT    NOT NULL PRIMARY KEY,
    settings   TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL
);

CREATE TABLE site_corrections (
    site_id TEXT    NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id      BIGINT  NOT NULL,
    at      BIGINT  NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('set', 'add')),
    amount  BIGINT  NOT NULL,
    PRIMARY KEY (site_id, id)
);

ALTER TABLE audit ADD COLUMN site_id TEXT;
