use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::DateRange;

const NOW: &str = "2026-06-17T10:00:00Z";

fn compared(range: DateRange, comparison: Value) -> [String; 2] {
    let now: Timestamp = NOW.parse().unwrap();
    let range = range.resolve(now, &TimeZone::get("Europe/Berlin").unwrap(), None).unwrap();
    Comparison::parse(&comparison).unwrap().range(&range, now).unwrap().echo()
}

fn days(first: &str, last: &str) -> DateRange {
    DateRange::between(first, last).unwrap()
}

#[test]
fn compares_with_as_many_days_right_before() {
    let comparison = json!({ "mode": "previous_period" });
    let week = compared(DateRange::LastDays(7), comparison.clone());
    assert_eq!(week, ["2026-06-03T00:00:00+02:00", "2026-06-09T23:59:59+02:00"]);
    // The month is at its 17th day.
    let month = compared(DateRange::Month, comparison.clone());
    assert_eq!(month, ["2026-05-15T00:00:00+02:00", "2026-05-31T23:59:59+02:00"]);
    let hours = compared(DateRange::Last24Hours, comparison);
    assert_eq!(hours, ["2026-06-15T11:59:59+02:00", "2026-06-16T11:59:59+02:00"]);
}

#[test]
fn compares_with_the_same_dates_a_year_earlier() {
    let comparison = json!({ "mode": "year_over_year" });
    let days = compared(days("2024-02-29", "2024-03-02"), comparison.clone());
    assert_eq!(days, ["2023-02-28T00:00:00+01:00", "2023-03-02T23:59:59+01:00"]);
    // Summer time began on another day.
    let hours = compared(
        DateRange::between("2026-03-29T12:00:00+02:00", "2026-03-29T12:59:59+02:00").unwrap(),
        comparison,
    );
    assert_eq!(hours, ["2025-03-29T12:00:00+01:00", "2025-03-29T12:59:59+01:00"]);
}

#[test]
fn begins_on_the_same_day_of_the_week_where_asked() {
    let year = compared(
        days("2026-06-08", "2026-06-14"),
        json!({ "mode": "year_over_year", "match_day_of_week": true }),
    );
    assert_eq!(year, ["2025-06-09T00:00:00+02:00", "2025-06-15T23:59:59+02:00"]);
    // Three days before a Monday are a Friday; the Monday next to it is the one compared.
    let previous = compared(
        days("2026-06-08", "2026-06-10"),
        json!({ "mode": "previous_period", "match_day_of_week": true }),
    );
    assert_eq!(previous, ["2026-06-01T00:00:00+02:00", "2026-06-03T23:59:59+02:00"]);
}

#[test]
fn compares_with_any_dates() {
    let comparison =
        json!({ "mode": "custom", "date_range": ["2026-01-01", "2026-01-31"], "match_day_of_week": false });
    let days = compared(DateRange::LastDays(7), comparison);
    assert_eq!(days, ["2026-01-01T00:00:00+01:00", "2026-01-31T23:59:59+01:00"]);
}

#[test]
fn names_the_path_of_what_is_wrong() {
    for (comparison, message) in [
        (json!(true), "#/include/comparisons: expected an object"),
        (
            json!({ "mode": "last" }),
            "#/include/comparisons/mode: expected previous_period, year_over_year or custom",
        ),
        (json!({ "mode": "custom" }), "#/include/comparisons/date_range: is missing"),
        (
            json!({ "mode": "custom", "date_range": ["2026-02-02", "2026-02-01"] }),
            r##"#/include/comparisons/date_range: invalid range ["2026-02-02","2026-02-01"], expected two dates"##,
        ),
        (
            json!({ "mode": "year_over_year", "match_day_of_week": 1 }),
            "#/include/comparisons/match_day_of_week: 1 is not true or false",
        ),
        (
            json!({ "mode": "year_over_year", "days": 1 }),
            "#/include/comparisons/days: unknown key, expected one of mode, date_range, match_day_of_week",
        ),
    ] {
        assert_eq!(Comparison::parse(&comparison).unwrap_err().to_string(), message);
    }
}

#[test]
fn changes_are_whole_percent_and_those_of_rates_are_points() {
    let of = |metric, now, before| change(metric, now, before);
    assert_eq!(of(Metric::Visitors, Some(150.0), Some(100.0)), Some(json!(50)));
    assert_eq!(of(Metric::Visitors, Some(1.0), Some(3.0)), Some(json!(-67)));
    assert_eq!(of(Metric::Visitors, Some(3.0), Some(0.0)), Some(json!(100)));
    assert_eq!(of(Metric::Visitors, Some(0.0), Some(0.0)), Some(json!(0)));
    assert_eq!(of(Metric::BounceRate, Some(40.0), Some(50.0)), Some(json!(-10)));
    assert_eq!(of(Metric::ExitRate, Some(40.3), Some(40.1)), Some(json!(0.2)));
    assert_eq!(of(Metric::ScrollDepth, Some(40.0), None), None);
}
