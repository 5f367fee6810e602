//! The demo's past: 90 days of visits as event records, in order of time.
//!
//! Equal numbers of events and equal dates give equal records; a later end on the same date only adds to them. Nothing
//! is held but the visits under way and the people who may come back, so millions of records need no more memory than
//! a few.

use jiff::Timestamp;
use passant_ingest::{ENGAGEMENT, EventRecord, PAGEVIEW, RevenueRecord, SCROLL_DEPTH_MISSING};

use super::audience::COUNTRIES;
use super::open_visits::{Event, OpenVisits};
use super::planner::{EVENTS_PER_VISIT, Planner};
use super::platform::PLATFORMS;
use super::random::{Random, mix};
use super::rhythm::{DAYS, Hour};
use super::source::SOURCES;
use super::visit::{Happening, Person};

const DAY_SECONDS: u32 = 24 * 60 * 60;
const HOUR_SECONDS: u32 = 60 * 60;
/// Half of the last day's visits have come by then: the number of events asked for is reached at this hour of it, so
/// that it is nearly right at any time of that day.
const MIDDLE_OF_TRAFFIC_HOUR: u32 = 15;
/// Visits of people who were there before.
const RETURNING_PER_MILLE: u32 = 110;
/// Somebody who comes back sooner is still on the same visit.
const AWAY_SECONDS: u32 = 40 * 60;

/// Makes the records.
pub(crate) struct DemoHistory {
    random: Random,
    planner: Planner,
    first_day: u32,
    end_seconds: u32,
    /// Events that are to be planned by the end of each hour.
    targets: Vec<f64>,
    hour: u32,
    arrivals: Arrivals,
    /// Events of all visits that have begun.
    planned: u64,
    open: OpenVisits,
    people: u64,
    gone: Gone,
}

/// The visits that begin in the hour at hand, spread over it.
#[derive(Default)]
struct Arrivals {
    hour_starts_seconds: u32,
    count: u32,
    begun: u32,
    next_seconds: Option<u32>,
}

/// People who may come back, and when they were last seen.
struct Gone {
    people: Vec<(Person, u32)>,
    capacity: usize,
}

impl DemoHistory {
    /// About `events` records of the 90 days before the day of `end`, and of that day until `end`, both in UTC.
    pub(crate) fn new(events: u64, end: Timestamp) -> Self {
        let end_seconds = u32::try_from(end.as_second()).unwrap_or(u32::MAX).max(DAY_SECONDS * (DAYS + 1));
        let first_day = end_seconds / DAY_SECONDS - DAYS;
        let mut planner = Planner::new(Hour::new(first_day, 0));
        let targets = targets(events, first_day, &mut planner);
        let visits_per_day = events as f64 / EVENTS_PER_VISIT / f64::from(DAYS);
        Self {
            random: Random::new(mix(events) ^ u64::from(first_day)),
            planner,
            first_day,
            end_seconds,
            targets,
            hour: 0,
            arrivals: Arrivals::default(),
            planned: 0,
            open: OpenVisits::default(),
            people: 0,
            gone: Gone { people: Vec::new(), capacity: (visits_per_day / 2.0) as usize + 16 },
        }
    }

    /// When the next visit begins; none when all hours are over.
    fn arrival_seconds(&mut self) -> Option<u32> {
        while self.arrivals.next_seconds.is_none() {
            let target = *self.targets.get(self.hour as usize)?;
            let hour = Hour::new(self.first_day, self.hour);
            self.planner.set_hour(hour);
            // What chance gave too much or too little before is made up for here.
            let visits = (target - self.planned as f64).max(0.0) / EVENTS_PER_VISIT;
            let count = visits as u32 + u32::from(self.random.happens((visits.fract() * 1000.0) as u32));
            let hour_starts_seconds = self.first_day * DAY_SECONDS + self.hour * HOUR_SECONDS;
            self.arrivals = Arrivals { hour_starts_seconds, count, begun: 0, next_seconds: None };
            self.arrivals.advance(&mut self.random);
            self.hour += 1;
        }
        self.arrivals.next_seconds
    }

    fn begin_visit(&mut self, at_seconds: u32) {
        self.arrivals.advance(&mut self.random);
        let back = if self.random.happens(RETURNING_PER_MILLE) {
            self.gone.take(at_seconds, &mut self.random)
        } else {
            None
        };
        let visit = match back {
            Some(person) => self.planner.returning(person, &mut self.random),
            None => {
                self.people += 1;
                self.planner.newcomer(self.people, &mut self.random)
            }
        };
        self.planned += visit.events();
        self.open.begin(at_seconds, visit);
    }
}

impl Iterator for DemoHistory {
    type Item = EventRecord;

    fn next(&mut self) -> Option<EventRecord> {
        while let Some(arrival) = self.arrival_seconds() {
            if self.open.due_seconds().is_some_and(|due| due < arrival) {
                break;
            }
            self.begin_visit(arrival);
        }
        let event = self.open.next(&self.planner.pages, &mut self.random)?;
        if event.at_seconds >= self.end_seconds {
            return None;
        }
        if event.step.wait_seconds.is_none() {
            self.gone.put(event.person, event.at_seconds, &mut self.random);
        }
        Some(record(&event))
    }
}

impl Arrivals {
    fn advance(&mut self, random: &mut Random) {
        self.next_seconds = (self.begun < self.count).then(|| {
            // One in each of as many equal parts of the hour: by chance, and in order.
            let part = HOUR_SECONDS as f64 / f64::from(self.count);
            let within = f64::from(self.begun) + f64::from(random.below(1000)) / 1000.0;
            self.hour_starts_seconds + (within * part) as u32
        });
        self.begun += 1;
    }
}

impl Gone {
    fn put(&mut self, person: Person, at_seconds: u32, random: &mut Random) {
        if self.people.len() < self.capacity {
            self.people.push((person, at_seconds));
        } else {
            let forgotten = random.below(self.people.len() as u32) as usize;
            self.people[forgotten] = (person, at_seconds);
        }
    }

    /// Somebody who has been away for a while, if the first that comes to mind has.
    fn take(&mut self, at_seconds: u32, random: &mut Random) -> Option<Person> {
        if self.people.is_empty() {
            return None;
        }
        let index = random.below(self.people.len() as u32) as usize;
        let (_, seen_seconds) = self.people[index];
        (at_seconds >= seen_seconds + AWAY_SECONDS).then(|| self.people.swap_remove(index).0)
    }
}

/// Events that are to be planned by the end of each hour, so that `events` are by the middle of the last day.
fn targets(events: u64, first_day: u32, planner: &mut Planner) -> Vec<f64> {
    let mut sum = 0.0;
    let mut targets: Vec<_> = (0..(DAYS + 1) * 24)
        .map(|index| {
            let hour = Hour::new(first_day, index);
            planner.set_hour(hour);
            sum += planner.busyness(hour);
            sum
        })
        .collect();
    let whole = targets[(DAYS * 24 + MIDDLE_OF_TRAFFIC_HOUR) as usize - 1];
    targets.iter_mut().for_each(|target| *target *= events as f64 / whole);
    targets
}

fn record(event: &Event) -> EventRecord {
    let Event { at_seconds, person, source, step } = event;
    let platform = &PLATFORMS[usize::from(person.platform)];
    let mut record = EventRecord {
        timestamp: Timestamp::from_second(i64::from(*at_seconds)).unwrap_or_default(),
        visitor: key(person.key),
        name: String::new(),
        hostname: step.page.hostname().to_owned(),
        pathname: step.page.path().to_owned(),
        referrer: String::new(),
        source: String::new(),
        channel: String::new(),
        utm_source: String::new(),
        utm_medium: String::new(),
        utm_campaign: String::new(),
        utm_content: String::new(),
        utm_term: String::new(),
        click_id: String::new(),
        country: COUNTRIES[usize::from(person.country)].code.to_owned(),
        language: person.language.to_owned(),
        browser: platform.browser.to_owned(),
        browser_version: platform.browser_version.to_owned(),
        os: platform.os.to_owned(),
        os_version: platform.os_version.to_owned(),
        device: platform.device.to_owned(),
        props: Vec::new(),
        revenue: None,
        interactive: true,
        engagement_time: 0,
        scroll_depth: SCROLL_DEPTH_MISSING,
    };
    match step.happening {
        Happening::Pageview => record.name.push_str(PAGEVIEW),
        Happening::Act(act) => {
            record.name.push_str(act.name());
            record.props = act.props();
            record.revenue = act.revenue().map(|amount| RevenueRecord { amount, currency: "EUR".to_owned() });
        }
        Happening::Engagement { time_ms, scroll_depth } => {
            record.name.push_str(ENGAGEMENT);
            record.engagement_time = time_ms;
            record.scroll_depth = scroll_depth;
        }
    }
    // A visit takes its source from its first event; later pages come from the site itself.
    if step.previous.is_none() {
        let source = &SOURCES[usize::from(*source)];
        record.source.push_str(source.name);
        record.referrer.push_str(source.referrer);
        record.utm_source.push_str(source.link.source);
        record.utm_medium.push_str(source.link.medium);
        record.utm_campaign.push_str(source.link.campaign);
        record.utm_content.push_str(source.link.content);
        record.utm_term.push_str(source.link.term);
        record.click_id.push_str(source.link.click_id);
    }
    record
}

/// An opaque key for the n-th person.
fn key(number: u64) -> String {
    mix(number)
        .to_le_bytes()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests;
