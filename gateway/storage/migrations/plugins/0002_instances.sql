-- `config` is JSON in which secrets are covered, `sealed` has them encrypted. A row that is given up stays until the
-- files of the instance are gone.
CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    owner_type TEXT NOT NULL,
    owner TEXT NOT NULL,
    installed_by TEXT NOT NULL,
    permissions BLOB NOT NULL,
    config BLOB NOT NULL,
    sealed TEXT,
    wanted INTEGER NOT NULL,
    suspended INTEGER NOT NULL,
    region TEXT,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    given_up INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
