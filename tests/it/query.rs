//! Reports say what they mean: each statement runs on the real engine, and its numbers are those of a naive replay.

mod explore;
mod floor;
mod hostile;
mod questions;
mod reference;
mod rollups;
mod traffic;
mod views;

use std::sync::Arc;

use http::HeaderMap;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use passant_query::{
    Access, Answer, Goal, Live, QueryState, Report, ReportRow, Request, Site, explore::Kind, rollup::Rollups,
    sql,
};
use passant_store::{Statement, Store};
use passant_tests::TestEngine;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use questions::Questions;
use traffic::Traffic;

const NOW: &str = "2026-03-31T10:20:30Z";
/// Questions of the differential test, unless `PASSANT_TEST_QUESTIONS` says otherwise.
const QUESTIONS: usize = 2_000;
/// Sites that they are asked of; each place is there several times.
const SITES: u32 = 35;
/// Fewer things to reach would mean that questions are refused which used to be answered.
const TRIPLES_MIN: usize = 4_000;
/// Questions that are under way at once; the engine has as many readers.
const READERS: usize = 4;

struct Open;

impl Access for Open {
    fn site(&self, _: &HeaderMap, domain: &str) -> passant_query::Result<Site> {
        domain.parse().map(site).map_err(|_| passant_query::Error::NotAllowed)
    }
}

/// A site in Berlin, named by its number, whose rows are all shown.
fn site(id: u32) -> Site {
    let site = Site::new(id, id.to_string(), TimeZone::get("Europe/Berlin").expect("time zone"));
    Site { privacy_floor: 1, ..site }
}

fn now() -> Timestamp {
    NOW.parse().expect("instant")
}

fn state(store: &Store) -> QueryState {
    QueryState {
        store: store.clone(),
        rollups: Rollups::new(store.clone()),
        access: Arc::new(Open),
        live: Live::default(),
        clock: now,
    }
}

/// The rows and the total of a question's answer.
async fn ask(store: &Store, site_id: u32, body: Value) -> (Vec<(Vec<String>, Vec<Value>)>, Value) {
    ask_about(store, &site(site_id), body).await
}

async fn ask_about(store: &Store, site: &Site, mut body: Value) -> (Vec<(Vec<String>, Vec<Value>)>, Value) {
    body["site_id"] = json!(site.domain);
    let request = Request::parse(&body).expect("a question");
    let answer = state(store).answer(&request, site).await;
    let answer =
        answer.unwrap_or_else(|error| panic!("{body}: {error}: {:?}", std::error::Error::source(&error)));
    (rows(&answer), answer["meta"]["total_rows"].clone())
}

fn rows(answer: &Value) -> Vec<(Vec<String>, Vec<Value>)> {
    let rows = answer["results"].as_array().expect("rows").iter().map(|row| {
        let dimensions = row["dimensions"].as_array().expect("dimensions").iter();
        let metrics = row["metrics"].as_array().expect("metrics").clone();
        (dimensions.map(|label| label.as_str().expect("label").to_owned()).collect(), metrics)
    });
    rows.collect()
}

/// Random numbers that are the same on every run, unless `PASSANT_TEST_SEED` says otherwise.
fn runner() -> TestRunner {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("PASSANT_TEST_SEED").unwrap_or(0);
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_what_a_naive_replay_answers() {
    let engine = TestEngine::start().await;
    let mut runner = runner();
    let mut sites = Vec::new();
    for id in 0..SITES {
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let (site, start) = traffic::site(1_000 + id);
        let traffic = Arc::new(Traffic::replay(&plans, (site, start)));
        engine.store().insert(&traffic.batch(u64::from(id + 1))).await.expect("inserted");
        sites.push((traffic, start + 5.hours() * 24 + 10.hours() + 1_230.seconds()));
    }
    let (first, first_now) = &sites[0];
    let mut questions = Questions::new(runner, first, *first_now);
    let count = std::env::var("PASSANT_TEST_QUESTIONS").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(QUESTIONS);
    let mut under_way = tokio::task::JoinSet::new();
    for index in 0..count {
        let (traffic, now) = &sites[index % sites.len()];
        let (body, report) = questions.next(traffic, *now);
        if under_way.len() == READERS {
            under_way.join_next().await.expect("some").expect("answered");
        }
        under_way.spawn(check(engine.store().clone(), Arc::clone(traffic), body, report));
    }
    while let Some(checked) = under_way.join_next().await {
        checked.expect("answered");
    }
    let (triples, missing) = questions.counts();
    println!("{count} questions reached {} of {triples} triples", triples - missing);
    assert!(triples >= TRIPLES_MIN, "{triples}");
    assert!(missing == 0 || count < QUESTIONS, "{missing} of {triples} were not reached");
}

/// Asks one question both ways.
async fn check(store: Store, traffic: Arc<Traffic>, mut body: Value, report: Report) {
    body["site_id"] = json!(traffic.site.domain);
    let request = Request::parse(&body).expect("a question");
    let statement = sql::report(&report);
    let found = store.fetch::<ReportRow>(&statement).await;
    let found = found.unwrap_or_else(|error| panic!("{body}: {error}\n{}", statement.sql()));
    let total_rows = found.first().map(|row| row.total_rows);
    let answer =
        Answer { request: &request, report: &report, rows: found, total_rows: 0, compared: None }.json();
    let expected = reference::answer(&traffic, &report);
    let page: Vec<_> = expected
        .iter()
        .skip(usize::try_from(report.offset).expect("small"))
        .take(usize::try_from(report.limit).expect("small"))
        .cloned()
        .collect();
    let number = |value: &Value| value["value"].as_f64().or(value.as_f64());
    let rows: Vec<reference::Row> = rows(&answer)
        .into_iter()
        .map(|(labels, values)| (labels, values.iter().map(number).collect()))
        .collect();
    assert_eq!(rows, page, "{body} in {:?}\n{}", report.range, statement.sql());
    if let Some(total_rows) = total_rows {
        let expected = if report.counts_rows { expected.len() as u64 } else { 0 };
        assert_eq!(total_rows, expected, "{body}");
    }
}

/// The questions whose statements are snapshots in the query crate.
#[tokio::test]
async fn every_statement_of_the_snapshots_runs() {
    let engine = TestEngine::start().await;
    let questions: Value =
        serde_json::from_str(include_str!("../../crates/query/src/sql/questions.json")).expect("JSON");
    let goals: Vec<Goal> = serde_json::from_value(questions["goals"].clone()).expect("goals");
    let (mut site, _) = traffic::site(7);
    site.goals = goals.into();
    for (name, question) in questions["questions"].as_object().expect("questions") {
        let mut body = question.clone();
        body["date_range"] = json!(["2026-06-01", "2026-06-07"]);
        body["site_id"] = json!(site.domain);
        let request = Request::parse(&body).expect("a question");
        let answer = state(engine.store()).answer(&request, &site).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {:?}", std::error::Error::source(&error)));
        let expected = usize::from(request.dimensions.is_empty());
        assert_eq!(answer["results"].as_array().expect("rows").len(), expected, "{name}");
    }
    for (name, question) in questions["explorations"].as_object().expect("explorations") {
        let mut body = question.clone();
        let route = body.as_object_mut().expect("an object").remove("route").expect("a route");
        let kind = Kind::all().find(|kind| kind.path() == route).expect("a route");
        body["date_range"] = json!(["2026-06-01", "2026-06-07"]);
        body["site_id"] = json!(site.domain);
        let answer = state(engine.store()).explore(kind, &body, &site).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {:?}", std::error::Error::source(&error)));
        assert!(answer["results"].is_array(), "{name}");
    }
}

#[tokio::test]
async fn counts_every_kind_of_question_on_an_empty_site() {
    let engine = TestEngine::start().await;
    let metrics = ["visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration"];
    let (rows, _) = ask(engine.store(), 1, json!({ "date_range": "all", "metrics": metrics })).await;
    assert_eq!(rows, [(Vec::new(), vec![json!(0); 6])]);
    for dimension in questions::DIMENSIONS {
        let body =
            json!({ "date_range": "30d", "metrics": ["visitors", "visits"], "dimensions": [dimension] });
        assert_eq!(ask(engine.store(), 1, body).await.0, [], "{dimension}");
    }
}

#[tokio::test]
async fn sums_days_to_the_range() {
    let engine = TestEngine::start().await;
    let tree = traffic::any_traffic().new_tree(&mut TestRunner::deterministic()).expect("traffic");
    let start = "2026-03-25T23:00:00Z".parse().expect("instant");
    let traffic = Traffic::replay(&tree.current(), (site(2), start));
    engine.store().insert(&traffic.batch(2)).await.expect("inserted");
    let metrics = json!(["visitors", "visits", "pageviews", "events"]);
    let range = json!(["2026-03-26", "2026-04-01"]);
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
    let traffic = Traffic::of_pageviews(site(3), &instants.map(|text| text.parse().expect("instant")));
    engine.store().insert(&traffic.batch(3)).await.expect("inserted");
    let day = ["2026-10-25", "2026-10-25"];
    let body = json!({ "date_range": day, "metrics": ["pageviews", "visits"], "dimensions": ["time:hour"] });
    let (rows, _) = ask(engine.store(), 3, body).await;
    let label = vec!["2026-10-25 02:00:00".to_owned()];
    assert_eq!(rows, [(label.clone(), vec![json!(1), json!(1)]), (label, vec![json!(1), json!(1)])]);
}

#[tokio::test]
async fn refuses_a_pattern_that_is_none_by_its_path_without_any_event() {
    let engine = TestEngine::start().await;
    let mut body = json!({ "site_id": "4", "date_range": "7d", "metrics": ["visitors"] });
    for (filter, path) in [
        (json!(["matches", "event:page", ["^/", "("]]), "#/filters/0/2/1"),
        (json!(["has_not_done", ["matches_not", "visit:source", ["("]]]), "#/filters/0/1/2/0"),
        // A look-ahead is none of RE2's.
        (json!(["or", [["matches", "event:name", ["(?=a)"]]]]), "#/filters/0/1/0/2/0"),
    ] {
        body["filters"] = json!([filter]);
        let request = Request::parse(&body).expect("a question");
        let refusal =
            state(engine.store()).answer(&request, &site(4)).await.expect_err("refused").to_string();
        assert!(refusal.starts_with(&format!("{path}: ")), "{refusal}");
        assert!(refusal.ends_with("is no regular expression (RE2)"), "{refusal}");
    }
}

#[tokio::test]
async fn tells_the_total_beyond_the_last_page() {
    let engine = TestEngine::start().await;
    let traffic = Traffic::of_pageviews(site(4), &["2026-03-30T10:00:00Z".parse().expect("instant")]);
    engine.store().insert(&traffic.batch(4)).await.expect("inserted");
    let body = json!({
        "date_range": "7d",
        "metrics": ["visitors"],
        "dimensions": ["event:page"],
        "include": { "total_rows": true },
        "pagination": { "limit": 5, "offset": 5 },
    });
    assert_eq!(ask(engine.store(), 4, body).await, (Vec::new(), json!(1)));
}

#[tokio::test]
async fn compares_each_row_with_the_period_before() {
    let engine = TestEngine::start().await;
    let at = ["2026-03-26T10:00:00Z", "2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"];
    let traffic = Traffic::of_pageviews(site(5), &at.map(|text| text.parse().expect("instant")));
    engine.store().insert(&traffic.batch(5)).await.expect("inserted");
    let mut body = json!({
        "site_id": "5",
        "date_range": ["2026-03-28", "2026-03-29"],
        "metrics": ["pageviews", "bounce_rate"],
        "include": { "comparisons": { "mode": "previous_period" } },
    });
    let request = Request::parse(&body).expect("a question");
    let whole = state(engine.store()).answer(&request, &site(5)).await.expect("answered");
    let row = json!({
        "metrics": [3, 100],
        "dimensions": [],
        "comparison": { "metrics": [1, 100], "dimensions": [], "change": [200, 0] },
    });
    assert_eq!(whole["results"], json!([row]));
    assert_eq!(
        whole["query"]["comparison_date_range"],
        json!(["2026-03-26T00:00:00+01:00", "2026-03-27T23:59:59+01:00"])
    );
    body["dimensions"] = json!(["time:day"]);
    body["date_range"] = json!(["2026-03-27", "2026-03-28"]);
    let request = Request::parse(&body).expect("a question");
    let series = state(engine.store()).answer(&request, &site(5)).await.expect("answered");
    let row = |now: (&str, Value), before: (&str, Value), change: Value| {
        json!({
            "metrics": now.1,
            "dimensions": [now.0],
            "comparison": { "metrics": before.1, "dimensions": [before.0], "change": change },
        })
    };
    let expected = [
        row(("2026-03-27", json!([0, 0])), ("2026-03-25", json!([0, 0])), json!([0, 0])),
        row(("2026-03-28", json!([2, 100])), ("2026-03-26", json!([1, 100])), json!([100, 0])),
    ];
    assert_eq!(series["results"], json!(expected));
}

#[tokio::test]
async fn lists_the_properties_that_enough_visitors_sent() {
    let engine = TestEngine::start().await;
    let insert = "INSERT INTO events (site_id, timestamp, name, visitor_id, visit_id, visit_start, props) \
        SELECT 7, at, 'Signup', visitor, visitor, at, keys FROM ( \
            SELECT toDateTime({at:String}, 'UTC') AS at, number AS visitor, \
                   if(number = 0, map('plan', 'pro', 'author''s', 'x'), map('plan', 'free')) AS keys \
            FROM numbers(5))";
    for at in ["2026-03-30 10:00:00", "2026-03-31 10:00:00"] {
        engine.store().execute(&Statement::new(insert).param("at", at)).await.expect("inserted");
    }
    let props = async |site: Site| state(engine.store()).custom_props(&site).await.expect("properties");
    let all = json!({ "custom_properties": [{ "property": "plan" }, { "property": "author's" }] });
    assert_eq!(props(site(7)).await, all);
    let public = Site { reader: passant_query::Reader::Public, privacy_floor: 5, ..site(7) };
    assert_eq!(props(public).await, json!({ "custom_properties": [{ "property": "plan" }] }));
    assert_eq!(props(site(8)).await, json!({ "custom_properties": [] }));
    let later =
        QueryState { clock: || "2026-07-01T00:00:00Z".parse().expect("instant"), ..state(engine.store()) };
    let none = later.custom_props(&site(7)).await.expect("properties");
    assert_eq!(none, json!({ "custom_properties": [] }), "older than what is offered");
}

#[tokio::test]
async fn answers_as_csv() {
    let engine = TestEngine::start().await;
    let traffic = Traffic::of_pageviews(site(6), &["2026-03-30T10:00:00Z".parse().expect("instant")]);
    engine.store().insert(&traffic.batch(6)).await.expect("inserted");
    let request = Request::parse(&json!({
        "site_id": "6",
        "date_range": "7d",
        "metrics": ["visitors", "scroll_depth"],
        "dimensions": ["event:page", "visit:country_name"],
    }));
    let csv = state(engine.store()).answer_csv(&request.expect("a question"), &site(6)).await;
    assert_eq!(
        csv.expect("answered"),
        "event:page,visit:country_name,visitors,scroll_depth\r\n/,France,1,\r\n"
    );
}
