-- Sites as operators define them (settings: JSON), and how they were corrected by hand. Times are
-- microseconds since the Unix epoch; a correction's id is that of its entry in the audit trail.
CREATE TABLE sites (
    id         TEXT    NOT NULL PRIMARY KEY,
    settings   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE site_corrections (
    site_id TEXT    NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id      INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('set', 'add')),
    amount  INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

ALTER TABLE audit ADD COLUMN site_id TEXT;
