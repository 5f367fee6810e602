//! The SQLite file: opened, migrated, shared.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{Error, Result};

/// Applied in order; a released file is never edited. Adding one is a file and a row here.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_sites_and_tokens.sql"),
    include_str!("../migrations/0002_settings_and_definitions.sql"),
    include_str!("../migrations/0003_accounts.sql"),
    include_str!("../migrations/0004_share_links.sql"),
];

/// The open control data.
pub struct Control {
    connection: Mutex<Connection>,
}

impl Control {
    /// Opens the file, making and migrating it as needed. Several processes may have it open.
    ///
    /// # Errors
    /// When the file cannot be opened, is newer than we are, or is no SQLite file.
    pub fn open(path: &Path) -> Result<Self> {
        // Made by us first, so that it is never readable to others, not even for a moment.
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Numbers that are others whenever the data was changed, by this process or another.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version(&self) -> Result<(i64, u64)> {
        let connection = self.connection();
        // SQLite's own version leaves out what this very connection has changed.
        let by_others = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok((by_others, connection.total_changes()))
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic between two statements leaves SQLite consistent: the transaction rolls back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (found, known) = (found as usize, MIGRATIONS.len());
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for sql in &MIGRATIONS[found..] {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", known as u32)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_newer_file() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("control.sqlite");
        drop(Control::open(&path).expect("new"));
        Connection::open(&path).expect("open").pragma_update(None, "user_version", 99).expect("set");
        assert!(matches!(Control::open(&path), Err(Error::Newer { found: 99, .. })));
    }

    #[test]
    fn keeps_the_settings_of_a_file_of_the_first_version() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("control.sqlite");
        let old = Connection::open(&path).expect("open");
        old.execute_batch(MIGRATIONS[0]).expect("made");
        old.execute_batch(
            "INSERT INTO sites (domain, timezone, referrer_detail, allowed_hostnames, blocked_pages, created_at)
             VALUES ('a.example', 'Europe/Berlin', 'page', 'a.example *.a.example', '', 0);
             PRAGMA user_version = 1;",
        )
        .expect("filled");
        drop(old);
        let site = Control::open(&path).expect("migrated").site("a.example").expect("there");
        assert_eq!(site.timezone, "Europe/Berlin");
        assert_eq!(site.referrer_detail, crate::ReferrerDetail::Page);
        assert_eq!(site.allowed_hostnames, ["a.example", "*.a.example"]);
        assert!(site.blocked_pages.is_empty());
    }

    #[test]
    fn is_readable_to_its_owner_only() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("control.sqlite");
        let _control = Control::open(&path).expect("new");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
