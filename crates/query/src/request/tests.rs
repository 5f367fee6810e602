use serde_json::json;

use super::*;

fn body(changes: Value) -> Value {
    let mut body = json!({ "site_id": "example.org", "date_range": "7d", "metrics": ["visitors"] });
    for (key, value) in changes.as_object().unwrap() {
        body.as_object_mut().unwrap().insert(key.clone(), value.clone());
    }
    body
}

#[test]
fn fills_in_what_was_not_asked() {
    let request = Request::parse(&body(json!({}))).unwrap();
    let expected = Request {
        site_id: "example.org".into(),
        date_range: DateRange::LastDays(7),
        metrics: vec![Metric::Visitors],
        dimensions: Vec::new(),
        filters: Vec::new(),
        filters_echo: json!([]),
        order_by: None,
        include: Include::default(),
        limit: 10_000,
        offset: 0,
    };
    assert_eq!(request, expected);
}

#[test]
fn reads_everything_that_can_be_asked() {
    let request = Request::parse(&body(json!({
        "date_range": ["2026-01-01", "2026-01-31"],
        "metrics": ["visitors", "bounce_rate"],
        "dimensions": ["visit:source", "time"],
        "filters": [["is", "visit:country", ["FR"]]],
        "order_by": [["bounce_rate", "asc"], ["time", "desc"]],
        "include": { "time_labels": true, "total_rows": true, "imports": false },
        "pagination": { "limit": 5, "offset": 10 },
    })))
    .unwrap();
    assert_eq!(request.dimensions, [Dimension::Source, Dimension::Time]);
    assert_eq!(request.filters.len(), 1);
    let by_bounce_rate = Order { by: OrderBy::Metric(Metric::BounceRate), direction: Direction::Ascending };
    let by_time = Order { by: OrderBy::Dimension(Dimension::Time), direction: Direction::Descending };
    assert_eq!(request.order_by.unwrap(), [by_bounce_rate, by_time]);
    assert_eq!(
        request.include,
        Include { time_labels: true, total_rows: true, imports: false, comparisons: None }
    );
    assert_eq!((request.limit, request.offset), (5, 10));
}

#[test]
fn names_the_path_of_what_is_wrong() {
    let cases = [
        (json!([]), "#: expected an object"),
        (json!({}), "#/site_id: is missing"),
        (json!({ "site_id": 7 }), "#/site_id: expected the domain of a site"),
        (json!({ "site_id": "a" }), "#/date_range: is missing"),
        (json!({ "site_id": "a", "date_range": "7d" }), "#/metrics: is missing"),
        (body(json!({ "metric": [] })), "#/metric: unknown key, expected one of site_id, date_range"),
        (
            body(json!({ "date_range": "7days" })),
            r##"#/date_range: invalid range "7days", expected day, 24h, 7d"##,
        ),
        (body(json!({ "date_range": ["2026-01-01"] })), r##"#/date_range: invalid range ["2026-01-01"]"##),
        (body(json!({ "metrics": [] })), "#/metrics: expected a list of at least one metric"),
        (
            body(json!({ "metrics": ["visitors", "x"] })),
            r##"#/metrics/1: invalid metric "x", expected one of visitors, visits, pageviews, events"##,
        ),
        (body(json!({ "metrics": ["visits", "visits"] })), r##"#/metrics/1: metric "visits" stands twice"##),
        (
            body(json!({ "dimensions": ["visit:sorce"] })),
            r##"#/dimensions/0: invalid dimension "visit:sorce", expected one of event:name, event:goal"##,
        ),
        (body(json!({ "dimensions": "time" })), "#/dimensions: expected a list of dimensions"),
        (
            body(json!({ "dimensions": ["time:day", "visit:os", "time"] })),
            "#/dimensions/2: a second time dimension, expected one",
        ),
        (body(json!({ "filters": [["is", "event:page"]] })), "#/filters/0: expected [operator, dimension"),
        (
            body(json!({ "order_by": [["visits", "asc"]] })),
            r##"#/order_by/0/0: "visits" is none of the queried"##,
        ),
        (
            body(json!({ "order_by": [["visitors", "up"]] })),
            r##"#/order_by/0/1: invalid direction "up", expected "asc" or "desc""##,
        ),
        (body(json!({ "order_by": ["visitors"] })), "#/order_by/0: expected [metric or dimension"),
        (
            body(json!({ "include": { "totals": true } })),
            "#/include/totals: unknown key, expected one of imports",
        ),
        (body(json!({ "include": { "total_rows": 1 } })), "#/include/total_rows: 1 is not true or false"),
        (
            body(json!({ "include": { "time_labels": true } })),
            "#/include/time_labels: needs a time dimension among the dimensions",
        ),
        (
            body(json!({ "pagination": { "limit": 10_001 } })),
            "#/pagination/limit: 10001 is not a whole number from 1 to 10000",
        ),
        (
            body(json!({ "pagination": { "offset": -1 } })),
            "#/pagination/offset: -1 is not a whole number from 0",
        ),
        (
            body(json!({ "include": { "comparisons": { "mode": "last" } } })),
            "#/include/comparisons/mode: expected previous_period",
        ),
    ];
    for (body, start) in cases {
        let message = Request::parse(&body).unwrap_err().to_string();
        assert!(message.starts_with(start), "{body}: {message}");
    }
}
