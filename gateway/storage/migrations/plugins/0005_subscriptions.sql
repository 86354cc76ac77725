-- Subscriptions of plugins to events. `filter` is JSON.
CREATE TABLE subscription (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin TEXT NOT NULL,
    target TEXT NOT NULL,
    handler TEXT NOT NULL,
    pattern TEXT NOT NULL,
    filter BLOB NOT NULL,
    subscribed_by TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
