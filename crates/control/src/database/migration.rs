//! The tables, as plain SQL: applied in order, forward only.

/// A released file is never edited. Adding one is a file and a row here.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_sites_and_tokens.sql"),
    include_str!("../../migrations/0002_settings_and_definitions.sql"),
    include_str!("../../migrations/0003_accounts.sql"),
    include_str!("../../migrations/0004_share_links.sql"),
    include_str!("../../migrations/0005_identities.sql"),
    include_str!("../../migrations/0006_retention.sql"),
];
