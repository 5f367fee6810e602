use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::Site;

fn row(dimensions: &[&str], metrics: &[Option<f64>]) -> ReportRow {
    let dimensions = dimensions.iter().map(|&dimension| dimension.to_owned()).collect();
    ReportRow::plain(dimensions, metrics.to_vec())
}

fn rendered(body: Value, rows: &[ReportRow]) -> Value {
    let site = Site::new(7, "example.org", TimeZone::get("Europe/Berlin").unwrap());
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    let request = Request::parse(&body).unwrap();
    let report = Report::resolve(&request, &site, now, None).unwrap();
    let (rows, total_rows) = (rows.to_vec(), 42);
    Answer { request: &request, report: &report, rows, total_rows, compared: None }.json()
}

#[test]
fn answers_in_the_shape_of_the_stats_api() {
    let body = json!({
        "site_id": "example.org",
        "date_range": "7d",
        "metrics": ["visitors", "views_per_visit", "bounce_rate"],
        "dimensions": ["visit:source"],
        "filters": [["is_not", "visit:country", [""]]],
        "include": { "total_rows": true, "imports": true },
        "pagination": { "limit": 2 },
    });
    let rows = [
        row(&["Direct / None"], &[Some(120.0), Some(2.0), Some(33.0)]),
        row(&["Google"], &[Some(7.0), Some(1.25), None]),
    ];
    let text = serde_json::to_string_pretty(&rendered(body, &rows)).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn labels_time_and_lists_empty_buckets() {
    let body = json!({
        "site_id": "example.org",
        "date_range": ["2026-10-25", "2026-10-25"],
        "metrics": ["visitors"],
        "dimensions": ["time"],
        "include": { "time_labels": true },
    });
    // Both hours that the clock calls two.
    let rows = [row(&["1792886400"], &[Some(1.0)]), row(&["1792890000"], &[Some(3.0)])];
    let text = serde_json::to_string_pretty(&rendered(body, &rows)).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_folded_row_is_called_so_and_what_may_be_folded_is_compared_with_nothing() {
    let body = json!({
        "site_id": "example.org",
        "date_range": ["2026-06-10", "2026-06-11"],
        "metrics": ["visitors"],
        "dimensions": ["visit:source"],
        "filters": [["is", "visit:country", ["FR"]]],
        "include": { "comparisons": { "mode": "previous_period" } },
    });
    let site = Site::new(7, "example.org", TimeZone::get("Europe/Berlin").unwrap());
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    let request = Request::parse(&body).unwrap();
    let report = Report::resolve(&request, &site, now, None).unwrap();
    let before = report.compared(&request.include.comparisons.unwrap(), now).unwrap();
    let shown = |label: &str, visitors: f64| ReportRow { folds: 1, ..row(&[label], &[Some(visitors)]) };
    let folded = |visitors: f64| ReportRow { is_folded: 1, ..shown("(not set)", visitors) };
    let rows = vec![shown("Google", 20.0), shown("Bing", 9.0), folded(7.0)];
    let compared = Some((before, vec![shown("Google", 10.0), folded(8.0)]));
    let answer = Answer { request: &request, report: &report, rows, total_rows: 3, compared };
    assert_eq!(answer.csv(), "visit:source,visitors\r\nGoogle,20\r\nBing,9\r\n(fewer than 5),7\r\n");
    let answer = answer.json();
    let compared = |label: &str, visitors: Value, change: Value| json!({ "metrics": [visitors], "dimensions": [label], "change": [change] });
    let nothing = json!({ "metrics": null, "dimensions": null, "change": [null] });
    for (index, label, visitors, comparison) in [
        (0, "Google", 20, compared("Google", json!(10), json!(100))),
        (1, "Bing", 9, compared("Bing", Value::Null, Value::Null)),
        (2, "(fewer than 5)", 7, nothing),
    ] {
        let expected = json!({ "metrics": [visitors], "dimensions": [label], "comparison": comparison });
        assert_eq!(answer["results"][index], expected);
    }
    let floor = json!({
        "visitors": 5, "reason": "filtered", "rows_folded": true, "numbers_withheld": false,
    });
    assert_eq!(answer["meta"]["privacy_floor"], floor);
}
