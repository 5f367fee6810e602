//! Imports: each is one unit that can be listed.

use jiff::Timestamp;

use crate::database::{Control, Row, params};
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
        let sql = "INSERT INTO imports (site_id, started_at) VALUES (?1, ?2) RETURNING id";
        let id = self.write(|writer| writer.insert(sql, params![site.id, now]))?;
        Ok(id.and_then(|id| id.try_into().ok()).unwrap_or(u32::MAX))
    }

    /// Notes that an import has finished.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish_import(&self, id: u32, events: u64, now: Timestamp) -> Result<()> {
        let sql = "UPDATE imports SET finished_at = ?1, events = ?2 WHERE id = ?3";
        self.write(|writer| writer.execute(sql, params![now, events, id])).map(drop)
    }

    /// Forgets an import whose rows are gone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_import(&self, id: u32) -> Result<()> {
        self.write(|writer| writer.execute("DELETE FROM imports WHERE id = ?1", params![id])).map(drop)
    }

    /// All imports, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn imports(&self) -> Result<Vec<Import>> {
        let sql = "SELECT id, site_id, events, finished_at FROM imports ORDER BY id";
        let import = |row: &Row| {
            Ok(Import {
                id: row.get(0)?,
                site_id: row.get(1)?,
                events: row.get(2)?,
                finished: row.get::<Option<i64>>(3)?.is_some(),
            })
        };
        self.read(|reader| reader.rows(sql, &[]))?.iter().map(import).collect()
    }
}
