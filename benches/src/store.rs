//! Questions to a running server's own engine: how many rows there are, and what they take on disk.

use anyhow::{Context, Result};
use passant_store::{Statement, Store};

/// What the table of events takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnDisk {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) parts: u64,
}

impl OnDisk {
    /// Bytes an event.
    pub(crate) fn each(&self) -> f64 {
        self.bytes as f64 / self.rows as f64
    }
}

/// One number of the store.
///
/// # Errors
/// What the store says.
pub(crate) async fn number(store: &Store, what: &str, source: &str) -> Result<u64> {
    let statement = Statement::new(format!("/* bench */ SELECT toUInt64({what}) AS number FROM {source}"));
    store.fetch::<u64>(&statement).await?.first().copied().context("no row")
}

/// What all active parts of the table take.
///
/// # Errors
/// What the store says.
pub(crate) async fn on_disk(store: &Store) -> Result<OnDisk> {
    let parts =
        format!("system.parts WHERE active AND database = '{}' AND table = 'events'", store.database());
    Ok(OnDisk {
        rows: number(store, "sum(rows)", &parts).await?,
        bytes: number(store, "sum(bytes_on_disk)", &parts).await?,
        parts: number(store, "count()", &parts).await?,
    })
}

/// Merges each month into one part.
///
/// # Errors
/// What the store says.
pub(crate) async fn merge_all(store: &Store) -> Result<()> {
    Ok(store.execute(&Statement::new("/* bench */ OPTIMIZE TABLE events FINAL")).await?)
}
