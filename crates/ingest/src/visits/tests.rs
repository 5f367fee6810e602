use super::*;
use proptest::prelude::*;

const START: u32 = 1_795_000_000;

fn event(name: &str, seconds: u32, pathname: &str) -> Event {
    Event {
        site_id: 1,
        visitor_id: 7,
        timestamp: START + seconds,
        name: name.into(),
        hostname: "a.example".into(),
        pathname: pathname.into(),
        interactive: true,
        ..Event::default()
    }
}

/// (visit by first appearance, sequence, visits, bounces, duration) of each event; `None` where it was dropped.
type Shown = Option<(usize, u32, u8, i8, u32)>;

fn assign(visits: &mut Visits, events: &[Event]) -> Vec<Shown> {
    let mut ids = Vec::new();
    let batch_id = 0xfeed;
    events
        .iter()
        .zip(0u32..)
        .map(|(event, index)| {
            let assigned = visits.assign(event, Position { batch_id, index })?;
            let row = assigned.row(0);
            let visit = ids.iter().position(|id| *id == row.visit.id).unwrap_or_else(|| {
                ids.push(row.visit.id);
                ids.len() - 1
            });
            Some((visit, row.visit.sequence, row.visit.visits, row.visit.bounces, row.visit.duration_seconds))
        })
        .collect()
}

#[test]
fn a_second_pageview_ends_the_bounce_and_adds_its_seconds() {
    let events = [event(PAGEVIEW, 0, "/"), event(PAGEVIEW, 40, "/a"), event(PAGEVIEW, 50, "/b")];
    let shown = assign(&mut Visits::default(), &events);
    assert_eq!(shown, [Some((0, 1, 1, 1, 0)), Some((0, 2, 0, -1, 40)), Some((0, 3, 0, 0, 10))]);
}

#[test]
fn thirty_minutes_keep_a_visit_and_a_second_more_ends_it() {
    let events = [event(PAGEVIEW, 0, "/"), event(PAGEVIEW, 1800, "/"), event(PAGEVIEW, 3601, "/")];
    let shown = assign(&mut Visits::default(), &events);
    assert_eq!(shown, [Some((0, 1, 1, 1, 0)), Some((0, 2, 0, -1, 1800)), Some((1, 1, 1, 1, 0))]);
}

#[test]
fn engagement_keeps_a_visit_alive_and_opens_none() {
    let events = [
        event(ENGAGEMENT, 0, "/"),
        event(PAGEVIEW, 10, "/"),
        event(ENGAGEMENT, 1700, "/"),
        event(PAGEVIEW, 3400, "/a"),
    ];
    let shown = assign(&mut Visits::default(), &events);
    assert_eq!(shown, [None, Some((0, 1, 1, 1, 0)), Some((0, 2, 0, 0, 0)), Some((0, 3, 0, -1, 3390))]);
}

#[test]
fn an_event_that_is_not_interactive_leaves_the_bounce_alone() {
    let quiet = Event { interactive: false, ..event("scrolled", 5, "/") };
    let loud = event("bought", 9, "/");
    let shown = assign(&mut Visits::default(), &[event(PAGEVIEW, 0, "/"), quiet, loud]);
    assert_eq!(shown, [Some((0, 1, 1, 1, 0)), Some((0, 2, 0, 0, 5)), Some((0, 3, 0, -1, 4))]);
}

#[test]
fn entry_and_previous_page_follow_pageviews_only() {
    let mut visits = Visits::default();
    let events = [
        event("signup", 0, "/form"),
        event(PAGEVIEW, 1, "/in"),
        event("click", 2, "/x"),
        event(PAGEVIEW, 3, "/out"),
    ];
    let seen: Vec<(String, String)> = events
        .iter()
        .zip(0u32..)
        .filter_map(|(event, index)| visits.assign(event, Position { batch_id: 1, index }))
        .map(|assigned| {
            let row = assigned.row(0);
            (row.visit.entry_pathname.to_owned(), row.visit.previous_pathname.to_owned())
        })
        .collect();
    let expected = [("", ""), ("/in", ""), ("/in", ""), ("/in", "/in")];
    assert_eq!(seen, expected.map(|(entry, previous)| (entry.to_owned(), previous.to_owned())));
}

#[test]
fn a_visit_that_is_open_at_midnight_goes_on_under_the_new_pseudonym() {
    let mut visits = Visits::default();
    let before = event(PAGEVIEW, 0, "/");
    let after = Event { visitor_id: 8, previous_visitor_id: Some(7), ..event(PAGEVIEW, 60, "/a") };
    let later = Event { visitor_id: 8, ..event(PAGEVIEW, 120, "/b") };
    let shown = assign(&mut visits, &[before, after, later]);
    assert_eq!(shown, [Some((0, 1, 1, 1, 0)), Some((0, 2, 0, -1, 60)), Some((0, 3, 0, 0, 60))]);
}

#[test]
fn attributes_are_those_of_the_first_event() {
    let mut visits = Visits::default();
    let first =
        Event { origin: Origin { source: "Google".into(), ..Origin::default() }, ..event(PAGEVIEW, 0, "/") };
    let second =
        Event { origin: Origin { source: "Bing".into(), ..Origin::default() }, ..event(PAGEVIEW, 9, "/") };
    visits.assign(&first, Position { batch_id: 1, index: 0 }).expect("opened");
    let assigned = visits.assign(&second, Position { batch_id: 1, index: 1 }).expect("goes on");
    assert_eq!(assigned.row(0).origin.source, "Google");
}

#[test]
fn forgets_visits_that_are_over() {
    let mut visits = Visits::default();
    visits.assign(&event(PAGEVIEW, 0, "/"), Position { batch_id: 1, index: 0 }).expect("opened");
    let other = Event { visitor_id: 9, ..event(PAGEVIEW, 1801, "/") };
    visits.assign(&other, Position { batch_id: 1, index: 1 }).expect("opened");
    assert_eq!(visits.len(), 1);
}

fn streams() -> impl Strategy<Value = Vec<Event>> {
    let one = (0u64..3, 0u32..2000, 0usize..4, any::<bool>(), 0usize..3);
    proptest::collection::vec(one, 1..60).prop_map(|steps| {
        let mut now = 0;
        steps
            .into_iter()
            .map(|(visitor, gap, name, interactive, page)| {
                now += gap;
                let name = [PAGEVIEW, PAGEVIEW, ENGAGEMENT, "custom"][name];
                Event { visitor_id: visitor, interactive, ..event(name, now, ["/", "/a", "/b"][page]) }
            })
            .collect()
    })
}

proptest! {
    /// Sums of the additive facts against a naive replay that keeps each visit's events.
    #[test]
    fn facts_add_up_to_what_a_replay_finds(events in streams()) {
        let mut visits = Visits::default();
        let mut summed: HashMap<u64, (i64, i64, i64)> = HashMap::new();
        let mut replayed: Vec<(u64, Vec<&Event>)> = Vec::new();
        for (event, index) in events.iter().zip(0u32..) {
            let assigned = visits.assign(event, Position { batch_id: 5, index });
            let open = replayed.iter_mut().rev().find(|(visitor, seen)| {
                *visitor == event.visitor_id
                    && event.timestamp - seen.last().expect("never empty").timestamp <= VISIT_GAP_SECONDS
            });
            match open {
                Some((_, seen)) => seen.push(event),
                None if event.name == ENGAGEMENT => {
                    prop_assert!(assigned.is_none());
                    continue;
                }
                None => replayed.push((event.visitor_id, vec![event])),
            }
            let assigned = assigned.expect("the replay has it");
            let facts = assigned.row(0).visit;
            let sums = summed.entry(facts.id).or_default();
            sums.0 += i64::from(facts.visits);
            sums.1 += i64::from(facts.bounces);
            sums.2 += i64::from(facts.duration_seconds);
        }
        let mut expected: Vec<(i64, i64, i64)> = replayed.iter().map(|(_, seen)| {
            let events: Vec<_> = seen.iter().filter(|event| event.name != ENGAGEMENT).collect();
            let interactive = events.iter().filter(|event| event.name == PAGEVIEW || event.interactive).count();
            let duration = events.last().expect("opened by one").timestamp - events[0].timestamp;
            (1, i64::from(interactive == 1), i64::from(duration))
        }).collect();
        let mut found: Vec<_> = summed.into_values().collect();
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_visit_keeps_each_attribute_of_its_first_event_in_its_own_place() {
    let mut first = event(PAGEVIEW, 100, "/grün");
    first.hostname = "müller.example".into();
    first.origin = serde_json::from_value(serde_json::json!({
        "referrer": "1", "source": "22", "channel": "", "utm_source": "é", "utm_medium": "5", "utm_campaign": "66",
        "utm_content": "7", "utm_term": "88", "click_id": "9", "country": "DE", "language": "fr", "device": "12",
        "browser": "13", "browser_version": "14", "os": "15", "os_version": "16",
    }))
    .unwrap();
    let second = event(PAGEVIEW, 110, "/2");
    let mut visits = Visits::default();
    visits.assign(&first, Position { batch_id: 1, index: 0 }).unwrap();
    let assigned = visits.assign(&second, Position { batch_id: 1, index: 1 }).unwrap();
    let row = assigned.row(0);
    let expected = passant_store::Origin {
        referrer: "1",
        source: "22",
        channel: "",
        utm_source: "é",
        utm_medium: "5",
        utm_campaign: "66",
        utm_content: "7",
        utm_term: "88",
        click_id: "9",
        country: "DE",
        language: "fr",
        device: "12",
        browser: "13",
        browser_version: "14",
        os: "15",
        os_version: "16",
    };
    assert_eq!(row.origin, expected);
    assert_eq!((row.visit.entry_hostname, row.visit.entry_pathname), ("müller.example", "/grün"));
}
