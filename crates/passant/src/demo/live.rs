//! The demo's present: beacons as the website script sends them, one after another for ever.
//!
//! Nothing is sent here and no clock is read: each beacon says how long to wait before it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use passant_ingest::{ENGAGEMENT, PAGEVIEW};
use serde_json::{Value, json};

use super::audience::{COUNTRIES, accept_language};
use super::open_visits::{Event, OpenVisits};
use super::planner::{EVENTS_PER_VISIT, Planner};
use super::platform::PLATFORMS;
use super::random::{Random, mix};
use super::rhythm::{DAYS, Hour};
use super::site::{DOMAIN, Page};
use super::source::{Link, SOURCES};
use super::visit::Happening;

/// What the trickle makes on average.
const BEACONS_PER_SECOND: f64 = 3.0;
/// Visits begin three times as often at first, so that the site is soon as busy as it will be.
const WARM_UP_SECONDS: f64 = 45.0;

/// Visits the demo site for ever.
pub(crate) struct DemoVisitor {
    random: Random,
    planner: Planner,
    begun_seconds: u32,
    hour: u32,
    /// Seconds since the beginning.
    now_seconds: f64,
    arrival_seconds: f64,
    open: OpenVisits,
    people: u64,
}

/// One request to the collector.
pub(crate) struct LiveBeacon {
    /// To wait since the beacon before.
    pub(crate) delay: Duration,
    pub(crate) user_agent: &'static str,
    pub(crate) accept_language: String,
    /// The address to name as the client's.
    pub(crate) forwarded_for: IpAddr,
    /// JSON.
    pub(crate) body: String,
}

impl DemoVisitor {
    /// Visits that begin at `now`, which also decides which chance they follow.
    pub(crate) fn new(now: Timestamp) -> Self {
        let begun_seconds = u32::try_from(now.as_second()).unwrap_or(u32::MAX).max(DAYS * 24 * 3600);
        let hour = begun_seconds / 3600;
        Self {
            random: Random::new(mix(u64::from(begun_seconds))),
            planner: Planner::new(hour_of_today(hour)),
            begun_seconds,
            hour,
            now_seconds: 0.0,
            arrival_seconds: 0.0,
            open: OpenVisits::default(),
            // People of another run must not seem to come back.
            people: u64::from(begun_seconds) << 32,
        }
    }

    /// The next beacon.
    pub(crate) fn next(&mut self) -> LiveBeacon {
        let event = loop {
            let due = self.open.due_seconds().map_or(f64::INFINITY, f64::from);
            if due < self.arrival_seconds
                && let Some(event) = self.open.next(&self.planner.pages, &mut self.random)
            {
                break event;
            }
            self.begin_visit();
        };
        // Visits count whole seconds; a beacon goes out at any time within one.
        let at_seconds =
            (f64::from(event.at_seconds) + f64::from(self.random.below(1000)) / 1000.0).max(self.now_seconds);
        let delay = Duration::from_secs_f64(at_seconds - self.now_seconds);
        self.now_seconds = at_seconds;
        beacon(&event, delay)
    }

    fn begin_visit(&mut self) {
        let hour = self.begun_seconds.saturating_add(self.arrival_seconds as u32) / 3600;
        if hour != self.hour {
            self.hour = hour;
            self.planner.set_hour(hour_of_today(hour));
        }
        self.people += 1;
        let visit = self.planner.newcomer(self.people, &mut self.random);
        self.open.begin(self.arrival_seconds as u32, visit);
        let mean_seconds = EVENTS_PER_VISIT / BEACONS_PER_SECOND;
        let warm = self.arrival_seconds >= WARM_UP_SECONDS;
        self.arrival_seconds += self.random.exponential(if warm { mean_seconds } else { mean_seconds / 3.0 });
    }
}

/// The hour, counted from 1970, as the last day of a history.
fn hour_of_today(hour: u32) -> Hour {
    Hour::new(hour / 24 - DAYS, DAYS * 24 + hour % 24)
}

fn beacon(event: &Event, delay: Duration) -> LiveBeacon {
    let Event { person, source, step, .. } = event;
    let source = &SOURCES[usize::from(*source)];
    let first_page = step.previous.is_none();
    let link = if first_page { query(&source.link) } else { String::new() };
    let mut body = json!({ "n": PAGEVIEW, "u": url(step.page) + &link, "d": DOMAIN });
    match step.happening {
        Happening::Pageview => {}
        Happening::Act(act) => {
            body["n"] = act.name().into();
            body["p"] = act.props().into_iter().map(|(key, value)| (key, Value::String(value))).collect();
            if let Some(amount) = act.revenue() {
                body["$"] = json!({ "amount": amount, "currency": "EUR" });
            }
        }
        Happening::Engagement { time_ms, scroll_depth } => {
            body["n"] = ENGAGEMENT.into();
            body["e"] = time_ms.into();
            body["sd"] = scroll_depth.into();
        }
    }
    match step.previous {
        Some(page) => body["r"] = url(page).into(),
        None if source.referrer.is_empty() => {}
        None => body["r"] = format!("https://{}/", source.referrer).into(),
    }
    LiveBeacon {
        delay,
        user_agent: PLATFORMS[usize::from(person.platform)].user_agent,
        accept_language: accept_language(person.language),
        // One person keeps one address.
        forwarded_for: COUNTRIES[usize::from(person.country)].address(&mut Random::new(mix(person.key))),
        body: body.to_string(),
    }
}

fn url(page: Page) -> String {
    format!("https://{}{}", page.hostname(), page.path())
}

/// The link's tags as a query; blank where there are none. Of a click id the script tells only that it is there.
fn query(link: &Link) -> String {
    let click_id = (link.click_id, if link.click_id.is_empty() { "" } else { "1" });
    let tags = [
        ("utm_source", link.source),
        ("utm_medium", link.medium),
        ("utm_campaign", link.campaign),
        ("utm_content", link.content),
        ("utm_term", link.term),
        click_id,
    ];
    let pairs: Vec<_> = tags.iter().filter(|(_, value)| !value.is_empty()).collect();
    let query: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{key}={}", value.replace(' ', "+"))).collect();
    if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use passant_ingest::{Beacon, Fragment, page};

    use super::*;

    fn visitor() -> DemoVisitor {
        DemoVisitor::new("2026-11-23T10:00:00Z".parse().expect("time"))
    }

    #[test]
    fn each_beacon_is_one_that_the_collector_takes() {
        let mut visitor = visitor();
        let mut names = BTreeSet::new();
        for _ in 0..20_000 {
            let beacon = visitor.next();
            let read = Beacon::parse(beacon.body.as_bytes()).expect("valid");
            assert_eq!(read.domains().collect::<Vec<_>>(), [DOMAIN]);
            let page = page(&read.url, Fragment::Dropped);
            assert!(page.hostname == DOMAIN || page.hostname == "shop.demo.example", "{}", page.hostname);
            assert!(!page.pathname.contains(':'), "{}", page.pathname);
            assert!(matches!(beacon.forwarded_for, IpAddr::V4(address) if !address.is_private()));
            names.insert(read.name.into_owned());
        }
        let expected = ["File Download", "Outbound Link: Click", "Purchase", "Signup", ENGAGEMENT, PAGEVIEW];
        assert_eq!(names, expected.map(str::to_owned).into());
    }

    #[test]
    fn about_three_beacons_come_in_a_second() {
        let mut visitor = visitor();
        let seconds: f64 = (0..30_000).map(|_| visitor.next().delay.as_secs_f64()).sum();
        assert!((2.7..3.3).contains(&(30_000.0 / seconds)), "{seconds}");
    }

    #[test]
    fn the_first_seconds_are_busy_already() {
        let mut visitor = visitor();
        let seconds: f64 = (0..60).map(|_| visitor.next().delay.as_secs_f64()).sum();
        assert!(seconds < 45.0, "{seconds}");
    }
}
