-- Requests of the plugin API that may come twice. `name` stands for a caller and the key it gave, `caller` for it alone,
-- `mark` for the request; none of them can be read back. `answer` is how it ended: NULL where nobody knows.
CREATE TABLE replay (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name BLOB NOT NULL UNIQUE,
    caller BLOB NOT NULL,
    mark BLOB NOT NULL,
    answer BLOB,
    begun REAL NOT NULL
) STRICT;

CREATE INDEX replay_of_caller ON replay (caller, number);
