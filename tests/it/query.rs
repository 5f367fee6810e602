//! Reports say what they mean: each statement runs on the real engine, and its numbers are those of a naive replay.

mod reference;
mod traffic;

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use passant_query::{Access, Permission, QueryState, Report, Request, Site};
use passant_store::Store;
use passant_tests::TestEngine;
use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use traffic::Traffic;

const NOW: &str = "2026-03-31T10:20:30Z";
const CASES: u32 = 200;

struct Open;

impl Access for Open {
    fn site(&self, domain: &str) -> Option<Site> {
        domain.parse().ok().map(site)
    }

    fn authorize(&self, _: &str, _: &Site) -> Permission {
        Permission::Granted
    }
}

/// Each case has a site of its own, named by its number.
fn site(id: u32) -> Site {
    Site { id, domain: id.to_string(), time_zone: TimeZone::get("Europe/Berlin").expect("time zone") }
}

fn now() -> Timestamp {
    NOW.parse().expect("instant")
}

fn state(store: &Store) -> QueryState {
    QueryState { store: store.clone(), access: Arc::new(Open), clock: now }
}

/// The rows and the total of a question's answer.
async fn ask(store: &Store, site_id: u32, body: Value) -> (Vec<(Vec<String>, Vec<Value>)>, Value) {
    let mut body = body;
    body["site_id"] = json!(site_id.to_string());
    let request = Request::parse(&body).expect("a question");
    let answer = state(store).answer(&request, &site(site_id)).await;
    let answer =
        answer.unwrap_or_else(|error| panic!("{body}: {error}: {:?}", std::error::Error::source(&error)));
    let rows = answer["results"].as_array().expect("rows").iter().map(|row| {
        let dimensions = row["dimensions"].as_array().expect("dimensions").iter();
        let metrics = row["metrics"].as_array().expect("metrics").clone();
        (dimensions.map(|label| label.as_str().expect("label").to_owned()).collect(), metrics)
    });
    (rows.collect(), answer["meta"]["total_rows"].clone())
}

#[tokio::test]
async fn answers_what_a_naive_replay_answers() {
    let engine = TestEngine::start().await;
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Handle::current();
    let store = engine.store().clone();
    // The property runs on a thread of its own, so that it may wait for the store.
    let outcome = tokio::task::spawn_blocking(move || {
        let next_site = std::cell::Cell::new(1000);
        runner.run(&(traffic::any_traffic(), reference::any_questions()), |(plan, questions)| {
            let site_id = next_site.replace(next_site.get() + 1);
            let traffic = Traffic::replay(&plan, &site(site_id));
            runtime.block_on(async {
                store.insert(&traffic.batch(u64::from(site_id))).await.expect("inserted");
                for body in questions {
                    check(&store, site_id, &traffic, body).await;
                }
            });
            Ok(())
        })
    });
    outcome.await.expect("ran").unwrap_or_else(|failure| panic!("{failure}"));
}

/// Asks one question both ways. What the API refuses, nobody answers.
async fn check(store: &Store, site_id: u32, traffic: &Traffic, mut body: Value) {
    body["site_id"] = json!(site_id.to_string());
    body["include"] = json!({ "total_rows": true });
    let Ok(request) = Request::parse(&body) else { return };
    let Ok(report) = Report::resolve(&request, &site(site_id), now(), traffic.first_event()) else { return };
    let expected = reference::answer(traffic, &report);
    let page: Vec<_> = expected
        .iter()
        .skip(usize::try_from(report.offset).expect("small"))
        .take(usize::try_from(report.limit).expect("small"))
        .cloned()
        .collect();
    let (rows, total) = ask(store, site_id, body.clone()).await;
    let rows: Vec<(Vec<String>, Vec<f64>)> = rows
        .into_iter()
        .map(|(labels, values)| {
            (labels, values.iter().map(|value| value.as_f64().expect("number")).collect())
        })
        .collect();
    assert_eq!(rows, page, "{body}");
    assert_eq!(total, json!(expected.len()), "{body}");
}

#[tokio::test]
async fn counts_every_kind_of_question_on_an_empty_site() {
    let engine = TestEngine::start().await;
    let metrics = ["visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration"];
    let (rows, _) = ask(engine.store(), 1, json!({ "date_range": "all", "metrics": metrics })).await;
    assert_eq!(rows, [(Vec::new(), vec![json!(0); 6])]);
    for dimension in reference::DIMENSIONS {
        let body =
            json!({ "date_range": "30d", "metrics": ["visitors", "visits"], "dimensions": [dimension] });
        assert_eq!(ask(engine.store(), 1, body).await.0, [], "{dimension}");
    }
}

#[tokio::test]
async fn sums_days_to_the_range() {
    let engine = TestEngine::start().await;
    let mut runner = TestRunner::deterministic();
    let tree = traffic::any_traffic().new_tree(&mut runner).expect("traffic");
    let traffic = Traffic::replay(&proptest::strategy::ValueTree::current(&tree), &site(2));
    engine.store().insert(&traffic.batch(2)).await.expect("inserted");
    let metrics = json!(["visitors", "visits", "pageviews", "events"]);
    let range = json!(["2026-03-26", "2026-03-31"]);
    let whole = ask(engine.store(), 2, json!({ "date_range": range, "metrics": metrics })).await.0;
    let body = json!({ "date_range": range, "metrics": metrics, "dimensions": ["time:day"] });
    let mut sums = [0; 4];
    for (_, values) in ask(engine.store(), 2, body).await.0 {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value.as_u64().expect("count");
        }
    }
    assert_eq!(whole, [(Vec::new(), sums.map(Value::from).to_vec())]);
    assert!(sums[0] > 0);
}

#[tokio::test]
async fn labels_both_hours_that_the_clock_calls_two() {
    let engine = TestEngine::start().await;
    // 2026-10-25 02:30 in Berlin, first in summer time, then in winter time.
    let instants = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    let traffic = Traffic::of_pageviews(&site(3), &instants.map(|text| text.parse().expect("instant")));
    engine.store().insert(&traffic.batch(3)).await.expect("inserted");
    let day = ["2026-10-25", "2026-10-25"];
    let body = json!({ "date_range": day, "metrics": ["pageviews", "visits"], "dimensions": ["time:hour"] });
    let (rows, _) = ask(engine.store(), 3, body).await;
    let label = vec!["2026-10-25 02:00:00".to_owned()];
    assert_eq!(rows, [(label.clone(), vec![json!(1), json!(1)]), (label, vec![json!(1), json!(1)])]);
}

#[tokio::test]
async fn refuses_a_pattern_that_is_none_and_pages_past_the_end() {
    let engine = TestEngine::start().await;
    let traffic = Traffic::of_pageviews(&site(4), &["2026-03-30T10:00:00Z".parse().expect("instant")]);
    engine.store().insert(&traffic.batch(4)).await.expect("inserted");
    let mut body = json!({ "site_id": "4", "date_range": "7d", "metrics": ["visitors"] });
    body["filters"] = json!([["matches", "event:page", ["("]]]);
    let request = Request::parse(&body).expect("a question");
    let refusal = state(engine.store()).answer(&request, &site(4)).await.expect_err("refused").to_string();
    assert_eq!(refusal, "filters: a pattern is not a valid regular expression (RE2)");
    let body = json!({
        "date_range": "7d",
        "metrics": ["visitors"],
        "dimensions": ["event:page"],
        "include": { "total_rows": true },
        "pagination": { "limit": 5, "offset": 5 },
    });
    assert_eq!(ask(engine.store(), 4, body).await, (Vec::new(), json!(1)));
}
