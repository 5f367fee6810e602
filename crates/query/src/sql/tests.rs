use std::fmt::Write;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::{Request, Site};

/// The statement of a question of 2026-06-15, with its parameters under it.
fn rendered(changes: Value) -> String {
    let mut body = json!({ "site_id": "example.org", "date_range": ["2026-06-01", "2026-06-07"] });
    for (key, value) in changes.as_object().unwrap() {
        body.as_object_mut().unwrap().insert(key.clone(), value.clone());
    }
    let site =
        Site { id: 7, domain: "example.org".into(), time_zone: TimeZone::get("Europe/Berlin").unwrap() };
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    let request = Request::parse(&body).unwrap();
    let statement = report(&Report::resolve(&request, &site, now, None).unwrap());
    let mut text = format!("{}\n", statement.sql());
    for (name, value) in statement.params() {
        let shown = match value {
            Param::Strings(values) if values.len() > 10 => format!("{} strings", values.len()),
            value => format!("{value:?}"),
        };
        writeln!(text, "-- {name} = {shown}").unwrap();
    }
    text
}

#[test]
fn renders_headline_numbers_in_one_scan() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration", "events"],
    })));
}

#[test]
fn renders_sources_in_one_scan() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors", "bounce_rate"],
        "dimensions": ["visit:source"],
        "filters": [["contains", "visit:os", ["Lin"]]],
        "include": { "total_rows": true },
        "pagination": { "limit": 9, "offset": 18 },
    })));
}

#[test]
fn renders_time_series_with_visits_by_their_start() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors", "visits"],
        "dimensions": ["time:day"],
    })));
}

#[test]
fn renders_pages_with_the_visits_that_entered_there() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors", "visits", "bounce_rate"],
        "dimensions": ["event:page"],
    })));
}

#[test]
fn renders_page_filter_as_a_semi_join_on_visits() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors", "bounce_rate", "visit_duration"],
        "filters": [["is", "event:page", ["/", "/about"]], ["is_not", "visit:country", ["(not set)"]]],
    })));
}

#[test]
fn renders_exit_pages_with_a_host_filter_on_the_entry_host() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visits", "visitors"],
        "dimensions": ["visit:exit_page"],
        "filters": [["is", "event:hostname", ["example.org"]]],
    })));
}

#[test]
fn renders_countries_by_name() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["visitors"],
        "dimensions": ["visit:country_name", "visit:city"],
        "order_by": [["visit:country_name", "asc"]],
    })));
}

#[test]
fn renders_nested_filters_in_every_operator() {
    insta::assert_snapshot!(rendered(json!({
        "metrics": ["pageviews", "visits"],
        "filters": [
            ["or", [
                ["and", [["contains_not", "visit:referrer", ["x"]], ["is", "visit:browser", ["FIREFOX"], { "case_sensitive": false }]]],
                ["not", ["contains", "event:page", ["/Blog"], { "case_sensitive": false }]],
            ]],
            ["matches", "event:page", ["^/a", "b$"]],
            ["matches_not", "visit:entry_page", ["^/c"], { "case_sensitive": false }],
            ["is", "visit:source", ["Direct / None", "Google"]],
        ],
    })));
}

#[test]
fn user_text_stands_only_in_parameters() {
    let text = rendered(json!({
        "metrics": ["visitors"],
        "filters": [["is", "event:page", ["'; DROP TABLE events --"]]],
    }));
    let sql: Vec<_> = text.lines().filter(|line| !line.starts_with("-- text_")).collect();
    assert!(text.contains("DROP TABLE") && !sql.join("\n").contains("DROP TABLE"), "{text}");
}
