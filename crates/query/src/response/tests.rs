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
