//! Random traffic of a few days around a change of clocks, with what each event adds to its visit.

use jiff::{Timestamp, tz::TimeZone};
use passant_query::{Goal, GoalKind, PagePattern, Reader, Segment, Site};
use passant_store::{Batch, EventRow, Origin, VisitFacts};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

pub(super) const PATHS: &[&str] = &["/", "/about", "/Blog/one", "/blog/two", "/blog/two/more"];
pub(super) const HOSTS: &[&str] = &["example.org", "docs.example.org"];
pub(super) const PLANS: &[&str] = &["", "pro", "Free", "pro plus"];

/// Where sites are, and the local midnight of the first day of their traffic: the clocks change within the next days.
const PLACES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2026-03-26T00:00:00+01:00"),
    ("Europe/Berlin", "2026-10-22T00:00:00+02:00"),
    ("America/New_York", "2026-10-29T00:00:00-04:00"),
    ("Australia/Lord_Howe", "2026-04-02T00:00:00+11:00"),
    ("America/Santiago", "2026-04-02T00:00:00-03:00"),
    ("Asia/Kathmandu", "2026-02-26T00:00:00+05:45"),
    ("Pacific/Kiritimati", "2025-12-29T00:00:00+14:00"),
];
/// Privacy floors of sites, most of them within what their traffic reaches.
const FLOORS: &[u32] = &[1, 2, 3, 5];
const SPAN_SECONDS: u32 = 6 * 86_400;

/// A visit to be replayed.
#[derive(Clone, Debug)]
pub(super) struct VisitPlan {
    person: u8,
    start_seconds: u32,
    origin: Origin<'static>,
    events: Vec<EventPlan>,
}

#[derive(Clone, Debug)]
struct EventPlan {
    gap_seconds: u32,
    kind: Kind,
    path: &'static str,
    host: &'static str,
    plan: &'static str,
    engagement_ms: u32,
    depth_percent: u8,
    revenue: (i64, &'static str),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Pageview,
    Engagement,
    /// An interactive one.
    Signup,
    /// One that carries revenue.
    Purchase,
    /// One that is not interactive.
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
    pub(super) plan: &'static str,
    pub(super) engagement_ms: u32,
    pub(super) depth_percent: u8,
    pub(super) revenue_thousandths: i64,
    pub(super) currency: &'static str,
}

/// A visit and its events in order.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) origin: Origin<'static>,
    pub(super) events: Vec<Event>,
}

/// All visits of a site.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) site: Site,
    pub(super) visits: Vec<Visit>,
}

/// A site of this number in one of the places, and the instant its traffic begins at.
pub(super) fn site(id: u32) -> (Site, Timestamp) {
    let (zone, start) = PLACES[id as usize % PLACES.len()];
    let mut site = Site::new(id, id.to_string(), TimeZone::get(zone).expect("zone"));
    site.goals = goals().into();
    site.segments = [
        segment(1, json!([["is", "visit:country", ["FR"]]])),
        segment(2, json!([["contains", "event:page", ["blog"]], ["is_not", "visit:source", ["Bing"]]])),
    ]
    .into();
    site.privacy_floor = FLOORS[id as usize % FLOORS.len()];
    site.reader = if id.is_multiple_of(3) { Reader::Public } else { Reader::Member };
    let start: Timestamp = start.parse().expect("instant");
    (site, start)
}

fn goals() -> Vec<Goal> {
    let goal = |name: &str, kind| Goal { name: name.into(), kind, props: Vec::new(), currency: None };
    let event = |name: &str| GoalKind::Event(name.into());
    let page = |pattern: &str| PagePattern(pattern.into());
    let currency = |code: &str| Some(code.to_owned());
    vec![
        Goal { props: vec![("plan".into(), "pro".into())], ..goal("Signup pro", event("Signup")) },
        goal("Signup", event("Signup")),
        Goal { currency: currency("EUR"), ..goal("Purchase", event("Purchase")) },
        Goal { currency: currency("USD"), ..goal("Sale", event("Purchase")) },
        goal("Visit /blog/*", GoalKind::Page(page("/blog/*"))),
        goal("Read /blog/**", GoalKind::Scroll { page: page("/blog/**"), percent: 60 }),
    ]
}

fn segment(id: u64, filters: serde_json::Value) -> Segment {
    let filters = passant_query::Filter::parse_all(&filters).expect("filters");
    Segment { id, name: format!("segment {id}"), filters }
}

pub(super) fn any_traffic() -> impl Strategy<Value = Vec<VisitPlan>> {
    vec(any_visit(), 0..60)
}

fn any_visit() -> impl Strategy<Value = VisitPlan> {
    // Half of the visits begin shortly before a local midnight, where the ranges have their ends.
    let start =
        prop_oneof![0..SPAN_SECONDS, (1u32..6, 0u32..3_600).prop_map(|(day, before)| day * 86_400 - before)];
    (0u8..6, start, any_origin(), vec(any_event(), 1..9)).prop_map(
        |(person, start_seconds, origin, events)| VisitPlan { person, start_seconds, origin, events },
    )
}

fn any_event() -> impl Strategy<Value = EventPlan> {
    let kind = prop_oneof![
        5 => Just(Kind::Pageview),
        4 => Just(Kind::Engagement),
        2 => Just(Kind::Signup),
        2 => Just(Kind::Purchase),
        1 => Just(Kind::Tick),
    ];
    let gap = prop_oneof![Just(0u32), 1u32..120, 1u32..1_800];
    let depth = prop_oneof![1 => Just(255u8), 3 => 0u8..=100];
    let engagement = prop_oneof![1 => Just(0u32), 3 => 1u32..60_000];
    let revenue = prop_oneof![1 => Just((0, "")), 3 => (-5_000i64..900_000, select(&["EUR", "USD"][..]))];
    (gap, kind, (select(PATHS), select(HOSTS), select(PLANS)), engagement, depth, revenue).prop_map(
        |(gap_seconds, kind, (path, host, plan), engagement_ms, depth_percent, revenue)| EventPlan {
            gap_seconds,
            kind,
            path,
            host,
            plan,
            engagement_ms,
            depth_percent,
            revenue,
        },
    )
}

/// Three values or fewer of each attribute, one of them blank.
fn any_origin() -> impl Strategy<Value = Origin<'static>> {
    let one = |values: &'static [&'static str]| select(values);
    let campaign = (
        one(&["", "cpc", "Email"]),
        one(&["", "news", "Letter"]),
        one(&["", "Summer", "winter"]),
        one(&["", "top"]),
        one(&["", "shoe"]),
    );
    let machine = (
        one(&["Desktop", "Mobile", ""]),
        one(&["Firefox", "Chrome"]),
        one(&["", "140", "141"]),
        one(&["Linux", "iOS"]),
        one(&["", "18"]),
    );
    let from = (
        one(&["", "google.com", "bing.com/search"]),
        one(&["", "Google", "Bing"]),
        one(&["", "Organic Search", "Email"]),
        one(&["FR", "", "DE"]),
        one(&["", "fr", "en"]),
    );
    (campaign, machine, from).prop_map(|(campaign, machine, from)| Origin {
        referrer: from.0,
        source: from.1,
        channel: from.2,
        utm_medium: campaign.0,
        utm_source: campaign.1,
        utm_campaign: campaign.2,
        utm_content: campaign.3,
        utm_term: campaign.4,
        click_id: "",
        country: from.3,
        language: from.4,
        device: machine.0,
        browser: machine.1,
        browser_version: machine.2,
        os: machine.3,
        os_version: machine.4,
    })
}

impl Traffic {
    /// What a site would have seen. An engagement event opens no visit.
    pub(super) fn replay(plans: &[VisitPlan], (site, start): (Site, Timestamp)) -> Self {
        let start_seconds = u32::try_from(start.as_second()).expect("in range");
        let visits = plans.iter().filter_map(|plan| {
            let mut timestamp = start_seconds + plan.start_seconds;
            let mut events = Vec::new();
            for event in plan.events.iter().skip_while(|event| matches!(event.kind, Kind::Engagement)) {
                if !events.is_empty() {
                    timestamp += event.gap_seconds;
                }
                events.push(event.at(timestamp, pseudonym(plan.person, timestamp, &site)));
            }
            (!events.is_empty()).then(|| Visit { origin: plan.origin.clone(), events })
        });
        let visits = visits.collect();
        Self { site, visits }
    }

    /// One visit of one pageview at each instant.
    pub(super) fn of_pageviews(site: Site, instants: &[Timestamp]) -> Self {
        Self::of_pageviews_at(site, PATHS[0], instants)
    }

    /// One visit of one pageview of this page at each instant.
    pub(super) fn of_pageviews_at(site: Site, path: &'static str, instants: &[Timestamp]) -> Self {
        let plan = EventPlan {
            gap_seconds: 0,
            kind: Kind::Pageview,
            path,
            host: HOSTS[0],
            plan: "",
            engagement_ms: 0,
            depth_percent: 255,
            revenue: (0, ""),
        };
        let visits = instants.iter().map(|instant| {
            let timestamp = u32::try_from(instant.as_second()).expect("in range");
            let events = vec![plan.at(timestamp, pseudonym(1, timestamp, &site))];
            Visit { origin: Origin { country: "FR", ..Origin::default() }, events }
        });
        let visits = visits.collect();
        Self { site, visits }
    }

    pub(super) fn first_event(&self) -> Option<Timestamp> {
        let first = self.visits.iter().flat_map(|visit| &visit.events).map(|event| event.timestamp).min();
        first.map(|first| Timestamp::from_second(i64::from(first)).expect("in range"))
    }

    /// All rows, as ingest would store them.
    pub(super) fn batch(&self, id: u64) -> Batch {
        let mut batch = Batch::new(id);
        for (index, visit) in self.visits.iter().enumerate() {
            let (mut entry, mut previous): (Option<&Event>, Option<&Event>) = (None, None);
            let mut interactive = 0;
            let mut last_seconds = visit.start();
            for (sequence, event) in (1..).zip(&visit.events) {
                let mut facts = VisitFacts {
                    id: u64::from(self.site.id) << 32 | index as u64,
                    start: visit.start(),
                    sequence,
                    visits: u8::from(sequence == 1),
                    ..VisitFacts::default()
                };
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
                let props: Vec<(String, String)> = Some(event.plan)
                    .filter(|plan| !plan.is_empty())
                    .map(|plan| ("plan".into(), plan.into()))
                    .into_iter()
                    .collect();
                batch.push(&EventRow {
                    site_id: self.site.id,
                    timestamp: event.timestamp,
                    name: event.name,
                    hostname: event.host,
                    pathname: event.path,
                    visitor_id: event.visitor,
                    visit: facts,
                    origin: visit.origin.clone(),
                    interactive: event.interactive,
                    engagement_time_ms: event.engagement_ms,
                    scroll_depth: event.depth_percent,
                    props: &props,
                    revenue_thousandths: event.revenue_thousandths,
                    revenue_currency: event.currency,
                    import_id: 0,
                });
            }
        }
        batch
    }
}

impl EventPlan {
    fn at(&self, timestamp: u32, visitor: u64) -> Event {
        let (name, interactive) = match self.kind {
            Kind::Pageview => ("pageview", true),
            Kind::Engagement => ("engagement", false),
            Kind::Signup => ("Signup", true),
            Kind::Purchase => ("Purchase", true),
            Kind::Tick => ("Tick", false),
        };
        let (engagement_ms, depth_percent) = match self.kind {
            Kind::Engagement => (self.engagement_ms, self.depth_percent),
            Kind::Pageview | Kind::Signup | Kind::Purchase | Kind::Tick => (0, 255),
        };
        let (revenue_thousandths, currency) = match self.kind {
            Kind::Purchase => self.revenue,
            Kind::Pageview | Kind::Engagement | Kind::Signup | Kind::Tick => (0, ""),
        };
        Event {
            timestamp,
            visitor,
            name,
            interactive,
            path: self.path,
            host: self.host,
            plan: self.plan,
            engagement_ms,
            depth_percent,
            revenue_thousandths,
            currency,
        }
    }
}

impl Visit {
    pub(super) fn start(&self) -> u32 {
        self.events[0].timestamp
    }

    /// Whether its events carry the pseudonyms of two days.
    pub(super) fn spans_days(&self) -> bool {
        self.events.iter().any(|event| event.visitor != self.events[0].visitor)
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
