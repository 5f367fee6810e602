//! The parts that the store's tables consist of, and whose rows a part of `events` holds.
//!
//! A part never changes: whatever happens to rows gives other parts. So the list of parts tells whether anything has
//! changed, and what was once learned of a part stays true for as long as the part is in the list.

use std::sync::Arc;

use clickhouse::Row;
use serde::Deserialize;

use crate::client::Store;
use crate::error::Result;
use crate::statement::Statement;

/// One part, as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Part {
    /// Its table.
    pub table: String,
    /// Its name, `PARTITION_FIRST_LAST_LEVEL` and the number of the last mutation, if there was one.
    pub name: String,
    /// Its partition.
    pub partition_id: String,
    /// The first of the inserts that it holds, counted by the table.
    pub first_block: i64,
    /// The last of them.
    pub last_block: i64,
    /// Its rows.
    pub rows: u64,
    /// A hash of all that the list says of it.
    pub identity: u64,
}

/// All parts that reports read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The parts, of all tables.
    pub list: Vec<Part>,
}

/// Rows of one part that agree in their site and in two quarters of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PartSlot {
    /// The part.
    pub part: String,
    /// The site.
    pub site_id: u32,
    /// When the events were, in [`SLOT_SECONDS`] since 1970.
    pub slot: u32,
    /// When their visits began, likewise.
    pub start_slot: u32,
    /// How many there are.
    pub rows: u64,
    /// The sum of their hashes.
    pub hash: u64,
}

/// The days of every time zone of today begin on one.
pub const SLOT_SECONDS: u32 = 900;

impl Part {
    /// The number of the last mutation that has gone over it; 0 without one.
    pub fn mutation(&self) -> u64 {
        self.name.split('_').nth(4).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

impl Parts {
    /// Which data they are: another number after anything has changed what reports read.
    pub fn version(&self) -> u64 {
        self.list.iter().fold(0, |version, part| version ^ part.identity)
    }

    /// The parts of one table.
    pub fn of(&self, table: &str) -> impl Iterator<Item = &Part> {
        self.list.iter().filter(move |part| part.table == table)
    }
}

impl Store {
    /// The parts that the tables consist of now. An import's own table is not read by reports until its parts are
    /// attached to theirs; what the store knows of sites and of itself is never read by them. Those who ask while the store is just listing them share the next list.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn parts(&self) -> Result<Arc<Parts>> {
        let store = self.without_limits();
        let look = async move || {
            let statement = Statement::new(
                "/* store: parts */ SELECT table, name, partition_id, min_block_number AS first_block, \
                 max_block_number AS last_block, rows, \
                 cityHash64(table, name, rows, bytes_on_disk, modification_time) AS identity FROM system.parts \
                 WHERE active AND database = currentDatabase() AND NOT startsWith(table, 'import_') \
                 AND table NOT IN ('site_names', 'schema_migrations')",
            );
            Ok(Arc::new(Parts { list: store.fetch(&statement).await? }))
        };
        self.looks.look(look).await
    }

    /// Whose rows these parts of `events` hold. A part that has become one with others in the meantime is not there
    /// any more; every other has rows.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn part_slots(&self, parts: Vec<String>, mut each: impl FnMut(PartSlot)) -> Result<()> {
        let statement = Statement::new(include_str!("../sql/part_slots.sql")).param("parts", parts);
        let mut slots = self.without_limits().rows(&statement)?;
        while let Some(slot) = slots.next().await? {
            each(slot);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_mutation_from_the_name() {
        let part = |name: &str| Part {
            table: "events".into(),
            name: name.into(),
            partition_id: "202611".into(),
            first_block: 1,
            last_block: 12,
            rows: 1,
            identity: 0,
        };
        assert_eq!(part("202611_1_12_2").mutation(), 0);
        assert_eq!(part("202611_1_12_2_17").mutation(), 17);
    }
}
