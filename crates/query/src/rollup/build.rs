//! Building: closed days that have no build that can be believed, in runs of neighbouring days of one site.
//!
//! Order of a build: what is there, what it adds up to, the rows, what is there now, and only if that is the same, the entry in
//! the list. A crash at any point leaves rows that nobody believes, which are removed an hour later at the earliest: by then
//! no report that was told of them is still being read.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use clickhouse::Row;
use jiff::{SignedDuration, Timestamp};
use passant_store::{DailyBuild, DailyRow, Result};
use serde::Deserialize;
use tokio::time::MissedTickBehavior;

use super::{Known, Looker, Rollups, Zones, is_told_apart};
use crate::{
    period::Day,
    report::Site,
    rollup::ledger::{SiteDay, Source},
    sql::rolled,
};

/// How often it is looked for days to build.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long nothing must have changed about a day that was built before; one that never was is built at the second look.
const REBUILT_AFTER: Duration = Duration::from_secs(60);
/// After its end a day is left alone for as long as most visits take that run past midnight; longer ones make its build
/// unbelievable, and it is built again.
const CLOSED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// After a change of its time zone, a site's events on their way may still bear pseudonyms of the other one's days.
const MOVED_WAITS: Duration = Duration::from_secs(2 * 3_600);
/// How often it is looked for what is left over.
const TIDY_EVERY: Duration = Duration::from_secs(600);
/// How long rows stay that no list names.
const UNLISTED_STAY: Duration = Duration::from_secs(3_600);
/// Rows of events that are added up at once: a second of one core a dimension at most.
const RUN_ROWS_MAX: u64 = 1_000_000;

/// Days at once whose rows are brought together when they are there: those of an import, not those of each night, whose rows
/// the store gathers on its own.
const GATHERED_DAYS_MIN: usize = 10;

/// What is done when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollupProgress {
    /// Days that are to be built.
    pub days: usize,
    /// Days that are done.
    pub done: usize,
}

/// How far the roll-ups of a site are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupStatus {
    /// The site.
    pub site_id: u32,
    /// Closed days with events.
    pub closed_days: usize,
    /// Those of them that reports read from roll-ups.
    pub rolled_days: usize,
}

/// Neighbouring days of one site, with what they are to be built from.
struct Run {
    site: Site,
    days: Vec<(Day, Source)>,
}

/// What stays in mind between two looks.
#[derive(Default)]
struct Memory {
    /// What days are to be built from, and since when: a day is built when that has stopped changing.
    due: HashMap<SiteDay, (Source, Instant)>,
    /// Sites whose time zone was changed, and since when that is known.
    moved: HashMap<u32, Instant>,
    /// Builds with rows and no entry in the list, likewise.
    unlisted: HashMap<u64, Instant>,
    tidied: Option<Instant>,
}

#[derive(Row, Deserialize)]
struct Added {
    starts: u32,
    value: String,
    has_events: u8,
    has_visits: u8,
    visitors: u64,
    pageviews: u64,
    events: u64,
    visits: u64,
    duration_seconds: u64,
    bounces: i64,
}

/// Builds what there is to build, for ever. `zones` answers the sites as they are.
pub async fn follow(rollups: Rollups, zones: impl Fn() -> Option<Zones>, clock: fn() -> Timestamp) {
    let mut memory = Memory::default();
    let mut timer = tokio::time::interval(LOOK_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let Some(zones) = zones() else { continue };
        if let Err(error) = rollups.turn(zones, clock(), &mut memory).await {
            tracing::debug!(%error, "roll-ups are not built now; trying again");
        }
    }
}

impl Rollups {
    /// Builds all closed days of these sites anew, whether their builds can be believed or not.
    ///
    /// # Errors
    /// What the store says; the days that were done by then are.
    pub async fn rebuild(
        &self,
        (zones, sites): (Zones, &[u32]),
        now: Timestamp,
        mut tell: impl FnMut(RollupProgress),
    ) -> Result<usize> {
        self.known().ledger.set_zones(zones);
        let Some(runs) = self
            .look(Looker::Background, |known, _| {
                let closed = known.ledger.days().into_iter().filter(|(_, day)| is_closed(day, now));
                runs(known, closed.filter(|(site, _)| sites.contains(site)).collect())
            })
            .await?
        else {
            return Ok(0);
        };
        let listed = self.known().builds.values().flatten().copied().collect::<Vec<_>>();
        let listed: Vec<u64> = listed
            .into_iter()
            .filter(|build| sites.contains(&build.site_id))
            .map(|build| build.build)
            .collect();
        if !listed.is_empty() {
            self.store.unlist_daily_builds(listed).await?;
        }
        let days = runs.iter().map(|run| run.days.len()).sum();
        let (mut done, mut built) = (0, 0);
        tell(RollupProgress { days, done });
        for run in runs {
            built += self.build_run(&run, now).await?;
            done += run.days.len();
            tell(RollupProgress { days, done });
        }
        self.gather(built).await;
        Ok(built)
    }

    /// How far these sites are, each in its place.
    ///
    /// # Errors
    /// What the store says.
    pub async fn status(&self, zones: Zones, now: Timestamp) -> Result<Vec<RollupStatus>> {
        let mut sites: Vec<u32> = zones.keys().copied().collect();
        sites.sort_unstable();
        self.known().ledger.set_zones(zones);
        let found = self.look(Looker::Background, |known, _| {
            let mut found: Vec<_> = sites
                .iter()
                .map(|site_id| RollupStatus { site_id: *site_id, ..Default::default() })
                .collect();
            for (site_id, day) in known.ledger.days().iter().filter(|(_, day)| is_closed(day, now)) {
                let Ok(index) = sites.binary_search(site_id) else { continue };
                found[index].closed_days += 1;
                found[index].rolled_days += usize::from(known.build(*site_id, day).is_some());
            }
            found
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Looks once, and builds all that has stopped changing since the last look.
    async fn turn(&self, zones: Zones, now: Timestamp, memory: &mut Memory) -> Result<()> {
        let moved = self.known().ledger.set_zones(zones);
        memory.moved.extend(moved.into_iter().map(|site| (site, Instant::now())));
        let before = std::mem::take(&mut memory.due);
        let found = self.look(Looker::Background, |known, _| {
            let unbuilt =
                |(site, day): &(u32, Day)| is_closed(day, now) && known.current(*site, day).is_none();
            let mut due = HashMap::new();
            let mut still = Vec::new();
            for (site, day) in known.ledger.days().into_iter().filter(unbuilt) {
                let (key, source) = ((site, day.starts), known.ledger.source(site, &day));
                let same = before.get(&key).filter(|(before, _)| *before == source);
                due.insert(key, (source, same.map_or_else(Instant::now, |(_, since)| *since)));
                let wait = if known.builds.contains_key(&key) { REBUILT_AFTER } else { Duration::ZERO };
                if same.is_some_and(|(_, since)| since.elapsed() >= wait) {
                    still.push((site, day));
                }
            }
            (due, runs(known, still), known.moved())
        });
        let Some((due, runs, moved)) = found.await? else { return Ok(()) };
        memory.due = due;
        memory.moved.retain(|site, since| moved.contains(site) || since.elapsed() < MOVED_WAITS);
        for site in moved {
            memory.moved.entry(site).or_insert_with(Instant::now);
        }
        let (began, mut built) = (Instant::now(), 0);
        let waits = |site_id| memory.moved.get(&site_id).is_some_and(|since| since.elapsed() < MOVED_WAITS);
        for run in runs.into_iter().filter(|run| !waits(run.site.id)) {
            built += self.build_run(&run, now).await?;
        }
        if built > 0 {
            self.gather(built).await;
            tracing::info!(days = built, seconds = began.elapsed().as_secs_f32(), "days are rolled up");
        }
        if memory.tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY_EVERY) {
            memory.tidied = Some(Instant::now());
            self.tidy(memory).await?;
        }
        Ok(())
    }

    /// Builds a run of days; answers how many can be believed now.
    async fn build_run(&self, run: &Run, now: Timestamp) -> Result<usize> {
        let Some((unchanged, losses)) = self.unchanged(run).await? else { return Ok(0) };
        if unchanged.len() < run.days.len() {
            return Ok(0);
        }
        let days: Vec<Day> = run.days.iter().map(|(day, _)| *day).collect();
        let first = first_build(now);
        let shared = self.store.fetch::<u64>(&rolled::shared(&run.site, &days)).await?;
        let mut rows = Vec::new();
        for dimension in rolled::dimensions() {
            let added: Vec<Added> =
                self.store.fetch(&rolled::build(&run.site, &days, dimension.as_ref())).await?;
            let name = dimension.map_or("", |dimension| dimension.facts().name);
            rows.extend(added.into_iter().filter_map(|added| {
                let index = days.iter().position(|day| day.starts == added.starts)?;
                Some(added.row((run.site.id, name), (days[index].number(), first + index as u64)))
            }));
        }
        self.store.insert_daily(&rows).await?;
        let unchanged = match self.unchanged(run).await? {
            Some((unchanged, losses_now)) if losses_now == losses => unchanged,
            Some(_) | None => Vec::new(),
        };
        let entries = unchanged.into_iter().map(|index| {
            let (day, source) = run.days[index];
            DailyBuild {
                site_id: run.site.id,
                day: day.number(),
                build: first + index as u64,
                starts: day.starts,
                ends: day.ends,
                source_rows: source.rows,
                source_hash: source.hash,
                shares_visitors: u8::from(shared.contains(&u64::from(day.starts))),
            }
        });
        let entries: Vec<_> = entries.collect();
        if !entries.is_empty() {
            self.store.insert_daily_builds(&entries).await?;
        }
        Ok(entries.len())
    }

    /// Brings the rows of many new builds together.
    async fn gather(&self, built: usize) {
        if built < GATHERED_DAYS_MIN {
            return;
        }
        if let Err(error) = self.store.gather_daily().await {
            tracing::debug!(%error, "rows of roll-ups are left to the store to gather");
        }
    }

    /// Which days of a run are still to be built from the same, and how often rows may have gone by now: what comes and
    /// goes again between two looks would not be seen by the sums.
    async fn unchanged(&self, run: &Run) -> Result<Option<(Vec<usize>, u64)>> {
        self.look(Looker::Background, |known, _| {
            let is_moved = known.ledger.zone(run.site.id) != Some(&run.site.time_zone);
            let same = |(_, (day, source)): &(usize, &(Day, Source))| {
                !is_moved && known.ledger.source(run.site.id, day) == *source
            };
            let unchanged = run.days.iter().enumerate().filter(same).map(|(index, _)| index).collect();
            (unchanged, known.ledger.losses())
        })
        .await
    }

    /// Takes from the list what will not be believed again, and removes rows that no list has named for long.
    async fn tidy(&self, memory: &mut Memory) -> Result<()> {
        let replaced = self.look(Looker::Background, |known, _| known.replaced());
        let replaced = replaced.await?.unwrap_or_default();
        if !replaced.is_empty() {
            self.store.unlist_daily_builds(replaced).await?;
        }
        let unlisted: HashSet<u64> = self.store.unlisted_daily_builds().await?.into_iter().collect();
        memory.unlisted.retain(|build, _| unlisted.contains(build));
        for build in unlisted {
            memory.unlisted.entry(build).or_insert_with(Instant::now);
        }
        let old = memory.unlisted.iter().filter(|(_, since)| since.elapsed() >= UNLISTED_STAY);
        let old: Vec<u64> = old.map(|(build, _)| *build).collect();
        if !old.is_empty() {
            self.store.delete_daily(old).await?;
        }
        Ok(())
    }
}

impl Known {
    /// Sites whose last build is of a day of another time zone.
    fn moved(&self) -> HashSet<u32> {
        let mut last: HashMap<u32, &DailyBuild> = HashMap::new();
        for build in self.builds.values().flatten() {
            let of_site = last.entry(build.site_id).or_insert(build);
            if build.build > of_site.build {
                *of_site = build;
            }
        }
        let moved = last.into_values().filter(|build| self.day_of(build) == Some(None));
        moved.map(|build| build.site_id).collect()
    }

    /// Builds in whose place there is another that can be believed.
    fn replaced(&self) -> Vec<u64> {
        let is_replaced = |build: &&DailyBuild| {
            self.day_of(build).flatten().is_some_and(|day| {
                self.current(build.site_id, &day).is_some_and(|current| current.build != build.build)
                    || self.is_empty(build.site_id, &day)
            })
        };
        let moved = self.moved();
        let is_left =
            |build: &&DailyBuild| self.day_of(build) == Some(None) && !moved.contains(&build.site_id);
        let builds = self.builds.values().flatten();
        builds.filter(|build| is_replaced(build) || is_left(build)).map(|build| build.build).collect()
    }

    /// The day that a build is of; `Some(None)` where its site has no such day any more, and none where nobody knows the
    /// site.
    fn day_of(&self, build: &DailyBuild) -> Option<Option<Day>> {
        let zone = self.ledger.zone(build.site_id)?;
        let day = Day::of(Day::date_at(build.starts, zone), zone);
        Some(day.filter(|day| (day.starts, day.ends) == (build.starts, build.ends)))
    }
}

impl Added {
    fn row(self, (site_id, dimension): (u32, &str), (day, build): (u16, u64)) -> DailyRow {
        DailyRow {
            site_id,
            dimension: dimension.to_owned(),
            day,
            value: self.value,
            build,
            has_events: self.has_events,
            has_visits: self.has_visits,
            visitors: self.visitors,
            pageviews: self.pageviews,
            events: self.events,
            visits: self.visits,
            duration_seconds: self.duration_seconds,
            bounces: self.bounces,
        }
    }
}

fn is_closed(day: &Day, now: Timestamp) -> bool {
    let closed = SignedDuration::from_secs(day.ends.into()) + CLOSED_AFTER;
    now.as_duration() >= closed && is_told_apart(day)
}

/// Days, by site and in order, as runs; the last days first, since most reports are about them.
fn runs(known: &Known, days: Vec<(u32, Day)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rows = 0;
    for (site_id, day) in days {
        let Some(zone) = known.ledger.zone(site_id) else { continue };
        let own = known.ledger.own(site_id, &day).rows;
        let source = known.ledger.source(site_id, &day);
        rows += own;
        match runs.last_mut() {
            Some(run)
                if run.site.id == site_id
                    && rows <= RUN_ROWS_MAX
                    && run.days.last().is_some_and(|(last, _)| last.ends == day.starts) =>
            {
                run.days.push((day, source));
            }
            _ => {
                rows = own;
                let site = Site::new(site_id, String::new(), zone.clone());
                runs.push(Run { site, days: vec![(day, source)] });
            }
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.days.last().map(|(day, _)| day.ends)));
    runs
}

/// The number of a run's first build: later ones are greater, and no two are the same.
fn first_build(now: Timestamp) -> u64 {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let random = getrandom::u32().unwrap_or_else(|_| std::process::id());
    seconds << 32 | u64::from(random)
}
