-- Links by which anybody who has one reads a site's reports, as the public does. Secrets are here as hashes only.

CREATE TABLE share_links (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id         INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    hash            BLOB NOT NULL UNIQUE,
    -- argon2id as a PHC string; NULL asks for none.
    password        TEXT,
    -- With the segment goes the link: it may never come to show more.
    segment_id      INTEGER REFERENCES segments (id) ON DELETE CASCADE,
    -- Origins whose pages may frame it, with blanks between them.
    frame_ancestors TEXT NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    UNIQUE (site_id, name)
);

-- Who has opened a link: what a browser asks with, instead of the link's own secret and password.
CREATE TABLE share_passes (
    hash       BLOB PRIMARY KEY,
    link_id    INTEGER NOT NULL REFERENCES share_links (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
