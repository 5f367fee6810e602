//! The views that other people's tools read: their numbers are those of the reports, and a narrow question of them
//! reads little.

use passant_query::Site;
use passant_store::{Row, Statement, Store};
use passant_tests::TestEngine;
use proptest::strategy::{Strategy, ValueTree};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask_about, rollups::built, runner, site, traffic, traffic::Traffic};

/// Sites with traffic of their own; visits over the site's midnight are in most.
const SITES: u32 = 8;

/// A question, and how an analyst asks the same of a view: a label and numbers for each row.
struct Pair<'a> {
    dimension: &'a str,
    metrics: &'a [&'a str],
    filter: Option<&'a str>,
    sql: &'a str,
}

const PAGEVIEWS: Option<&str> = Some(r#"["is", "event:name", ["pageview"]]"#);
const CUSTOM: Option<&str> = Some(r#"["is_not", "event:name", ["pageview", "engagement"]]"#);
const VISIT: &[&str] = &["visits", "bounce_rate", "visit_duration"];

#[rustfmt::skip]
const PAIRS: &[Pair<'_>] = &[
    Pair { dimension: "time:day", metrics: &["visitors", "pageviews"], filter: PAGEVIEWS,
        sql: "SELECT toString(toDate(timestamp, 'Europe/Berlin')) AS label, [uniqExact(visitor_id), count()] FROM pageviews" },
    Pair { dimension: "event:page", metrics: &["visitors", "pageviews"], filter: PAGEVIEWS,
        sql: "SELECT pathname AS label, [uniqExact(visitor_id), count()] FROM pageviews" },
    Pair { dimension: "visit:country", metrics: &["pageviews", "events"], filter: PAGEVIEWS,
        sql: "SELECT if(country = '', '(not set)', country) AS label, [count(), count()] FROM pageviews" },
    Pair { dimension: "event:name", metrics: &["visitors", "events"], filter: CUSTOM,
        sql: "SELECT name AS label, [uniqExact(visitor_id), count()] FROM custom_events" },
    Pair { dimension: "event:props:plan", metrics: &["events"], filter: CUSTOM,
        sql: "SELECT if(props['plan'] = '', '(none)', props['plan']) AS label, [count()] FROM custom_events" },
    Pair { dimension: "event:goal", metrics: &["events", "total_revenue"], filter: Some(r#"["is", "event:goal", ["Purchase"]]"#),
        sql: "SELECT name AS label, [count(), sumIf(revenue_amount, revenue_currency = 'EUR')] FROM custom_events WHERE name = 'Purchase'" },
    Pair { dimension: "time:day", metrics: VISIT, filter: None,
        sql: "SELECT toString(toDate(visit_start, 'Europe/Berlin')) AS label, [count(), round(100 * avg(bounces)), round(avg(duration_seconds))] FROM visits" },
    Pair { dimension: "visit:source", metrics: &["visits", "bounce_rate", "visit_duration", "views_per_visit"], filter: None,
        sql: "SELECT if(source = '', 'Direct / None', source) AS label, \
              [count(), round(100 * avg(bounces)), round(avg(duration_seconds)), round(avg(pageviews), 2)] FROM visits" },
    Pair { dimension: "visit:entry_page", metrics: VISIT, filter: None,
        sql: "SELECT if(entry_pathname = '', '(not set)', entry_pathname) AS label, \
              [count(), round(100 * avg(bounces)), round(avg(duration_seconds))] FROM visits" },
    Pair { dimension: "visit:exit_page", metrics: VISIT, filter: None,
        sql: "SELECT if(exit_pathname = '', '(not set)', exit_pathname) AS label, \
              [count(), round(100 * avg(bounces)), round(avg(duration_seconds))] FROM visits" },
    Pair { dimension: "visit:browser_version", metrics: &["visits"], filter: None,
        sql: "SELECT if(browser_version = '', '(not set)', browser_version) AS label, [count()] FROM visits" },
];

#[derive(Debug, PartialEq, Row, Deserialize)]
struct Line {
    label: String,
    numbers: Vec<f64>,
}

/// A site in Berlin that has the goals of the others.
fn site_with_goals(id: u32) -> Site {
    Site { goals: traffic::site(0).0.goals, ..site(id) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_says_what_the_report_says() {
    let engine = TestEngine::start().await;
    let mut runner = runner();
    let start = "2026-03-25T23:00:00Z".parse().expect("instant");
    let (mut rows, mut over_midnight) = (0, 0);
    for id in 1..=SITES {
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let traffic = Traffic::replay(&plans, (site_with_goals(id), start));
        engine.store().insert(&traffic.batch(id.into())).await.expect("inserted");
        over_midnight += traffic.visits.iter().filter(|visit| visit.spans_days()).count();
    }
    for id in 1..=SITES {
        for pair in PAIRS {
            let found = of_the_view(engine.store(), id, pair).await;
            assert_eq!(found, of_the_report(engine.store(), id, pair).await, "site {id}: {}", pair.sql);
            rows += found.len();
        }
    }
    assert!(rows > 200 && over_midnight > 20, "{rows} rows, {over_midnight} visits over midnight");
}

async fn of_the_view(store: &Store, id: u32, pair: &Pair<'_>) -> Vec<Line> {
    let (columns, from) = pair.sql.split_once(" FROM ").expect("a view");
    let (label, numbers) = columns.split_once(" AS label, ").expect("a label");
    let (view, condition) = from.split_once(" WHERE ").unwrap_or((from, "1"));
    let sql = format!(
        "{label} AS label, arrayMap(number -> toFloat64(number), {numbers}) AS numbers FROM {view} \
         WHERE site_id = {{site:UInt32}} AND {condition} GROUP BY label ORDER BY label"
    );
    store.fetch(&Statement::new(sql).param("site", id)).await.expect("rows")
}

async fn of_the_report(store: &Store, id: u32, pair: &Pair<'_>) -> Vec<Line> {
    let filter: Option<Value> = pair.filter.map(|filter| serde_json::from_str(filter).expect("a filter"));
    let body = json!({
        "date_range": ["2026-03-26", "2026-04-03"],
        "metrics": pair.metrics,
        "dimensions": [pair.dimension],
        "filters": Vec::from_iter(filter),
    });
    let number = |value: &Value| value["value"].as_f64().or(value.as_f64()).expect("a number");
    let rows = ask_about(store, &site_with_goals(id), body).await.0.into_iter();
    let mut lines: Vec<Line> = rows
        .map(|(labels, values)| Line { label: labels.concat(), numbers: values.iter().map(number).collect() })
        .collect();
    lines.sort_by(|a, b| a.label.cmp(&b.label));
    lines
}

const OF_EVENTS: &[&str] = &["visitors", "pageviews", "events"];
const OF_VISITS: &[&str] = &["visitors", "pageviews", "events", "visits", "bounce_rate", "visit_duration"];

/// The views of days that are over: the view, its column, and the dimension and metrics of the report.
#[rustfmt::skip]
const DAILY: &[(&str, &str, &str, &[&str])] = &[
    ("daily_totals", "toString(day)", "time:day", OF_VISITS),
    ("daily_pages", "pathname", "event:page", OF_EVENTS),
    ("daily_hostnames", "hostname", "event:hostname", OF_EVENTS),
    ("daily_events", "name", "event:name", &["visitors", "events"]),
    ("daily_entry_pages", "pathname", "visit:entry_page", OF_VISITS),
    ("daily_exit_pages", "pathname", "visit:exit_page", OF_VISITS),
    ("daily_channels", "channel", "visit:channel", OF_VISITS),
    ("daily_sources", "source", "visit:source", OF_VISITS),
    ("daily_referrers", "referrer", "visit:referrer", OF_VISITS),
    ("daily_campaigns", "utm_campaign", "visit:utm_campaign", OF_VISITS),
    ("daily_countries", "country", "visit:country", OF_VISITS),
    ("daily_languages", "language", "visit:language", OF_VISITS),
    ("daily_devices", "device", "visit:device", OF_VISITS),
    ("daily_browsers", "browser", "visit:browser", OF_VISITS),
    ("daily_systems", "os", "visit:os", OF_VISITS),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_of_days_adds_up_to_the_report() {
    let engine = TestEngine::start().await;
    let store = engine.store();
    let mut runner = runner();
    let start = "2026-03-25T23:00:00Z".parse().expect("instant");
    let later = "2026-04-10T12:00:00Z".parse().expect("instant");
    let mut rows = 0;
    for id in 1..=SITES / 2 {
        let site = site_with_goals(id);
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let traffic = Traffic::replay(&plans, (site.clone(), start));
        store.insert(&traffic.batch(id.into())).await.expect("inserted");
        assert!(built(store, &site, later).await.1 > 0);
        for (view, column, dimension, metrics) in DAILY {
            let sums = metrics.iter().map(|metric| match *metric {
                "bounce_rate" => "ifNotFinite(round(100 * sum(bounces) / sum(visits)), 0)".to_owned(),
                "visit_duration" => "ifNotFinite(round(sum(duration_seconds) / sum(visits)), 0)".to_owned(),
                sum => format!("sum({sum})"),
            });
            let blank = if *dimension == "visit:channel" { "Direct" } else { "(not set)" };
            let blank =
                if ["visit:source", "visit:referrer"].contains(dimension) { "Direct / None" } else { blank };
            let sql = format!(
                "SELECT if({column} = '', '{blank}', {column}) AS label, [{}] FROM {view}",
                sums.map(|sum| format!("toFloat64({sum})")).collect::<Vec<_>>().join(", ")
            );
            let pair =
                Pair { dimension, metrics, filter: (*view == "daily_events").then_some(NAMED), sql: &sql };
            let found = of_the_view(store, id, &pair).await;
            assert_eq!(found, of_the_report(store, id, &pair).await, "site {id}: {sql}");
            rows += found.len();
        }
    }
    assert!(rows > 150, "{rows}");
}

/// An engagement tells how long a page was looked at, and is nothing that anybody did.
const NAMED: &str = r#"["is_not", "event:name", ["engagement"]]"#;

#[derive(Debug, Row, Deserialize)]
struct Estimate {
    rows: u64,
}

/// Ten sites, thirty days, a thousand visits of one pageview each.
const FILLED: &str = "INSERT INTO events (site_id, timestamp, name, pathname, visitor_id, visit_id, visit_start, \
    visit_sequence, visits, bounces) \
    WITH number % 10 AS site, intDiv(number, 10) % 30 AS day, \
         toDateTime('2026-06-01 00:00:00', 'UTC') + day * 86400 + intDiv(number, 300) % 86400 AS at \
    SELECT site, at, 'pageview', '/', number, number, at, 1, 1, 1 FROM numbers(300000)";

#[tokio::test]
async fn a_condition_on_site_and_day_reaches_the_table_through_each_view() {
    let engine = TestEngine::start().await;
    engine.store().execute(&Statement::new(FILLED)).await.expect("filled");
    for (view, time) in [("pageviews", "timestamp"), ("visits", "visit_start")] {
        for condition in [
            "day_utc = '2026-06-10'".to_owned(),
            format!("{time} >= '2026-06-10 00:00:00' AND {time} < '2026-06-11 00:00:00'"),
            format!(
                "toDate({time}, 'Europe/Berlin') = '2026-06-10' AND day_utc BETWEEN '2026-06-09' AND '2026-06-10'"
            ),
        ] {
            let sql = format!(
                "SELECT rows FROM (EXPLAIN ESTIMATE SELECT * FROM {view} WHERE site_id = 3 AND {condition})"
            );
            let read: Vec<Estimate> = engine.store().fetch(&Statement::new(sql)).await.expect("an estimate");
            let read: u64 = read.iter().map(|estimate| estimate.rows).sum();
            // A thousand rows were asked for; what is read comes in granules of 8,192.
            assert!((1..=24_576).contains(&read), "{view}: {condition}: {read} of 300000 rows");
        }
    }
}
