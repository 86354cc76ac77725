-- What instances keep by `storage.put`: JSON text.
CREATE TABLE kept_value (
    instance TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (instance, key)
) STRICT, WITHOUT ROWID;
