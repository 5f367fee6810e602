//! Imports as one unit: rows gather in a table of their own and are then attached to `events` as whole parts, so that a
//! failed import leaves nothing behind and reports never see half of one.

use crate::batch::Batch;
use crate::client::Store;
use crate::daily::deletion;
use crate::error::Result;
use crate::statement::Statement;

/// An import under way.
pub struct ImportTable {
    store: Store,
    id: u32,
    name: String,
}

impl Store {
    /// Makes an empty table like `events` for one import.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn begin_import(&self, import_id: u32) -> Result<ImportTable> {
        let table = ImportTable { store: self.clone(), id: import_id, name: format!("import_{import_id}") };
        table.drop_table().await?;
        self.execute(&Statement::new(format!("CREATE TABLE {} AS events", table.name))).await?;
        Ok(table)
    }

    /// How many rows a site has, in all tables.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn site_rows(&self, site_id: u32) -> Result<u64> {
        let count = Statement::new(
            "/* store: rows of a site */ SELECT sum(rows) AS rows FROM (\
             SELECT count() AS rows FROM events WHERE site_id = {site:UInt32} \
             UNION ALL SELECT count() FROM daily WHERE site_id = {site:UInt32} \
             UNION ALL SELECT count() FROM daily_builds WHERE site_id = {site:UInt32})",
        )
        .param("site", site_id);
        Ok(self.fetch::<u64>(&count).await?.first().copied().unwrap_or_default())
    }

    /// Removes every row of a site, in all tables.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn delete_site(&self, site_id: u32) -> Result<()> {
        self.execute(&deletion("events", "site_id = {site:UInt32}").param("site", site_id)).await?;
        self.delete_site_daily(site_id).await
    }
}

impl ImportTable {
    /// Adds a batch to the import.
    ///
    /// # Errors
    /// See [`crate::Error`]; the import is to be given up then.
    pub async fn insert(&self, batch: &Batch) -> Result<()> {
        for (month, _) in batch.partitions() {
            self.store.insert_into(&self.name, batch, month).await?;
        }
        Ok(())
    }

    /// Moves all rows into `events`. From here on they are in the reports.
    ///
    /// # Errors
    /// See [`crate::Error`]; the import is to be given up then.
    pub async fn commit(&self) -> Result<()> {
        let partitions = Statement::new(
            "/* store: months of an import */ SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String} ORDER BY partition_id",
        )
        .param("table", self.name.as_str());
        for partition in self.store.fetch::<String>(&partitions).await? {
            // The id is digits that ClickHouse made from our partition key.
            let attach = format!("ALTER TABLE events ATTACH PARTITION ID '{partition}' FROM {}", self.name);
            self.store.execute(&Statement::new(attach)).await?;
        }
        self.drop_table().await
    }

    /// Removes all that the import brought.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn give_up(&self) -> Result<()> {
        self.drop_table().await?;
        let delete = deletion("events", "import_id = {import:UInt32}").param("import", self.id);
        self.store.execute(&delete).await
    }

    async fn drop_table(&self) -> Result<()> {
        self.store.execute(&Statement::new(format!("DROP TABLE IF EXISTS {} SYNC", self.name))).await
    }
}
