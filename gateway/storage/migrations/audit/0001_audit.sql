-- Rows are added at the end and removed from the front, never changed. `entry` is JSON, hashed as it stands here; `hash`
-- is HMAC-SHA256 over the row before, this row's number and its entry: see audit_rows.py.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- Where the chain begins once rows were removed: number and hash of the last of them, what else is known of them, and a
-- seal over all of it.
CREATE TABLE anchor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    entry BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT;
