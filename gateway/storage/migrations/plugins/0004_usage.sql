-- What was counted, by the hour and the day, both numbered from 1970 on. Day 0 of a plugin is the sum of its days that
-- were forgotten.
CREATE TABLE usage_hour (
    hour INTEGER PRIMARY KEY,
    calls INTEGER NOT NULL,
    faults INTEGER NOT NULL,
    seconds REAL NOT NULL,
    messages INTEGER NOT NULL,
    up REAL NOT NULL
) STRICT;

CREATE TABLE usage_subject (
    subject TEXT NOT NULL,
    day INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    faults INTEGER NOT NULL,
    last REAL NOT NULL,
    PRIMARY KEY (subject, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_plugin (
    plugin TEXT NOT NULL,
    day INTEGER NOT NULL,
    invocations INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    seconds REAL NOT NULL,
    wanted REAL NOT NULL,
    up REAL NOT NULL,
    looks INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    peak INTEGER,
    cpu REAL NOT NULL,
    watched REAL NOT NULL,
    PRIMARY KEY (plugin, day)
) STRICT, WITHOUT ROWID;
