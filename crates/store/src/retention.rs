//! Removal by age: what is past its site's retention leaves every table, and what lies beside them on the disk.
//!
//! It goes by steps, each a look and the one thing that follows from it. So a crash, another server at the same work, an
//! insert or a merge between two looks only make for one step more, and where nothing is past its retention nothing is
//! written. Events go before what was rolled up of them, or that would be built anew.
//!
//! Invariant: a row goes for its own site and time alone. Parts are dropped by their names, which no row that comes later
//! shares; months are never dropped, since an import may have added to one after it was looked at.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use serde::Deserialize;

use crate::client::Store;
use crate::error::{Error, Result};
use crate::statement::Statement;

/// Sites that keep the same days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The sites.
    pub sites: Vec<u32>,
    /// First second of their first day, since 1970.
    pub starts: u32,
    /// Its date, in days since 1970.
    pub day: u16,
}

/// Events of a site that are being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The site.
    pub site_id: u32,
    /// How many there are.
    pub rows: u64,
    /// When the first of their visits began, in seconds since 1970.
    pub oldest: u32,
}

/// What one look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalStep {
    /// Nothing is left that is past its retention.
    Done,
    /// Something was, and its removal has begun; events are named.
    Begun(Vec<Expired>),
    /// What was begun earlier is still at work.
    UnderWay,
}

/// Rows of one part and one site that are past their retention.
#[derive(Row, Deserialize)]
struct Found {
    part: String,
    site_id: u32,
    rows: u64,
    oldest: u32,
}

#[derive(Row, Deserialize)]
struct Rewriting {
    running: u64,
    failing: u64,
}

/// A part that was looked at has been merged with others since.
const NO_SUCH_DATA_PART: u32 = 232;
/// What was rolled up, and the list of it. The list goes first: what is not in it counts for nothing.
const ROLL_UPS: [&str; 2] = ["daily_builds", "daily"];
/// Our tables, and those of imports that are under way or were broken off.
const OURS: &str = "database = currentDatabase() AND (table IN ('events', 'daily', 'daily_builds') OR startsWith(table, 'import_'))";

impl Store {
    /// Takes one step towards a store without events that began before these days. Callers go on until it is done.
    ///
    /// # Errors
    /// See [`crate::Error`]; [`Error::Retry`] also while the store tries in vain to rewrite what holds such events.
    pub async fn remove_expired(&self, kept: &[Kept]) -> Result<RemovalStep> {
        if kept.is_empty() {
            return Ok(RemovalStep::Done);
        }
        if self.is_rewriting().await? {
            return Ok(RemovalStep::UnderWay);
        }
        for table in self.event_tables().await? {
            let found = self.expired_rows(&table, kept).await?;
            if !found.is_empty() {
                self.remove_rows(&table, &found, kept).await?;
                return Ok(RemovalStep::Begun(by_site(&found)));
            }
        }
        for table in ROLL_UPS {
            let condition =
                condition(kept, |site, index| format!("{site} AND day < toDate({{day{index}:UInt16}})"));
            let count = format!(
                "/* store: expired roll-ups */ SELECT count() AS rows FROM {table} WHERE {condition}"
            );
            if self.fetch::<u64>(&with_params(Statement::new(count), kept)).await? != [0] {
                self.execute(&with_params(rewriting(table, &condition), kept)).await?;
                return Ok(RemovalStep::Begun(Vec::new()));
            }
        }
        self.remove_detached(kept).await?;
        Ok(RemovalStep::Done)
    }

    /// Whether parts are being rewritten: rows that are on their way out are still seen.
    async fn is_rewriting(&self) -> Result<bool> {
        let mutations = Statement::new(format!(
            "/* store: mutations */ SELECT count() AS running, countIf(latest_fail_reason != '') AS failing \
             FROM system.mutations WHERE NOT is_done AND {OURS}"
        ));
        let found = self.fetch::<Rewriting>(&mutations).await?;
        let Some(Rewriting { running, failing }) = found.first() else { return Ok(false) };
        if *failing > 0 {
            // Its words may quote what the row holds.
            return Err(Error::Retry { message: format!("{failing} removals fail, and are tried again") });
        }
        Ok(*running > 0)
    }

    async fn event_tables(&self) -> Result<Vec<String>> {
        let tables = Statement::new(format!(
            "/* store: tables of events */ SELECT DISTINCT table FROM system.parts \
             WHERE active AND {OURS} AND NOT startsWith(table, 'daily') ORDER BY table"
        ));
        self.fetch(&tables).await
    }

    /// No visit begins after one of its events, so that a visit is the oldest thing that a row tells of.
    async fn expired_rows(&self, table: &str, kept: &[Kept]) -> Result<Vec<Found>> {
        let sql = format!(
            "/* store: expired events */ SELECT _part AS part, site_id, count() AS rows, \
             toUInt32(min(visit_start)) AS oldest FROM {table} WHERE {} GROUP BY part, site_id",
            of_events(kept)
        );
        self.fetch(&with_params(Statement::new(sql), kept)).await
    }

    async fn remove_rows(&self, table: &str, found: &[Found], kept: &[Kept]) -> Result<()> {
        let mut expired: BTreeMap<&str, u64> = BTreeMap::new();
        for row in found {
            *expired.entry(&row.part).or_default() += row.rows;
        }
        let whole = self.whole_parts(table, &expired).await?;
        for part in &whole {
            // A name is digits and underscores that ClickHouse made.
            let drop = Statement::new(format!("ALTER TABLE {table} DROP PART '{part}'"));
            match self.execute(&drop).await {
                Ok(()) | Err(Error::Refused { code: NO_SUCH_DATA_PART, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if whole.len() < expired.len() {
            self.execute(&with_params(rewriting(table, &of_events(kept)), kept)).await?;
        }
        Ok(())
    }

    /// Those of the parts of which all rows are expired.
    async fn whole_parts(&self, table: &str, expired: &BTreeMap<&str, u64>) -> Result<BTreeSet<String>> {
        let names: Vec<String> = expired.keys().map(|name| (*name).to_owned()).collect();
        let sizes = Statement::new(
            "/* store: sizes of parts */ SELECT name, rows FROM system.parts \
             WHERE active AND database = currentDatabase() AND table = {table:String} AND name IN {names:Array(String)}",
        );
        let sizes = sizes.param("table", table).param("names", names);
        let sizes = self.fetch::<(String, u64)>(&sizes).await?;
        let whole = |(name, rows): &(String, u64)| expired.get(name.as_str()) == Some(rows);
        Ok(sizes.into_iter().filter(whole).map(|(name, _)| name).collect())
    }

    /// Removes parts that the engine has put aside, such as broken ones. Their rows cannot be told apart: those of events go
    /// as soon as one of them may be past its retention, those of roll-ups at once, since they can be built anew.
    async fn remove_detached(&self, kept: &[Kept]) -> Result<()> {
        let latest = kept.iter().map(|kept| kept.starts).max().unwrap_or(0);
        let detached = Statement::new(format!(
            "/* store: detached parts */ SELECT table, name FROM system.detached_parts WHERE {OURS} AND partition_id != '' \
             AND (startsWith(table, 'daily') OR partition_id <= toString(toYYYYMM(toDateTime({{latest:UInt32}}, 'UTC'))))"
        ));
        for (table, name) in self.fetch::<(String, String)>(&detached.param("latest", latest)).await? {
            let drop = Statement::new(format!("ALTER TABLE {table} DROP DETACHED PART {{name:String}}"));
            self.execute(&drop.param("name", name).setting("allow_drop_detached", "1")).await?;
            tracing::warn!(
                table,
                "a part that was put aside is removed: it may hold events past their retention"
            );
        }
        Ok(())
    }
}

/// The rows that one look found, by site.
fn by_site(found: &[Found]) -> Vec<Expired> {
    let mut sites: BTreeMap<u32, Expired> = BTreeMap::new();
    for row in found {
        let site = sites.entry(row.site_id);
        let site = site.or_insert(Expired { site_id: row.site_id, rows: 0, oldest: row.oldest });
        site.rows += row.rows;
        site.oldest = site.oldest.min(row.oldest);
    }
    sites.into_values().collect()
}

fn of_events(kept: &[Kept]) -> String {
    condition(kept, |site, index| {
        format!("{site} AND visit_start < toDateTime({{starts{index}:UInt32}}, 'UTC')")
    })
}

/// One condition for all, so that a part is rewritten once however many time zones there are.
fn condition(kept: &[Kept], of: impl Fn(&str, usize) -> String) -> String {
    let each = (0..kept.len()).map(|index| {
        let site = format!("site_id IN {{sites{index}:Array(UInt32)}}");
        format!("({})", of(&site, index))
    });
    each.collect::<Vec<_>>().join(" OR ")
}

fn with_params(statement: Statement, kept: &[Kept]) -> Statement {
    kept.iter().enumerate().fold(statement, |statement, (index, kept)| {
        let sites: Vec<u64> = kept.sites.iter().copied().map(u64::from).collect();
        statement
            .param(format!("sites{index}"), sites)
            .param(format!("starts{index}"), kept.starts)
            .param(format!("day{index}"), u32::from(kept.day))
    })
}

/// Parts without such rows are linked under new names. Not waited for: the embedded engine would take no insert meanwhile.
fn rewriting(table: &str, condition: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {table} DELETE WHERE {condition}")).setting("mutations_sync", "0")
}
