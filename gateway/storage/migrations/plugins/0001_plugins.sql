-- A removed plugin stays, so that its id is never used again: `removed` is when. `stars` and `reviews` sum up the table
-- of reviews. What lists are made by stands in columns, the rest of what a publisher says in `document` (JSON).
CREATE TABLE plugin (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    version TEXT NOT NULL,
    category TEXT NOT NULL,
    author TEXT NOT NULL,
    publisher TEXT NOT NULL,
    status TEXT NOT NULL,
    downloads INTEGER NOT NULL,
    stars INTEGER NOT NULL,
    reviews INTEGER NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    removed REAL
) STRICT;

-- In the order in which they were published, which is that of the versions. `sha256` to `docs` are of the package.
CREATE TABLE version (
    number INTEGER PRIMARY KEY,
    plugin INTEGER NOT NULL,
    version TEXT NOT NULL,
    document BLOB NOT NULL,
    created REAL NOT NULL,
    sha256 TEXT,
    size INTEGER,
    key_id TEXT,
    signer TEXT,
    received REAL,
    manifest BLOB,
    docs TEXT,
    UNIQUE (plugin, version)
) STRICT;

CREATE TABLE review (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin INTEGER NOT NULL,
    subject TEXT NOT NULL,
    stars INTEGER NOT NULL,
    text TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    UNIQUE (plugin, subject)
) STRICT;
