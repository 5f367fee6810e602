//! Roll-ups: closed site-days that are added up once and read by every report that they can answer.
//!
//! A build tells from which rows of `events` it was added up, by their number and the sum of their hashes; a report takes
//! it only while the parts that the store lists hold exactly those. So no writer has to say what it changes: an
//! import, an event from a spool that waited for a day, an erasure, a restored backup and a changed time zone each make
//! the builds that they touch unbelievable at once, and the day is read from its events until it is built again.
//!
//! Invariant: a build is believed for what it was built from, never for when.

mod build;
mod ledger;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, tz::TimeZone};
use passant_store::{DailyBuild, Part, PartSlot, Parts, Remembered, SLOT_SECONDS, Statement, Store};

use crate::{
    period::{Day, Range},
    report::{Report, Rolled, RolledDay, Site},
    response::ReportRow,
    sheet::Sheet,
    sql::{self, rolled},
};
pub use build::{RollupProgress, RollupStatus, follow};
use ledger::{Ledger, SiteDay};

/// The roll-ups of one store, as far as they are known here. Cheap to clone.
#[derive(Clone)]
pub struct Rollups {
    store: Store,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    ledger: Ledger,
    builds: HashMap<SiteDay, Vec<DailyBuild>>,
    /// Which state of the list of builds they are.
    builds_version: Option<u64>,
}

/// Who looks at the parts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looker {
    /// Someone waits for a report, which can do without.
    Report,
    /// Nobody waits.
    Background,
}

/// Rows of parts that nobody knows yet, which a report may read before it does without roll-ups.
const READ_ROWS_MAX: u64 = 300_000;
/// Rows that are read at once in the background.
const READ_ROWS_AT_ONCE: u64 = 2_000_000;
/// Parts are merged while they are looked at; a store that merges faster than this is asked again later.
const LOOKS_MAX: usize = 5;
/// Stands for the version of the data where that makes no difference.
const ANY_VERSION: u64 = 0;
/// Each stretch of time is a condition of its own on every row.
const STRETCHES_MAX: usize = 6;

impl Rollups {
    /// Nothing is known until [`follow`] looks.
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default() }
    }

    /// The rows of a report, from roll-ups where they hold them. `store` may be one that reads for people.
    ///
    /// # Errors
    /// See [`passant_store::Error`].
    pub async fn rows(&self, store: &Store, report: &Report) -> passant_store::Result<Vec<ReportRow>> {
        let (report, version) = self.roll(report).await;
        let Some(version) = version else {
            return self.rows_within(store, (&report.site, &report.range), &sql::report(&report)).await;
        };
        if let Some(sheet) = Sheet::of(&report) {
            let read = store.fetch_once_at(&sheet.statement(), version).await?;
            if let Some(rows) = sheet.rows(&read) {
                return Ok(rows);
            }
        }
        store.fetch_once_at(&sql::report(&report), version).await
    }

    /// The rows of a statement that reads a site's events in a range and nothing else. Over whole days they are remembered for as
    /// long as those days have the same rows, whatever comes in for others.
    ///
    /// # Errors
    /// See [`passant_store::Error`].
    pub(crate) async fn rows_within<T: Remembered>(
        &self,
        store: &Store,
        (site, range): (&Site, &Range),
        statement: &Statement,
    ) -> passant_store::Result<Vec<T>> {
        match self.version_within(site, range).await {
            Some(version) => store.fetch_once_at(statement, version).await,
            None => store.fetch_once(statement).await,
        }
    }

    /// Which rows these days have; none where the range is not made of whole days, or that is not known.
    async fn version_within(&self, site: &Site, range: &Range) -> Option<u64> {
        range.dates()?;
        // What is of a day that goes on is another one with each batch.
        if range.to > Timestamp::now() || self.known().ledger.zone(site.id) != Some(&site.time_zone) {
            return None;
        }
        let days = range.whole_days();
        let found = self.look(Looker::Report, |known, _| known.version(site.id, &days)).await;
        found.inspect_err(|error| tracing::debug!(%error, "the days' rows are not looked up")).ok()??
    }

    /// The report as it is to be read, with the version of the data that its roll-ups were looked up in; without one,
    /// it reads its events alone.
    pub async fn roll(&self, report: &Report) -> (Report, Option<u64>) {
        let whole = || (report.clone(), None);
        if !rolled::suits(report) || self.known().ledger.zone(report.site.id) != Some(&report.site.time_zone)
        {
            return whole();
        }
        let days = report.range.whole_days();
        if days.is_empty() {
            return whole();
        }
        let found =
            self.look(Looker::Report, |known, parts| (known.usable(report, &days), parts.version())).await;
        match found {
            Ok(Some((rolled, version))) => {
                // What builds hold is the same at every version.
                let is_of_builds = rolled.as_ref().is_some_and(|rolled| rolled.rest.is_empty());
                let version = if is_of_builds { ANY_VERSION } else { version };
                (Report { rolled, ..report.clone() }, Some(version))
            }
            Ok(None) => whole(),
            Err(error) => {
                tracing::debug!(%error, "roll-ups are not looked up");
                whole()
            }
        }
    }

    /// What `find` finds in what is known of the parts that the store lists now; nothing where too much would have to be
    /// read first.
    async fn look<T>(
        &self,
        looker: Looker,
        find: impl Fn(&Known, &Parts) -> T,
    ) -> passant_store::Result<Option<T>> {
        for _ in 0..LOOKS_MAX {
            let parts = self.store.parts().await?;
            let builds_version = parts.of(BUILDS).fold(0, |version, part| version ^ part.identity);
            let (unread, builds_are_known) = {
                let mut known = self.known();
                let active: Vec<&Part> = parts.of(EVENTS).collect();
                let unread: Vec<Part> = known.ledger.settle(&active).into_iter().cloned().collect();
                let builds_are_known = known.builds_version == Some(builds_version);
                if unread.is_empty() && builds_are_known {
                    return Ok(Some(find(&known, &parts)));
                }
                (unread, builds_are_known)
            };
            let rows: u64 = unread.iter().map(|part| part.rows).sum();
            if looker == Looker::Report && rows > READ_ROWS_MAX {
                return Ok(None);
            }
            self.read(unread).await?;
            if !builds_are_known {
                let builds = self.store.daily_builds().await?;
                let mut known = self.known();
                known.builds.clear();
                for build in builds {
                    known.builds.entry((build.site_id, build.starts)).or_default().push(build);
                }
                known.builds_version = Some(builds_version);
            }
        }
        Ok(None)
    }

    /// Reads whose rows are in these parts.
    async fn read(&self, unread: Vec<Part>) -> passant_store::Result<()> {
        let mut unread = unread.into_iter().peekable();
        while unread.peek().is_some() {
            let mut rows = 0;
            let mut some = Vec::new();
            while let Some(part) = unread.next_if(|part| rows == 0 || rows + part.rows <= READ_ROWS_AT_ONCE) {
                rows += part.rows;
                some.push(part);
            }
            let mut slots: HashMap<String, Vec<PartSlot>> = HashMap::new();
            let names = some.iter().map(|part| part.name.clone()).collect();
            self.store
                .part_slots(names, |slot| slots.entry(slot.part.clone()).or_default().push(slot))
                .await?;
            let mut known = self.known();
            // One that is not answered was merged in the meantime; the next list does not have it.
            for part in some {
                if let Some(slots) = slots.get(&part.name)
                    && slots.iter().map(|slot| slot.rows).sum::<u64>() == part.rows
                {
                    known.ledger.read(&part, slots);
                }
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const EVENTS: &str = "events";
const BUILDS: &str = "daily_builds";

impl Known {
    /// Which of these days of a report's range have builds that can be believed, or nothing to be built from; none where
    /// it makes no difference.
    fn usable(&self, report: &Report, days: &[Day]) -> Option<Rolled> {
        let site_id = report.site.id;
        let covered = |day: &&Day| {
            is_told_apart(day) && (self.is_empty(site_id, day) || self.build(site_id, day).is_some())
        };
        let runs = longest_runs(days.iter().filter(covered).copied().collect());
        let days: Vec<RolledDay> = runs
            .iter()
            .flatten()
            .filter_map(|day| {
                let build = self.build(site_id, day)?.build;
                Some(RolledDay { number: day.number(), starts: day.starts, build })
            })
            .collect();
        (!days.is_empty()).then(|| Rolled { days, rest: rest(report, &runs) })
    }

    /// A hash of what these days are made of: another number after any row that a question about them can see has come or gone.
    fn version(&self, site_id: u32, days: &[Day]) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        for day in days {
            if !is_told_apart(day) {
                return None;
            }
            let source = self.ledger.source(site_id, day);
            (day.starts, source.rows, source.hash).hash(&mut hasher);
        }
        Some(hasher.finish())
    }

    fn is_empty(&self, site_id: u32, day: &Day) -> bool {
        self.ledger.own(site_id, day).rows == 0
    }

    /// The build of a day that was added up from just what would be added up now.
    fn build(&self, site_id: u32, day: &Day) -> Option<&DailyBuild> {
        self.current(site_id, day).filter(|build| build.shares_visitors == 0)
    }

    /// The same, whether days can be added up or not.
    fn current(&self, site_id: u32, day: &Day) -> Option<&DailyBuild> {
        let source = self.ledger.source(site_id, day);
        let is_current = |build: &&DailyBuild| {
            build.ends == day.ends && (build.source_rows, build.source_hash) == (source.rows, source.hash)
        };
        let builds = self.builds.get(&(site_id, day.starts))?.iter().filter(is_current);
        builds.max_by_key(|build| build.build)
    }
}

/// Whether the ledger's slots tell the day from its neighbours. In some zones of the last century they do not.
fn is_told_apart(day: &Day) -> bool {
    [day.starts, day.ends].iter().all(|end| end.is_multiple_of(SLOT_SECONDS))
}

/// Days in runs without a gap, the longest few of them, in order.
fn longest_runs(days: Vec<Day>) -> Vec<Vec<Day>> {
    let mut runs: Vec<Vec<Day>> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| last.ends == day.starts) => run.push(day),
            _ => runs.push(vec![day]),
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    runs.truncate(STRETCHES_MAX - 1);
    runs.sort_by_key(|run| run.first().map(|day| day.starts));
    runs
}

/// What of the range the runs leave.
fn rest(report: &Report, runs: &[Vec<Day>]) -> Vec<(u32, u32)> {
    let whole = Report { rolled: None, ..report.clone() }.stretches();
    let Some((from, to)) = whole.first().copied() else { return Vec::new() };
    let ends = runs.iter().filter_map(|run| Some((run.first()?.starts, run.last()?.ends)));
    let mut rest = Vec::new();
    let mut at = from;
    for (starts, ends) in ends {
        if starts > at {
            rest.push((at, starts));
        }
        at = ends;
    }
    if to > at {
        rest.push((at, to));
    }
    rest
}

/// The time zones of sites.
pub type Zones = HashMap<u32, TimeZone>;

#[cfg(test)]
mod tests;
