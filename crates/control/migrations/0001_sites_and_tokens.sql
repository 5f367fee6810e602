-- Control data: what the operator says. No visitor's data may ever go in here.
CREATE TABLE sites (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    domain            TEXT NOT NULL UNIQUE,
    timezone          TEXT NOT NULL,
    referrer_detail   TEXT NOT NULL DEFAULT 'domain' CHECK (referrer_detail IN ('domain', 'page')),
    allowed_hostnames TEXT NOT NULL DEFAULT '',
    blocked_pages     TEXT NOT NULL DEFAULT '',
    created_at        INTEGER NOT NULL
);

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    scope      TEXT NOT NULL,
    site_id    INTEGER REFERENCES sites (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
);

CREATE TABLE imports (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id     INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    events      INTEGER NOT NULL DEFAULT 0
);
