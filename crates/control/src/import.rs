//! Imports: each is one unit that can be listed.

use jiff::Timestamp;
use rusqlite::params;

use crate::database::Control;
use crate::error::Result;
use crate::site::Site;

/// One import, finished or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Number that stands in its rows.
    pub id: u32,
    /// The site it went to.
    pub site_id: u32,
    /// Events that it brought; 0 until it has finished.
    pub events: u64,
    /// Whether it has finished.
    pub finished: bool,
}

impl Control {
    /// Notes that an import begins, and numbers it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin_import(&self, site: &Site, now: Timestamp) -> Result<u32> {
        let connection = self.connection();
        connection.execute(
            "INSERT INTO imports (site_id, started_at) VALUES (?1, ?2)",
            params![site.id, now.as_second()],
        )?;
        Ok(u32::try_from(connection.last_insert_rowid()).unwrap_or(u32::MAX))
    }

    /// Notes that an import has finished.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish_import(&self, id: u32, events: u64, now: Timestamp) -> Result<()> {
        self.connection().execute(
            "UPDATE imports SET finished_at = ?1, events = ?2 WHERE id = ?3",
            params![now.as_second(), i64::try_from(events).unwrap_or(i64::MAX), id],
        )?;
        Ok(())
    }

    /// Forgets an import whose rows are gone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_import(&self, id: u32) -> Result<()> {
        self.connection().execute("DELETE FROM imports WHERE id = ?1", [id])?;
        Ok(())
    }

    /// All imports, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn imports(&self) -> Result<Vec<Import>> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT id, site_id, events, finished_at FROM imports ORDER BY id")?;
        let imports = statement
            .query_map([], |row| {
                Ok(Import {
                    id: row.get(0)?,
                    site_id: row.get(1)?,
                    events: row.get::<_, i64>(2)?.unsigned_abs(),
                    finished: row.get::<_, Option<i64>>(3)?.is_some(),
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(imports)
    }
}
