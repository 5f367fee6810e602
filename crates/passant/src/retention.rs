//! Removes events that are past their site's retention, and what was added up of them.
//!
//! Each site is looked at when its first kept day changes: at its midnight, when its setting or time zone is changed, and at
//! the start. Invariant: a site counts as done for a day only after a look that found nothing, so that a crash, a store
//! that is away, or events that came in meanwhile only delay.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use passant_control::{Control, FirstDay, Site};
use passant_store::{Expired, Kept, RemovalStep, Store};

use crate::access;

/// How often it is looked whose days have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether a removal is done.
const PACE: Duration = Duration::from_secs(1);

/// The first day that each site keeps; those that keep all are not in it.
type FirstDays = HashMap<u32, FirstDay>;

/// What was removed of a site, until that is said.
#[derive(Clone, Copy)]
struct Removed {
    rows: u64,
    oldest: u32,
}

/// Removes for ever.
pub(crate) async fn follow(control: Arc<Control>, store: Store, clock: fn() -> Timestamp) {
    let mut done = FirstDays::new();
    let mut removed = HashMap::new();
    let mut failures = 0;
    loop {
        let pause = match turn(&control, &store, (clock(), &mut done, &mut removed)).await {
            Ok(step) => {
                failures = 0;
                if step == RemovalStep::Done { LOOK_EVERY } else { PACE }
            }
            Err(error) => {
                let pause = passant_store::Error::backoff(failures);
                failures += 1;
                // The embedded engine answers within a second of its start.
                if pause > PACE {
                    tracing::warn!(%error, "events past their retention are not removed yet");
                }
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn turn(
    control: &Control,
    store: &Store,
    (now, done, removed): (Timestamp, &mut FirstDays, &mut HashMap<u32, Removed>),
) -> anyhow::Result<RemovalStep> {
    let wanted = first_days(control, now)?;
    let due: FirstDays = wanted
        .iter()
        .filter(|(site, day)| done.get(site) != Some(day))
        .map(|(site, day)| (*site, *day))
        .collect();
    let step = store.remove_expired(&together(&due)).await?;
    match &step {
        RemovalStep::Begun(expired) => expired.iter().for_each(|expired| note(removed, expired)),
        RemovalStep::UnderWay => {}
        RemovalStep::Done => {
            for (site, Removed { rows, oldest }) in removed.drain() {
                let Some(FirstDay { date, .. }) = wanted.get(&site) else { continue };
                let oldest = Timestamp::from_second(oldest.into()).unwrap_or_default();
                tracing::info!(site, rows, %oldest, kept_from = %date, "events past their retention are removed");
            }
            // Only those of which this look knows; a site that keeps all now may keep less again.
            done.retain(|site, _| wanted.contains_key(site));
            done.extend(due);
        }
    }
    Ok(step)
}

fn note(removed: &mut HashMap<u32, Removed>, expired: &Expired) {
    let site = removed.entry(expired.site_id).or_insert(Removed { rows: 0, oldest: expired.oldest });
    site.rows += expired.rows;
    site.oldest = site.oldest.min(expired.oldest);
}

fn first_days(control: &Control, now: Timestamp) -> passant_control::Result<FirstDays> {
    let of_site = |site: &Site| Some((site.id, first_day(site, now)?));
    Ok(control.sites()?.iter().filter_map(of_site).collect())
}

/// The first day that a site keeps, if it does not keep all.
pub(crate) fn first_day(site: &Site, now: Timestamp) -> Option<FirstDay> {
    site.retention.first_day(&access::timezone(site)?, now)
}

/// Sites of the same first day, as the store is told of them.
fn together(days: &FirstDays) -> Vec<Kept> {
    let mut kept: BTreeMap<FirstDay, Vec<u32>> = BTreeMap::new();
    for (site, day) in days {
        kept.entry(*day).or_default().push(*site);
    }
    let one = |(FirstDay { date, starts }, mut sites): (FirstDay, Vec<u32>)| {
        sites.sort_unstable();
        // Before 1970 is before everything.
        Kept { sites, starts: u32::try_from(starts.as_second()).unwrap_or(0), day: number(date) }
    };
    kept.into_iter().map(one).collect()
}

/// A date in days since 1970, as the store counts them.
fn number(date: Date) -> u16 {
    let days = Date::constant(1970, 1, 1).until(date).map_or(0, |span| span.get_days());
    u16::try_from(days).unwrap_or(0)
}
