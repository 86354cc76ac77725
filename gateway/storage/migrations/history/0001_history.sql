-- Times are milliseconds of Unix time. `state` packs quality, kind of value, clock and era: see rows.py.

-- `fed`: up to this time the tiers are computed from `raw`.
CREATE TABLE tag (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A stretch of unsynchronised time: wall = monotonic of the board + distance. `shift` is set once the clock is known.
CREATE TABLE era (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot TEXT NOT NULL,
    distance INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    shift INTEGER
) STRICT;

-- Rows in the order they came: a flush touches the last page only. Sorted into `raw` once an hour.
CREATE TABLE recent (
    id INTEGER PRIMARY KEY,
    tag INTEGER NOT NULL,
    time INTEGER NOT NULL,
    state INTEGER NOT NULL,
    value ANY
) STRICT;

-- Hour by hour, and by tag within the hour: sorting an hour appends to the table, so its pages are full and written once.
-- time = 3600000 * hour + at.
CREATE TABLE raw (
    hour INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    value ANY,
    PRIMARY KEY (hour, tag, at)
) STRICT, WITHOUT ROWID;

-- Buckets with something in them, 60 to a period, for the same reason: start = resolution * (60 * period + bucket).
-- minimum, maximum and last are NULL where they equal the mean; span is how many milliseconds of it had a value.
CREATE TABLE tier (
    resolution INTEGER NOT NULL,
    period INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    span INTEGER NOT NULL,
    mean ANY,
    minimum ANY,
    maximum ANY,
    last ANY,
    PRIMARY KEY (resolution, period, tag, bucket)
) STRICT, WITHOUT ROWID;

-- Stretches of a tag whose tiers are to be computed again, because rows came late or moved.
CREATE TABLE refeed (
    tag INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL
) STRICT;

-- Numbers about this file; `raw_from`: rows before this time have been deleted from `raw`.
CREATE TABLE kept (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
