//! Rows that are read back: open visits after a restart, and events for an export.

use clickhouse::Row;
use serde::Deserialize;

use crate::client::{Rows, Store};
use crate::error::Result;
use crate::statement::Statement;

/// A visit that may still go on, as its rows tell it.
#[derive(Clone, Debug, Default, PartialEq, Row, Deserialize)]
pub struct OpenVisit {
    /// The site.
    pub site_id: u32,
    /// Pseudonym of its last event.
    pub visitor_id: u64,
    /// The visit.
    pub visit_id: u64,
    /// Time of its first event, seconds since 1970.
    pub start: u32,
    /// Number of its events.
    pub sequence: u32,
    /// Time of its last event of any kind.
    pub last_seen: u32,
    /// Time of its last event other than `engagement`.
    pub last_event: u32,
    /// Interactive events so far, counted up to 2.
    pub interactive_events: u8,
    /// Whether it has a pageview.
    pub has_pageview: bool,
    /// Host of its first pageview.
    pub entry_hostname: String,
    /// Path of its first pageview.
    pub entry_pathname: String,
    /// Host of its last pageview.
    pub last_hostname: String,
    /// Path of its last pageview.
    pub last_pathname: String,
    /// Attributes of its first event, as named in [`crate::Origin`].
    pub referrer: String,
    /// See [`crate::Origin`].
    pub source: String,
    /// See [`crate::Origin`].
    pub channel: String,
    /// See [`crate::Origin`].
    pub utm_source: String,
    /// See [`crate::Origin`].
    pub utm_medium: String,
    /// See [`crate::Origin`].
    pub utm_campaign: String,
    /// See [`crate::Origin`].
    pub utm_content: String,
    /// See [`crate::Origin`].
    pub utm_term: String,
    /// See [`crate::Origin`].
    pub click_id: String,
    /// See [`crate::Origin`].
    pub country: String,
    /// See [`crate::Origin`].
    pub language: String,
    /// See [`crate::Origin`].
    pub device: String,
    /// See [`crate::Origin`].
    pub browser: String,
    /// See [`crate::Origin`].
    pub browser_version: String,
    /// See [`crate::Origin`].
    pub os: String,
    /// See [`crate::Origin`].
    pub os_version: String,
}

/// One event as an export reads it.
#[derive(Clone, Debug, Default, PartialEq, Row, Deserialize)]
pub struct StoredEvent {
    /// Seconds since 1970, UTC.
    pub timestamp: u32,
    /// Pseudonym of the site-local day.
    pub visitor_id: u64,
    /// The visit.
    pub visit_id: u64,
    /// See [`crate::EventRow`].
    pub name: String,
    /// See [`crate::EventRow`].
    pub hostname: String,
    /// See [`crate::EventRow`].
    pub pathname: String,
    /// See [`crate::Origin`].
    pub referrer: String,
    /// See [`crate::Origin`].
    pub source: String,
    /// See [`crate::Origin`].
    pub channel: String,
    /// See [`crate::Origin`].
    pub utm_source: String,
    /// See [`crate::Origin`].
    pub utm_medium: String,
    /// See [`crate::Origin`].
    pub utm_campaign: String,
    /// See [`crate::Origin`].
    pub utm_content: String,
    /// See [`crate::Origin`].
    pub utm_term: String,
    /// See [`crate::Origin`].
    pub click_id: String,
    /// See [`crate::Origin`].
    pub country: String,
    /// See [`crate::Origin`].
    pub language: String,
    /// See [`crate::Origin`].
    pub device: String,
    /// See [`crate::Origin`].
    pub browser: String,
    /// See [`crate::Origin`].
    pub browser_version: String,
    /// See [`crate::Origin`].
    pub os: String,
    /// See [`crate::Origin`].
    pub os_version: String,
    /// See [`crate::EventRow`].
    pub interactive: bool,
    /// See [`crate::EventRow`].
    pub engagement_time_ms: u32,
    /// See [`crate::EventRow`].
    pub scroll_depth: u8,
    /// Keys of the properties.
    pub prop_keys: Vec<String>,
    /// Values of the properties, in the order of the keys.
    pub prop_values: Vec<String>,
    /// Thousandths of the currency's unit.
    pub revenue_thousandths: i64,
    /// See [`crate::EventRow`].
    pub revenue_currency: String,
}

impl Store {
    /// Visits with an event since `since` (seconds since 1970) that did not come with one of `pending` batches, nor
    /// with an import: what the shipper must know to go on where another process stopped.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn open_visits(&self, since: u32, pending: &[u64]) -> Result<Vec<OpenVisit>> {
        let statement = Statement::new(include_str!("../sql/open_visits.sql"))
            .param("since", since)
            .param("pending", pending.to_vec());
        self.fetch(&statement).await
    }

    /// Time of the newest event of all sites (seconds since 1970), if there is any. Read from the parts' own bounds of
    /// the partition key: no row is touched.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn newest_event(&self) -> Result<Option<u32>> {
        let statement =
            Statement::new("/* store: newest event */ SELECT toUInt32(max(timestamp)) AS newest FROM events");
        Ok(self.fetch::<u32>(&statement).await?.into_iter().find(|newest| *newest > 0))
    }

    /// Events of one UTC day of a site, in an order that gives the same visits when they are read again.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub fn events_of_day(&self, site_id: u32, day: u32) -> Result<Rows<StoredEvent>> {
        let statement =
            Statement::new(include_str!("../sql/events_of_day.sql")).param("site", site_id).param("day", day);
        self.rows(&statement)
    }

    /// UTC days (since 1970) on which a site has events, ascending.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn days(&self, site_id: u32) -> Result<Vec<u32>> {
        let statement = Statement::new(
            "/* store: days of a site */ SELECT DISTINCT toUInt32(toDate(timestamp)) AS day FROM events WHERE site_id = {site:UInt32} ORDER BY day",
        )
        .param("site", site_id);
        self.fetch(&statement).await
    }

    /// Pseudonyms that one visit carried across a midnight: each list is one person's, in a row.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn midnight_visitors(&self, site_id: u32) -> Result<Vec<Vec<u64>>> {
        let statement = Statement::new(
            "/* store: visits across midnight */ SELECT groupUniqArray(visitor_id) AS visitors FROM events WHERE site_id = {site:UInt32} GROUP BY visit_id HAVING length(visitors) > 1",
        )
        .param("site", site_id);
        self.fetch(&statement).await
    }
}
