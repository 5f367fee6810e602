//! The names of the sites, for those who read the store by SQL.

use clickhouse::Row;
use serde::Deserialize;

use crate::client::Store;
use crate::error::Result;
use crate::statement::Statement;

/// What a site is called.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct SiteName {
    /// The number in its rows.
    pub site_id: u32,
    /// Its domain.
    pub domain: String,
    /// Name of its IANA time zone.
    pub timezone: String,
}

impl Store {
    /// The sites that the view `sites` shows.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn site_names(&self) -> Result<Vec<SiteName>> {
        self.fetch(&Statement::new("/* store: site names */ SELECT site_id, domain, timezone FROM sites"))
            .await
    }

    /// Gives a site its name, over the one that it has.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn write_site_name(&self, name: &SiteName) -> Result<()> {
        let insert = "INSERT INTO site_names \
                      SELECT {site:UInt32}, {domain:String}, {timezone:String}, now64(6, 'UTC')";
        let insert = Statement::new(insert)
            .param("site", name.site_id)
            .param("domain", name.domain.clone())
            .param("timezone", name.timezone.clone());
        self.execute(&insert).await
    }

    /// Forgets every name that a site has had.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn erase_site_name(&self, site_id: u32) -> Result<()> {
        let delete = Statement::new("ALTER TABLE site_names DELETE WHERE site_id = {site:UInt32}")
            .param("site", site_id)
            .setting("mutations_sync", "1");
        self.execute(&delete).await
    }
}
