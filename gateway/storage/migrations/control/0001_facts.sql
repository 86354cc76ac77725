-- Facts: what was learned or promised. The checksum covers kind, key and value: a flipped bit is never taken for a fact.
CREATE TABLE fact (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- What each tag said last, for people to see after a restart.
CREATE TABLE last_value (
    tag TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    units TEXT,
    state INTEGER NOT NULL,
    value ANY,
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
