//! Where the control data are, and how everything here reads and changes them.
//!
//! Invariant: nothing is changed but within [`Control::write`]: of those there is one at a time, by whatever process,
//! and it is done as a whole or not at all. So what a write has looked up holds until its end. A statement is one text
//! for both databases; `dialect` holds what cannot be.

mod connection;
mod copy;
mod dialect;
mod encryption;
mod migration;
mod postgres;
mod server_url;
mod sqlite;
mod value;

use std::ops::Deref;
use std::path::Path;

use crate::error::{Error, Result};
#[cfg(test)]
pub(crate) use copy::TABLES;
use dialect::Dialect;
use postgres::Postgres;
use sqlite::Sqlite;

pub use server_url::ServerUrl;
pub(crate) use value::{Row, Value, params};

/// The open control data.
pub struct Control(Database);

/// Which database it is.
enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Reads by statements whose parameters are `?1`, `?2`, ….
pub(crate) struct Reader<'a>(&'a dyn Statements);

/// Also changes.
pub(crate) struct Writer<'a>(Reader<'a>);

/// One connection to a database.
trait Statements {
    fn dialect(&self) -> Dialect;
    fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>>;
    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64>;
}

impl Control {
    /// Opens the file, making and migrating it as needed. Several processes may have it open.
    ///
    /// # Errors
    /// When the file cannot be opened, is newer than we are, or is no SQLite file.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Database::Sqlite(Sqlite::open(path)?)))
    }

    /// Connects to a database of a PostgreSQL server, making and migrating its tables as needed. Several servers may
    /// share it.
    ///
    /// # Errors
    /// [`Error::Refused`] for a URL that is none, and when the server cannot be used or its tables are newer than we are.
    pub fn connect(url: &ServerUrl) -> Result<Self> {
        Ok(Self(Database::Postgres(Postgres::open(url)?)))
    }

    /// Numbers that are others whenever the data was changed, by this process or another.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn version(&self) -> Result<(i64, u64)> {
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.version(),
            Database::Postgres(postgres) => postgres.version(),
        }
    }

    /// Reads; each statement sees what was written before it. `work` may be done twice.
    pub(crate) fn read<T>(&self, work: impl Fn(&Reader<'_>) -> Result<T>) -> Result<T> {
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.read(work),
            Database::Postgres(postgres) => postgres.read(work),
        }
    }

    /// Changes, after all other changes and before the next; nothing is changed when `work` fails.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        match &self.0 {
            Database::Sqlite(sqlite) => sqlite.write(work),
            Database::Postgres(postgres) => postgres.write(work),
        }
    }
}

impl Reader<'_> {
    /// All rows.
    pub(crate) fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        check(values)?;
        self.0.rows(sql, values)
    }

    /// The first row, if there is one.
    pub(crate) fn row(&self, sql: &str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
}

impl<'a> Deref for Writer<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.0
    }
}

impl Writer<'_> {
    /// Changes rows, and says how many.
    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<u64> {
        check(values)?;
        self.0.0.execute(sql, values)
    }

    /// Inserts a row, and returns its number by `RETURNING id`; `None` where there is one already.
    pub(crate) fn insert(&self, sql: &str, values: &[Value]) -> Result<Option<u64>> {
        self.row(sql, values)?.map(|row| row.get(0)).transpose()
    }
}

/// PostgreSQL keeps no NUL within a text, and none of ours needs one.
fn check(values: &[Value]) -> Result<()> {
    let has_nul = |value: &Value| matches!(value, Value::Text(text) if text.contains('\0'));
    if values.iter().any(has_nul) {
        return Err(Error::Refused("a text with the character U+0000, which is kept nowhere".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
