//! The control data in a SQLite file, which several processes may have open.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};

use super::dialect::Dialect;
use super::migration::MIGRATIONS;
use super::value::{Row, Value};
use super::{Reader, Statements, Writer};
use crate::error::{Error, Result};

/// The open file. One connection: a statement takes microseconds, and SQLite has one writer at a time anyway.
pub(crate) struct Sqlite(Mutex<Connection>);

impl Sqlite {
    /// Opens the file, making and migrating it as needed.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Made by us first, so that it is never readable to others, not even for a moment.
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self(Mutex::new(connection)))
    }

    pub(crate) fn read<T>(&self, work: impl Fn(&Reader<'_>) -> Result<T>) -> Result<T> {
        work(&Reader(&*self.connection()))
    }

    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&Writer(Reader(&*transaction)))?;
        transaction.commit()?;
        Ok(done)
    }

    pub(crate) fn version(&self) -> Result<(i64, u64)> {
        let connection = self.connection();
        // SQLite's own version leaves out what this very connection has changed.
        let by_others = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok((by_others, connection.total_changes()))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic between two statements leaves SQLite consistent: the transaction rolls back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Statements for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| read(row.get_ref(column)?)).collect::<Result<_>>()?;
            found.push(Row(values));
        }
        Ok(found)
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Text(_) => Value::Text(value.as_str().map_err(rusqlite::Error::from)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_owned()),
        // No column of ours holds one; reading it as anything else fails.
        ValueRef::Real(_) => Value::Null,
    })
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
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
    use crate::Control;

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
        assert_eq!(site.retention, crate::Retention::Unlimited, "an update erases nothing");
    }

    #[test]
    fn is_readable_to_its_owner_only() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("control.sqlite");
        let _control = Control::open(&path).expect("new");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
