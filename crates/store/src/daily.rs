//! Rows of `daily` and of the list of builds. A build is believed when it stands in the list, and its row there is written
//! last: what a crash leaves behind counts for nothing.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::client::Store;
use crate::error::Result;
use crate::statement::Statement;

/// One value of a dimension on one site-local day.
#[derive(Clone, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct DailyRow {
    /// The site.
    pub site_id: u32,
    /// Name of the dimension; blank is the whole site.
    pub dimension: String,
    /// The date, in days since 1970.
    pub day: u16,
    /// The value.
    pub value: String,
    /// The build.
    pub build: u64,
    /// 1 where events of the day have the value.
    pub has_events: u8,
    /// 1 where visits that began on the day have it.
    pub has_visits: u8,
    /// Distinct visitors.
    pub visitors: u64,
    /// Events named `pageview`.
    pub pageviews: u64,
    /// Events other than `engagement`.
    pub events: u64,
    /// Visits that began on the day.
    pub visits: u64,
    /// Their durations.
    pub duration_seconds: u64,
    /// Those of them that bounced.
    pub bounces: i64,
}

/// A whole build of one site-local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct DailyBuild {
    /// The site.
    pub site_id: u32,
    /// The date, in days since 1970.
    pub day: u16,
    /// Its number; later ones are greater.
    pub build: u64,
    /// First second of the day, since 1970.
    pub starts: u32,
    /// First second after the day.
    pub ends: u32,
    /// Rows of `events` that it was built from.
    pub source_rows: u64,
    /// The sum of their hashes.
    pub source_hash: u64,
    /// 1 where its visitors are those of another day, too.
    pub shares_visitors: u8,
}

impl Store {
    /// Adds rows of builds that are not whole yet.
    ///
    /// # Errors
    /// See [`crate::Error`]; a build of which a row may be missing is to be given up.
    pub async fn insert_daily(&self, rows: &[DailyRow]) -> Result<()> {
        self.insert_rows("daily", rows).await
    }

    /// Says that these builds are whole. From here on reports may read them.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn insert_daily_builds(&self, builds: &[DailyBuild]) -> Result<()> {
        self.insert_rows("daily_builds", builds).await
    }

    /// All builds that are whole.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn daily_builds(&self) -> Result<Vec<DailyBuild>> {
        let statement = Statement::new(
            "/* store: builds of days */ SELECT site_id, day, build, toUInt32(starts) AS starts, toUInt32(ends) AS ends, \
             source_rows, source_hash, shares_visitors FROM daily_builds",
        );
        self.without_limits().fetch(&statement).await
    }

    /// Takes builds from the list. Their rows stay for a while: a report that is just being read may name them.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn unlist_daily_builds(&self, builds: Vec<u64>) -> Result<()> {
        self.execute(&deletion("daily_builds", "build IN {builds:Array(UInt64)}").param("builds", builds))
            .await
    }

    /// Builds that have rows and do not stand in the list.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn unlisted_daily_builds(&self) -> Result<Vec<u64>> {
        let statement = Statement::new(
            "/* store: builds without an entry */ SELECT DISTINCT build FROM daily \
             WHERE build NOT IN (SELECT build FROM daily_builds)",
        );
        self.fetch(&statement).await
    }

    /// Removes the rows of builds.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn delete_daily(&self, builds: Vec<u64>) -> Result<()> {
        self.execute(&deletion("daily", "build IN {builds:Array(UInt64)}").param("builds", builds)).await
    }

    /// Brings the rows of builds that came one after the other together, so that a report finds them in one place.
    ///
    /// # Errors
    /// See [`crate::Error`]; nothing is lost then.
    pub async fn gather_daily(&self) -> Result<()> {
        for table in ["daily_builds", "daily"] {
            let statement = Statement::new(format!("OPTIMIZE TABLE {table} FINAL"));
            self.execute(&statement.setting("optimize_skip_merged_partitions", "1")).await?;
        }
        Ok(())
    }

    /// Removes all that is rolled up of a site.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn delete_site_daily(&self, site_id: u32) -> Result<()> {
        for table in ["daily_builds", "daily"] {
            self.execute(&deletion(table, "site_id = {site:UInt32}").param("site", site_id)).await?;
        }
        Ok(())
    }
}

/// Gone from every part of the table when it returns.
pub(crate) fn deletion(table: &str, condition: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {table} DELETE WHERE {condition}")).setting("mutations_sync", "1")
}
