//! The ClickHouse store: its schema and migrations, and the one client to it.
//!
//! The embedded engine and a real server speak the same protocol, so everything here works on both. Invariant: only
//! this crate knows what `events` looks like on the wire. No HTTP face, no spool and no report text may go in.

mod batch;
mod client;
mod daily;
mod error;
mod event_row;
mod import;
mod looks;
mod migrate;
mod parts;
mod reading;
mod retention;
mod rows;
mod site_name;
mod statement;

pub use batch::{Batch, Column, columns};
pub use clickhouse::Row;
pub use client::{Config, Endpoint, EndpointError, Engine, Rows, Store};
pub use daily::{DailyBuild, DailyRow};
pub use error::{Cost, Error, Result};
pub use event_row::{EventRow, Origin, VisitFacts};
pub use import::ImportTable;
pub use migrate::{Migration, MigrationReport, migrations};
pub use parts::{Part, PartSlot, Parts, SLOT_SECONDS};
pub use reading::{AnswerSource, ReadConfig, ReadConfigError, Remembered};
pub use retention::{Expired, Kept, RemovalStep};
pub use rows::{OpenVisit, StoredEvent};
pub use site_name::SiteName;
pub use statement::{Param, Statement};
