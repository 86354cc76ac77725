-- One table for each priority: rows are added at the end and removed from the front, so that removing frees whole pages
-- and no index has to be written along. `seq` is the number of the event; `checksum` covers the row: see event_rows.py.
CREATE TABLE event_low (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    type TEXT NOT NULL,
    time REAL NOT NULL,
    synchronised INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    routing_key TEXT,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE event_normal (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    type TEXT NOT NULL,
    time REAL NOT NULL,
    synchronised INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    routing_key TEXT,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE event_high (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    type TEXT NOT NULL,
    time REAL NOT NULL,
    synchronised INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    routing_key TEXT,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE event_urgent (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    type TEXT NOT NULL,
    time REAL NOT NULL,
    synchronised INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    routing_key TEXT,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- The events that are messages to an agent, at the same time its mailbox; `waiting` is 1 until it is acknowledged.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    type TEXT NOT NULL,
    time REAL NOT NULL,
    synchronised INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    routing_key TEXT,
    checksum INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    acknowledged REAL,
    expires REAL NOT NULL,
    message_id ANY NOT NULL,
    to_agent TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE INDEX message_of ON message (to_agent, waiting, seq, expires, synchronised);
CREATE INDEX message_named ON message (message_id);

-- Names of gateways; mostly one.
CREATE TABLE gateway (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- `number` names a webhook in the other tables, and is never used twice.
CREATE TABLE webhook (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    document BLOB NOT NULL
) STRICT;

-- Apart from the documents: a delivery writes this page along.
CREATE TABLE cursor (
    webhook INTEGER PRIMARY KEY,
    cursor INTEGER NOT NULL
) STRICT;

-- In the order of their creation. `status` as in outbox_rows.py; `tries` is JSON: all attempts.
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY,
    id ANY NOT NULL UNIQUE,
    webhook INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    event_id ANY NOT NULL,
    event_type TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created REAL NOT NULL,
    next_at REAL,
    finished REAL,
    key TEXT,
    redelivery INTEGER NOT NULL,
    tries BLOB NOT NULL
) STRICT;

CREATE INDEX delivery_of ON delivery (webhook, status);

-- `first`: every event from this number on that was ever kept is still there, except those of low priority.
CREATE TABLE kept (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
