use super::*;

fn params(query: &[(&str, &str)]) -> Params {
    let text = |key: &str| query.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
    let number = |key: &str| text(key).map(|text| text.parse().unwrap());
    Params {
        site_id: Some("example.org".into()),
        period: text("period"),
        date: text("date"),
        metrics: text("metrics"),
        filters: text("filters"),
        compare: text("compare"),
        property: text("property"),
        interval: text("interval"),
        limit: number("limit"),
        page: number("page"),
    }
}

#[test]
fn asks_the_same_question_of_v2() {
    let aggregate = params(&[("metrics", "visitors, bounce_rate"), ("compare", "previous_period")]);
    assert_eq!(
        aggregate.body(Kind::Aggregate).unwrap(),
        json!({
            "site_id": "example.org",
            "date_range": "30d",
            "metrics": ["visitors", "bounce_rate"],
            "filters": [],
            "include": { "comparisons": { "mode": "previous_period" } },
        })
    );
    let series = params(&[("period", "6mo"), ("filters", "visit:os==Linux")]).body(Kind::Timeseries).unwrap();
    assert_eq!(series["dimensions"], json!(["time:month"]));
    assert_eq!(series["filters"], json!([["is", "visit:os", ["Linux"]]]));
    let breakdown = params(&[("property", "visit:source"), ("limit", "20"), ("page", "3")]);
    let breakdown = breakdown.body(Kind::Breakdown).unwrap();
    assert_eq!(breakdown["pagination"], json!({ "limit": 20, "offset": 40 }));
}

#[test]
fn periods_end_with_or_before_the_date() {
    for (period, date, range) in [
        ("day", "2026-06-15", json!(["2026-06-15", "2026-06-15"])),
        ("7d", "2026-06-15", json!(["2026-06-08", "2026-06-14"])),
        ("month", "2026-02-15", json!(["2026-02-01", "2026-02-28"])),
        ("6mo", "2026-06-15", json!(["2025-12-01", "2026-05-31"])),
        ("year", "2026-06-15", json!(["2026-01-01", "2026-12-31"])),
        ("custom", "2026-06-01,2026-06-03", json!(["2026-06-01", "2026-06-03"])),
    ] {
        let body = params(&[("period", period), ("date", date)]).body(Kind::Aggregate).unwrap();
        assert_eq!(body["date_range"], range, "{period}");
    }
}

#[test]
fn names_the_parameter_that_is_wrong() {
    for (query, kind, path) in [
        (&[("compare", "last")][..], Kind::Aggregate, "#/compare: "),
        (&[("period", "custom")], Kind::Aggregate, "#/date: is missing"),
        (&[("period", "day"), ("date", "today")], Kind::Aggregate, "#/date: invalid date"),
        (&[("period", "all"), ("date", "2026-01-01")], Kind::Aggregate, "#/period: "),
        (&[("interval", "minute")], Kind::Timeseries, "#/interval: "),
        (&[], Kind::Breakdown, "#/property: is missing"),
        (&[("property", "visit:os"), ("limit", "1001")], Kind::Breakdown, "#/limit: "),
        (&[("property", "visit:os"), ("page", "0")], Kind::Breakdown, "#/page: "),
    ] {
        let refusal = params(query).body(kind).unwrap_err().to_string();
        assert!(refusal.starts_with(path), "{refusal}");
    }
}

#[test]
fn answers_in_the_shape_of_v1() {
    let answer = json!({
        "results": [{ "metrics": [7, 40], "dimensions": [], "comparison": { "change": [-10, null] } }],
        "query": { "metrics": ["visitors", "bounce_rate"] },
    });
    assert_eq!(
        params(&[]).reshaped(Kind::Aggregate, &answer),
        json!({ "results": {
            "visitors": { "value": 7, "change": -10 },
            "bounce_rate": { "value": 40, "change": null },
        } })
    );
    let answer = json!({
        "results": [
            { "metrics": [1, 5], "dimensions": ["02:00"] },
            { "metrics": [2, 6], "dimensions": ["02:00"] },
        ],
        "meta": { "time_labels": ["01:00", "02:00", "02:00", "03:00"] },
        "query": { "metrics": ["visitors", "scroll_depth"] },
    });
    assert_eq!(
        params(&[]).reshaped(Kind::Timeseries, &answer),
        json!({ "results": [
            { "date": "01:00", "visitors": 0, "scroll_depth": null },
            { "date": "02:00", "visitors": 1, "scroll_depth": 5 },
            { "date": "02:00", "visitors": 2, "scroll_depth": 6 },
            { "date": "03:00", "visitors": 0, "scroll_depth": null },
        ] })
    );
    let answer = json!({
        "results": [{ "metrics": [3], "dimensions": ["pro"] }],
        "query": { "metrics": ["visitors"] },
    });
    let breakdown = params(&[("property", "event:props:plan")]).reshaped(Kind::Breakdown, &answer);
    assert_eq!(breakdown, json!({ "results": [{ "plan": "pro", "visitors": 3 }] }));
}

#[test]
fn a_bucket_that_may_be_folded_is_no_zero() {
    let answer = json!({
        "results": [
            { "metrics": [9], "dimensions": ["01:00"] },
            { "metrics": [6], "dimensions": ["(fewer than 5)"] },
        ],
        "meta": { "time_labels": ["01:00", "02:00"], "privacy_floor": { "rows_folded": true } },
        "query": { "metrics": ["visitors"] },
    });
    assert_eq!(
        params(&[]).reshaped(Kind::Timeseries, &answer),
        json!({ "results": [{ "date": "01:00", "visitors": 9 }, { "date": "02:00", "visitors": null }] })
    );
}
