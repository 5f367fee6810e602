use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{Request, Site};

fn report(range: [&str; 2]) -> Report {
    let body = json!({ "site_id": "a", "metrics": ["visitors"], "date_range": range });
    let site = Site::new(1, "a", TimeZone::get("Europe/Berlin").unwrap());
    let now: Timestamp = "2026-04-10T12:00:00Z".parse().unwrap();
    Report::resolve(&Request::parse(&body).unwrap(), &site, now, None).unwrap()
}

#[test]
fn reads_the_rest_of_a_range_from_the_events() {
    let report = report(["2026-03-27T12:00:00+01:00", "2026-03-31T23:59:59+02:00"]);
    let days = report.range.whole_days();
    // The 29th is an hour shorter.
    assert_eq!(days.iter().map(|day| (day.ends - day.starts) / 3_600).collect::<Vec<_>>(), [24, 23, 24, 24]);
    let runs = longest_runs(vec![days[0], days[1], days[3]]);
    assert_eq!(runs, [vec![days[0], days[1]], vec![days[3]]]);
    let noon = days[0].starts - 12 * 3_600;
    assert_eq!(rest(&report, &runs), [(noon, days[0].starts), (days[2].starts, days[2].ends)]);
    assert_eq!(rest(&report, &longest_runs(days.clone())), [(noon, days[0].starts)]);
}

#[test]
fn keeps_the_longest_runs_where_there_are_too_many() {
    let days = report(["2026-03-01", "2026-03-28"]).range.whole_days();
    let odd = days.iter().enumerate().filter(|(index, _)| index % 2 == 0 || *index > 20);
    let runs = longest_runs(odd.map(|(_, day)| *day).collect());
    assert_eq!(runs.len(), STRETCHES_MAX - 1);
    assert_eq!(runs.last().map(Vec::len), Some(8));
}

#[test]
fn does_not_tell_days_apart_whose_midnight_is_within_a_slot() {
    let zone = TimeZone::get("Africa/Monrovia").unwrap();
    let day = |date: &str| Day::of(date.parse().unwrap(), &zone).unwrap();
    assert!(!is_told_apart(&day("1971-06-01")));
    assert!(is_told_apart(&day("2026-06-01")));
}
