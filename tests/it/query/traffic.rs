//! Random traffic of a few days around the spring change of clocks, with what each event adds to its visit.

use jiff::Timestamp;
use passant_query::Site;
use passant_store::{Batch, EventRow, Origin, VisitFacts};
use proptest::{collection::vec, prelude::*};

pub(super) const PATHS: &[&str] = &["/", "/about", "/Blog/one", "/blog/two"];
pub(super) const HOSTS: &[&str] = &["example.org", "docs.example.org"];
pub(super) const SOURCES: &[&str] = &["", "Google", "Bing"];
pub(super) const COUNTRIES: &[&str] = &["FR", "", "DE"];
pub(super) const SYSTEMS: &[&str] = &["Linux", "iOS"];
pub(super) const CUSTOM: &[&str] = &["Signup", "Tick"];

/// 2026-03-26 00:00 in Berlin, and how long the traffic goes on.
const START_SECONDS: u32 = 1_774_479_600;
const SPAN_SECONDS: u32 = 6 * 86_400;

/// A visit to be replayed.
#[derive(Clone, Debug)]
pub(super) struct VisitPlan {
    person: u8,
    start_seconds: u32,
    source: usize,
    country: usize,
    system: usize,
    events: Vec<EventPlan>,
}

#[derive(Clone, Debug)]
struct EventPlan {
    gap_seconds: u32,
    kind: Kind,
    path: usize,
    host: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Pageview,
    Engagement,
    /// An interactive one.
    Signup,
    /// One that is not.
    Tick,
}

/// An event as it was stored, for whoever counts.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) timestamp: u32,
    pub(super) visitor: u64,
    pub(super) name: &'static str,
    pub(super) interactive: bool,
    pub(super) path: &'static str,
    pub(super) host: &'static str,
}

/// A visit and its events in order.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) source: &'static str,
    pub(super) country: &'static str,
    pub(super) system: &'static str,
    pub(super) events: Vec<Event>,
}

/// All visits of a site.
#[derive(Debug)]
pub(super) struct Traffic {
    site_id: u32,
    pub(super) visits: Vec<Visit>,
}

pub(super) fn any_traffic() -> impl Strategy<Value = Vec<VisitPlan>> {
    vec(any_visit(), 0..25)
}

fn any_visit() -> impl Strategy<Value = VisitPlan> {
    let kind = prop_oneof![
        5 => Just(Kind::Pageview),
        3 => Just(Kind::Engagement),
        1 => Just(Kind::Signup),
        1 => Just(Kind::Tick),
    ];
    let gap = prop_oneof![Just(0u32), 1u32..120, 1u32..1_800];
    let event = (gap, kind, 0..PATHS.len(), 0..HOSTS.len())
        .prop_map(|(gap_seconds, kind, path, host)| EventPlan { gap_seconds, kind, path, host });
    // Half of the visits begin shortly before a local midnight, where the ranges have their ends.
    let start =
        prop_oneof![0..SPAN_SECONDS, (1u32..6, 0u32..3_600).prop_map(|(day, before)| day * 86_400 - before)];
    (0u8..6, start, 0..SOURCES.len(), 0..COUNTRIES.len(), 0..SYSTEMS.len(), vec(event, 1..9)).prop_map(
        |(person, start_seconds, source, country, system, events)| VisitPlan {
            person,
            start_seconds,
            source,
            country,
            system,
            events,
        },
    )
}

impl Traffic {
    /// What the site would have seen. An engagement event opens no visit.
    pub(super) fn replay(plans: &[VisitPlan], site: &Site) -> Self {
        let visits = plans.iter().filter_map(|plan| {
            let mut timestamp = START_SECONDS + plan.start_seconds;
            let mut events = Vec::new();
            for event in plan.events.iter().skip_while(|event| matches!(event.kind, Kind::Engagement)) {
                if !events.is_empty() {
                    timestamp += event.gap_seconds;
                }
                let (name, interactive) = match event.kind {
                    Kind::Pageview => ("pageview", true),
                    Kind::Engagement => ("engagement", false),
                    Kind::Signup => (CUSTOM[0], true),
                    Kind::Tick => (CUSTOM[1], false),
                };
                let (path, host) = (PATHS[event.path], HOSTS[event.host]);
                let visitor = pseudonym(plan.person, timestamp, site);
                events.push(Event { timestamp, visitor, name, interactive, path, host });
            }
            let (source, country, system) =
                (SOURCES[plan.source], COUNTRIES[plan.country], SYSTEMS[plan.system]);
            (!events.is_empty()).then_some(Visit { source, country, system, events })
        });
        Self { site_id: site.id, visits: visits.collect() }
    }

    /// One visit of one pageview at each instant.
    pub(super) fn of_pageviews(site: &Site, instants: &[Timestamp]) -> Self {
        let visits = instants.iter().map(|instant| {
            let timestamp = u32::try_from(instant.as_second()).expect("in range");
            let visitor = pseudonym(1, timestamp, site);
            let event = Event {
                timestamp,
                visitor,
                name: "pageview",
                interactive: true,
                path: PATHS[0],
                host: HOSTS[0],
            };
            Visit { source: "", country: "FR", system: SYSTEMS[0], events: vec![event] }
        });
        Self { site_id: site.id, visits: visits.collect() }
    }

    pub(super) fn first_event(&self) -> Option<Timestamp> {
        let first = self.visits.iter().flat_map(|visit| &visit.events).map(|event| event.timestamp).min();
        first.map(|first| Timestamp::from_second(i64::from(first)).expect("in range"))
    }

    /// The rows, with what each adds to its visit.
    pub(super) fn batch(&self, id: u64) -> Batch {
        let mut batch = Batch::new(id);
        for (index, visit) in self.visits.iter().enumerate() {
            let start = visit.events[0].timestamp;
            let (mut entry, mut previous): (Option<&Event>, Option<&Event>) = (None, None);
            let mut interactive = 0;
            let mut last_seconds = start;
            for (sequence, event) in (1..).zip(&visit.events) {
                let mut facts =
                    VisitFacts { start, sequence, visits: u8::from(sequence == 1), ..VisitFacts::default() };
                facts.id = u64::from(self.site_id) << 32 | index as u64;
                if event.interactive {
                    interactive += 1;
                    facts.bounces = [0, 1, -1].get(interactive).copied().unwrap_or(0);
                }
                if event.name != "engagement" {
                    facts.duration_seconds = event.timestamp - last_seconds;
                    last_seconds = event.timestamp;
                }
                if event.name == "pageview" {
                    (facts.previous_hostname, facts.previous_pathname) =
                        previous.map_or(("", ""), |previous| (previous.host, previous.path));
                    entry = entry.or(Some(event));
                    previous = Some(event);
                }
                (facts.entry_hostname, facts.entry_pathname) =
                    entry.map_or(("", ""), |entry| (entry.host, entry.path));
                let origin = Origin {
                    source: visit.source,
                    country: visit.country,
                    os: visit.system,
                    ..Origin::default()
                };
                batch.push(&EventRow {
                    site_id: self.site_id,
                    timestamp: event.timestamp,
                    name: event.name,
                    hostname: event.host,
                    pathname: event.path,
                    visitor_id: event.visitor,
                    visit: facts,
                    origin,
                    interactive: event.interactive,
                    ..EventRow::default()
                });
            }
        }
        batch
    }
}

impl Visit {
    pub(super) fn start(&self) -> u32 {
        self.events[0].timestamp
    }

    /// First and last pageview.
    pub(super) fn pageviews(&self) -> Option<(&Event, &Event)> {
        let mut pageviews = self.events.iter().filter(|event| event.name == "pageview");
        let first = pageviews.next()?;
        Some((first, pageviews.next_back().unwrap_or(first)))
    }
}

/// One of one site-local day, also for a visit that crosses midnight.
fn pseudonym(person: u8, timestamp: u32, site: &Site) -> u64 {
    let instant = Timestamp::from_second(i64::from(timestamp)).expect("in range");
    let date = site.time_zone.to_datetime(instant).date();
    let day = u64::from(date.day().unsigned_abs()) + 100 * u64::from(date.month().unsigned_abs());
    day << 8 | u64::from(person)
}
