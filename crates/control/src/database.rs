//! Where the control data are, and how everything here reads and changes them.
//!
//! Invariant: nothing is changed but within [`Control::write`]: of those there is one at a time, by whatever process,
//! and it is done as a whole or not at all. So what a write has looked up holds until its end.

mod migration;
mod sqlite;
mod value;

use std::ops::Deref;
use std::path::Path;

use crate::error::{Error, Result};
use sqlite::Sqlite;

pub(crate) use value::{Row, Value, params};

/// The open control data.
pub struct Control(Sqlite);

/// Reads by statements whose parameters are `?1`, `?2`, ….
pub(crate) struct Reader<'a>(&'a dyn Statements);

/// Also changes.
pub(crate) struct Writer<'a>(Reader<'a>);

/// One connection to a database.
trait Statements {
    fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>>;
    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64>;
}

impl Control {
    /// Opens the file, making and migrating it as needed. Several processes may have it open.
    ///
    /// # Errors
    /// When the file cannot be opened, is newer than we are, or is no SQLite file.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Sqlite::open(path)?))
    }

    /// Numbers that are others whenever the data was changed, by this process or another.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version(&self) -> Result<(i64, u64)> {
        self.0.version()
    }

    /// Reads; each statement sees what was written before it.
    pub(crate) fn read<T>(&self, work: impl Fn(&Reader<'_>) -> Result<T>) -> Result<T> {
        self.0.read(work)
    }

    /// Changes, after all other changes and before the next; nothing is changed when `work` fails.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        self.0.write(work)
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
mod tests {
    use super::*;
    use crate::fixture::control_with_site;

    #[test]
    fn a_write_that_fails_changes_nothing() {
        let (_directory, control, site) = control_with_site();
        let failed: Result<()> = control.write(|writer| {
            writer.execute("UPDATE sites SET domain = 'b.example' WHERE id = ?1", params![site.id])?;
            writer.execute("DELETE FROM settings WHERE value = ?1", params!["a\0b"])?;
            Ok(())
        });
        assert!(matches!(failed, Err(Error::Refused(words)) if words.contains("U+0000")));
        assert_eq!(control.sites().expect("read"), [site]);
    }
}
