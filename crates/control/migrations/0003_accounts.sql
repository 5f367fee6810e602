-- Who may sign in, and what each may do. Secrets are here as hashes only, but for what a code is computed from.
-- No visitor's data may ever go in here, nor where somebody signed in from.

CREATE TABLE users (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    email          TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    is_owner       INTEGER NOT NULL,
    -- argon2id as a PHC string; NULL until who was invited has chosen one.
    password       TEXT,
    -- Codes are computed from it, so it cannot be a hash.
    totp_secret    BLOB,
    totp_confirmed INTEGER NOT NULL DEFAULT 0,
    -- Step of the last code that was taken: none is taken twice.
    totp_step      INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL
);

CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;

-- Roles on single sites; an owner has none here and may do everything everywhere.
CREATE TABLE members (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT NOT NULL,
    PRIMARY KEY (site_id, user_id)
) WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);

-- Links that work once: with a user, to choose a password; without, to become the first owner.
CREATE TABLE one_time_links (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER
) WITHOUT ROWID;
