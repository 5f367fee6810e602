-- What a site's people have set and defined. No visitor's data may ever go in here.

-- One row a setting that differs from its default; the names and defaults stand in `setting.rs`.
CREATE TABLE settings (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (site_id, name)
) WITHOUT ROWID;

INSERT INTO settings SELECT id, 'timezone', timezone FROM sites;
INSERT INTO settings SELECT id, 'referrer', referrer_detail FROM sites WHERE referrer_detail <> 'domain';
INSERT INTO settings SELECT id, 'hostnames', replace(allowed_hostnames, ' ', ',') FROM sites WHERE allowed_hostnames <> '';
INSERT INTO settings SELECT id, 'blocked_pages', replace(blocked_pages, ' ', ',') FROM sites WHERE blocked_pages <> '';
ALTER TABLE sites DROP COLUMN timezone;
ALTER TABLE sites DROP COLUMN referrer_detail;
ALTER TABLE sites DROP COLUMN allowed_hostnames;
ALTER TABLE sites DROP COLUMN blocked_pages;

-- Sites that are gone and whose events may still be on their way to the store, or in it.
CREATE TABLE removed_sites (
    id         INTEGER PRIMARY KEY,
    removed_at INTEGER NOT NULL DEFAULT (unixepoch())
);
CREATE TRIGGER remember_removed_site AFTER DELETE ON sites BEGIN
    INSERT INTO removed_sites (id) VALUES (OLD.id);
END;

CREATE TABLE goals (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id          INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    display_name     TEXT NOT NULL,
    event_name       TEXT,
    page_path        TEXT,
    scroll_threshold INTEGER,
    currency         TEXT,
    custom_props     TEXT NOT NULL DEFAULT '{}',
    UNIQUE (site_id, display_name),
    CHECK ((event_name IS NULL) <> (page_path IS NULL))
);

CREATE TABLE funnels (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    step_order TEXT NOT NULL,
    within  TEXT NOT NULL,
    UNIQUE (site_id, name)
);

CREATE TABLE funnel_steps (
    funnel_id INTEGER NOT NULL REFERENCES funnels (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    goal_id   INTEGER NOT NULL REFERENCES goals (id),
    PRIMARY KEY (funnel_id, position)
) WITHOUT ROWID;

CREATE TABLE segments (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    filters TEXT NOT NULL,
    UNIQUE (site_id, name)
);

CREATE TABLE annotations (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    at      TEXT NOT NULL,
    text    TEXT NOT NULL
);
CREATE INDEX annotations_by_time ON annotations (site_id, at);

ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
