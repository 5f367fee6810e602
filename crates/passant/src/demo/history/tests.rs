use std::collections::{BTreeMap, HashMap};

use super::*;

const EVENTS: u64 = 200_000;

fn time(text: &str) -> Timestamp {
    text.parse().expect("time")
}

fn history() -> DemoHistory {
    DemoHistory::new(EVENTS, time("2026-11-23T17:40:00Z"))
}

#[test]
fn equal_dates_give_equal_records_and_a_later_end_only_adds() {
    let early: Vec<_> = DemoHistory::new(EVENTS, time("2026-11-23T02:00:00Z")).collect();
    let late: Vec<_> = history().collect();
    assert!(late.len() > early.len());
    assert_eq!(late[..early.len()], early);
    let other_day: Vec<_> = DemoHistory::new(EVENTS, time("2026-11-24T17:40:00Z")).take(1000).collect();
    assert_ne!(late[..1000], other_day);
}

#[test]
fn records_stand_in_order_of_time_within_their_days() {
    let (start, end) = (time("2026-08-25T00:00:00Z"), time("2026-11-23T17:40:00Z"));
    let mut last = start;
    for record in history() {
        assert!(record.timestamp >= last && record.timestamp < end, "{}", record.timestamp);
        last = record.timestamp;
    }
    assert!(end.as_second() - last.as_second() < 600, "{last}");
}

#[test]
fn the_number_of_events_is_met_at_any_time_of_the_last_day() {
    for (events, end) in [
        (20_000, "2026-11-23T00:00:01Z"),
        (EVENTS, "2026-11-23T12:00:00Z"),
        (EVENTS, "2026-11-26T23:59:59Z"),
        (EVENTS, "2026-11-22T00:00:00Z"),
    ] {
        let count = DemoHistory::new(events, time(end)).count() as f64;
        assert!((0.99..1.01).contains(&(count / events as f64)), "{count} of {events} by {end}");
    }
}

#[test]
fn each_record_is_one_that_an_import_takes() {
    for record in history() {
        let line = serde_json::to_vec(&record).expect("writes");
        assert_eq!(EventRecord::parse(&line).expect("valid"), record);
    }
}

#[derive(Default)]
struct Seen {
    last_seconds: i64,
    interactive: u32,
}

#[test]
fn shares_look_like_those_of_a_real_site() {
    let mut open: HashMap<String, Seen> = HashMap::new();
    let (mut visits, mut bounces, mut returns) = (0u32, 0u32, 0u32);
    let mut sources: BTreeMap<String, u32> = BTreeMap::new();
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for record in history() {
        *names.entry(record.name.clone()).or_default() += 1;
        let second = record.timestamp.as_second();
        let known = open.contains_key(&record.visitor);
        let seen = open.entry(record.visitor).or_default();
        if second - seen.last_seconds > 1800 {
            assert_eq!(record.name, PAGEVIEW, "a visit begins with a page");
            visits += 1;
            returns += u32::from(known);
            *sources.entry(record.source).or_default() += 1;
            seen.interactive = 0;
        }
        seen.last_seconds = second;
        if record.name != ENGAGEMENT {
            seen.interactive += 1;
            bounces += u32::from(seen.interactive == 1);
            bounces -= u32::from(seen.interactive == 2);
        }
    }
    let percent = |count: u32| f64::from(count) * 100.0 / f64::from(visits);
    println!("{visits} visits, {:.1} % bounce, {:.1} % return", percent(bounces), percent(returns));
    let mut shares: Vec<_> = sources.iter().map(|(source, count)| (percent(*count), source)).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{shares:.1?}\n{names:?}");
    assert!((35.0..55.0).contains(&percent(bounces)), "{}", percent(bounces));
    assert!((3.0..15.0).contains(&percent(returns)), "{}", percent(returns));
    assert!((30.0..40.0).contains(&percent(sources[""])), "{}", percent(sources[""]));
    assert!((25.0..35.0).contains(&percent(sources["Google"])), "{}", percent(sources["Google"]));
    assert!(sources.len() >= 18 && names["Purchase"] > 300, "{names:?}");
}

#[test]
fn one_day_stands_out() {
    let mut days = [0u32; DAYS as usize + 1];
    let start = time("2026-08-25T00:00:00Z").as_second();
    for record in history() {
        days[((record.timestamp.as_second() - start) / i64::from(DAY_SECONDS)) as usize] += 1;
    }
    println!("{days:?}");
    let greatest = (0..days.len()).max_by_key(|day| days[*day]).expect("days");
    assert_eq!(greatest, 61);
    assert!(days[61] > days[54] * 7 / 4);
}
