//! Visits: which events belong together, and what each adds to its visit.
//!
//! Events are assigned in arrival order from a map of open visits; a row then carries its share of every visit metric
//! (`definitions.md`, "Additive visit facts"), so that no later stage has to join or collapse anything. Invariants:
//! the outcome is a function of the open visits and the events alone, so that replaying a batch gives the same rows;
//! and no visit starts after one of its events. No clock and no I/O may go in.

mod compact;

use std::collections::HashMap;

use passant_store::{EventRow, OpenVisit, VisitFacts};

use crate::event::{ENGAGEMENT, Event, Origin, PAGEVIEW};
use compact::{CompactOrigin, Page};

/// A gap longer than this between two neighbouring events ends a visit.
pub const VISIT_GAP_SECONDS: u32 = 30 * 60;

/// The open visits of all sites.
#[derive(Debug, Default)]
pub struct Visits {
    open: HashMap<Visitor, Visit>,
    swept_at: u32,
}

/// A visitor at a site.
type Visitor = (u32, u64);

#[derive(Debug)]
struct Visit {
    id: u64,
    start: u32,
    sequence: u32,
    last_seen: u32,
    last_event: u32,
    /// Interactive events so far, counted up to 2: the second one ends the bounce, more change nothing.
    interactive_events: u8,
    entry: Option<Page>,
    last_page: Option<Page>,
    origin: CompactOrigin,
}

/// An event with its place in a visit; [`Assigned::row`] is what the store takes.
#[derive(Debug)]
pub struct Assigned<'e> {
    event: &'e Event,
    facts: Facts,
    entry: Option<Page>,
    previous: Option<Page>,
    origin: CompactOrigin,
}

#[derive(Debug)]
struct Facts {
    id: u64,
    start: u32,
    sequence: u32,
    visits: u8,
    bounces: i8,
    duration_seconds: u32,
}

/// Where an event stands among all events for ever: its batch and its place in it. The first event's position names
/// the visit, so that a replay names it the same.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// The batch.
    pub batch_id: u64,
    /// Index of the event in the batch, from 0.
    pub index: u32,
}

impl Visits {
    /// The open visits as the store's rows tell them.
    pub fn rebuild(rows: Vec<OpenVisit>) -> Self {
        let open = rows.into_iter().map(|row| ((row.site_id, row.visitor_id), Visit::from(row))).collect();
        Self { open, swept_at: 0 }
    }

    /// Number of open visits.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no visit is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When each visitor with an open visit was last seen: site, visitor, seconds since 1970.
    pub fn last_seen(&self) -> impl Iterator<Item = (u32, u64, u32)> {
        self.open.iter().map(|((site, visitor), visit)| (*site, *visitor, visit.last_seen))
    }

    /// Assigns an event to its visit, opening one if need be. `None` for an `engagement` event without a visit.
    pub fn assign<'e>(&mut self, event: &'e Event, position: Position) -> Option<Assigned<'e>> {
        self.sweep(event.timestamp);
        let visitor = (event.site_id, event.visitor_id);
        self.carry_over_midnight(event, visitor);
        let goes_on = self.open.get(&visitor).is_some_and(|visit| visit.takes(event.timestamp));
        if !goes_on {
            if event.name == ENGAGEMENT {
                return None;
            }
            self.open.insert(visitor, Visit::opened_by(event, position));
        }
        let visit = self.open.get_mut(&visitor)?;
        Some(visit.add(event))
    }

    /// A visit that was open at the site's midnight goes on under the new day's pseudonym.
    fn carry_over_midnight(&mut self, event: &Event, visitor: Visitor) {
        let Some(previous_id) = event.previous_visitor_id else { return };
        if self.open.get(&visitor).is_some_and(|visit| visit.takes(event.timestamp)) {
            return;
        }
        let yesterday = (event.site_id, previous_id);
        if self.open.get(&yesterday).is_some_and(|visit| visit.takes(event.timestamp))
            && let Some(visit) = self.open.remove(&yesterday)
        {
            self.open.insert(visitor, visit);
        }
    }

    /// Forgets visits that can take no more events, once a minute of event time.
    fn sweep(&mut self, now: u32) {
        if now.saturating_sub(self.swept_at) < 60 {
            return;
        }
        self.swept_at = now;
        self.open.retain(|_, visit| visit.last_seen.saturating_add(VISIT_GAP_SECONDS) >= now);
    }
}

impl Visit {
    fn opened_by(event: &Event, position: Position) -> Self {
        Self {
            id: visit_id(position),
            start: event.timestamp,
            sequence: 0,
            last_seen: event.timestamp,
            last_event: event.timestamp,
            interactive_events: 0,
            entry: None,
            last_page: None,
            origin: (&event.origin).into(),
        }
    }

    fn takes(&self, timestamp: u32) -> bool {
        timestamp >= self.start && timestamp <= self.last_seen.saturating_add(VISIT_GAP_SECONDS)
    }

    fn add<'e>(&mut self, event: &'e Event) -> Assigned<'e> {
        self.sequence += 1;
        self.last_seen = self.last_seen.max(event.timestamp);
        let mut duration_seconds = 0;
        if event.name != ENGAGEMENT {
            duration_seconds = event.timestamp.saturating_sub(self.last_event);
            self.last_event = self.last_event.max(event.timestamp);
        }
        let previous = if event.name == PAGEVIEW { self.turn_page(event) } else { None };
        Assigned {
            event,
            facts: Facts {
                id: self.id,
                start: self.start,
                sequence: self.sequence,
                visits: u8::from(self.sequence == 1),
                bounces: self.bounce_change(event),
                duration_seconds,
            },
            entry: self.entry.clone(),
            previous,
            origin: self.origin.clone(),
        }
    }

    /// Notes a pageview and returns the page before it.
    fn turn_page(&mut self, event: &Event) -> Option<Page> {
        let page = Page::new(&event.hostname, &event.pathname);
        self.entry.get_or_insert_with(|| page.clone());
        self.last_page.replace(page)
    }

    /// A bounce is a visit with exactly one interactive event: the first makes it one, the second ends it.
    fn bounce_change(&mut self, event: &Event) -> i8 {
        let interactive = event.name == PAGEVIEW || (event.interactive && event.name != ENGAGEMENT);
        if !interactive || self.interactive_events == 2 {
            return 0;
        }
        self.interactive_events += 1;
        if self.interactive_events == 1 { 1 } else { -1 }
    }
}

impl From<OpenVisit> for Visit {
    fn from(row: OpenVisit) -> Self {
        let page = |hostname: &str, pathname: &str| row.has_pageview.then(|| Page::new(hostname, pathname));
        Self {
            id: row.visit_id,
            start: row.start,
            sequence: row.sequence,
            last_seen: row.last_seen,
            last_event: row.last_event,
            interactive_events: row.interactive_events,
            entry: page(&row.entry_hostname, &row.entry_pathname),
            last_page: page(&row.last_hostname, &row.last_pathname),
            origin: CompactOrigin::from(&Origin {
                referrer: row.referrer,
                source: row.source,
                channel: row.channel,
                utm_source: row.utm_source,
                utm_medium: row.utm_medium,
                utm_campaign: row.utm_campaign,
                utm_content: row.utm_content,
                utm_term: row.utm_term,
                click_id: row.click_id,
                country: row.country,
                language: row.language,
                device: row.device,
                browser: row.browser,
                browser_version: row.browser_version,
                os: row.os,
                os_version: row.os_version,
            }),
        }
    }
}

impl Assigned<'_> {
    /// The row to store. `import_id` is 0 for a beacon.
    pub fn row(&self, import_id: u32) -> EventRow<'_> {
        let event = self.event;
        EventRow {
            site_id: event.site_id,
            timestamp: event.timestamp,
            name: &event.name,
            hostname: &event.hostname,
            pathname: &event.pathname,
            visitor_id: event.visitor_id,
            visit: VisitFacts {
                id: self.facts.id,
                start: self.facts.start,
                sequence: self.facts.sequence,
                visits: self.facts.visits,
                bounces: self.facts.bounces,
                duration_seconds: self.facts.duration_seconds,
                entry_hostname: self.entry.as_ref().map_or("", Page::hostname),
                entry_pathname: self.entry.as_ref().map_or("", Page::pathname),
                previous_hostname: self.previous.as_ref().map_or("", Page::hostname),
                previous_pathname: self.previous.as_ref().map_or("", Page::pathname),
            },
            origin: self.origin.stored(),
            interactive: event.interactive,
            engagement_time_ms: event.engagement_time_ms,
            scroll_depth: event.scroll_depth,
            props: &event.props,
            revenue_thousandths: event.revenue.as_ref().map_or(0, |revenue| revenue.thousandths),
            revenue_currency: event.revenue.as_ref().map_or("", |revenue| &revenue.currency),
            import_id,
        }
    }
}

/// Batch ids are random, so mixing in the index keeps ids apart (the finalizer of SplitMix64, Steele et al. 2014).
fn visit_id(position: Position) -> u64 {
    let mut mixed =
        position.batch_id.wrapping_add(u64::from(position.index).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
