//! A fuzz target over the bodies of questions: whatever is sent, no text of it stands in a statement.
//!
//! `corpus/bodies.json` holds questions with `@` where a text may stand, `corpus/texts.json` what attackers put there;
//! the integration tests ask the same of a real engine. Here both are varied at random; nothing is run.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use passant_query::{
    Report, Request, Site,
    explore::{Kind, Question},
    sql,
};
use passant_store::Statement;
use proptest::prelude::*;
use serde_json::{Value, json};

const BODIES: &str = include_str!("corpus/bodies.json");
const TEXTS: &str = include_str!("corpus/texts.json");
/// Longest statement that the longest questions may become.
const SQL_BYTES_MAX: usize = 512 * 1024;
/// What questions are made of, and a word of nobody's.
const WORDS: &[&str] = &[
    "is",
    "is_not",
    "contains",
    "matches",
    "and",
    "or",
    "not",
    "has_done",
    "has_not_done",
    "segment",
    "event:page",
    "event:goal",
    "event:props:zq7",
    "visit:source",
    "visit:exit_page",
    "time:day",
    "visitors",
    "exit_rate",
    "conversion_rate",
    "asc",
    "7d",
    "all",
    "zq7",
    "Signup",
    "2026-06-01",
];
/// In no name and no keyword of ours.
const MARK: &str = "zq7";

fn site() -> Site {
    let goal = json!({ "name": "Signup", "kind": { "event": "Signup" } });
    let goal: passant_query::Goal = serde_json::from_value(goal).unwrap();
    Site { goals: Arc::new([goal]), ..Site::new(7, "example.org", TimeZone::get("Europe/Berlin").unwrap()) }
}

fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

/// The statement of a body, if it is a question.
fn statement(mut body: Value) -> Option<Statement> {
    let keys = body.as_object_mut()?;
    let route = keys.remove("route").and_then(|route| route.as_str().map(str::to_owned));
    keys.insert("site_id".to_owned(), json!("example.org"));
    keys.entry("date_range").or_insert(json!("7d"));
    if let Some(kind) = route.and_then(|route| Kind::all().find(|kind| kind.path() == route)) {
        let question = Question::parse(kind, &body, &site(), (now(), None)).ok()?;
        return Some(sql::exploration(&question));
    }
    let request = Request::parse(&body).ok()?;
    Some(sql::report(&Report::resolve(&request, &site(), now(), None).ok()?))
}

/// The body with this text wherever `@` stands.
fn filled(body: &Value, text: &str) -> Value {
    match body {
        Value::String(word) => Value::String(word.replace('@', text)),
        Value::Array(list) => list.iter().map(|value| filled(value, text)).collect(),
        Value::Object(keys) => {
            keys.iter().map(|(key, value)| (key.replace('@', text), filled(value, text))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => body.clone(),
    }
}

fn list(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn holds_only_our_words(statement: &Statement) {
    let sql = statement.sql();
    assert!(!sql.contains(MARK), "{sql}");
    assert!(!sql.contains([';', '`', '"', '\\', '@']), "{sql}");
    assert!(sql.len() <= SQL_BYTES_MAX, "{} bytes", sql.len());
    // Every table is ours; what else follows a FROM is a statement of ours in parentheses.
    for table in sql.split("FROM").skip(1) {
        let table = table.trim_start();
        assert!(table.starts_with("events") || table.starts_with('('), "{table}");
    }
    // Whoever's site it is comes from the control data alone.
    let sites: Vec<_> = statement.params().iter().filter(|(name, _)| name == "site").collect();
    assert_eq!(format!("{sites:?}"), r#"[("site", UInt64(7))]"#);
    let scans = sql.matches("FROM events").count();
    assert!(sql.matches("site_id = {site:UInt32}").count() >= scans, "{sql}");
}

/// A text of the corpus, or any other, or two of them.
fn any_text() -> impl Strategy<Value = String> {
    let texts: Vec<String> = serde_json::from_str(TEXTS).unwrap();
    let corpus = proptest::sample::select(texts);
    prop_oneof![
        3 => corpus.clone(),
        1 => ".{0,40}",
        1 => (corpus.clone(), corpus).prop_map(|(first, second)| first + &second),
    ]
}

/// Any JSON of words that questions are made of, so that some of it is nearly one.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({ "case_sensitive": false })),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::from))
}

/// A filter, most of the time.
fn any_filter() -> impl Strategy<Value = Value> {
    let operators = ["is", "is_not", "contains", "contains_not", "matches", "matches_not"].as_slice();
    let dimensions = ["event:props:zq7", "event:page", "event:goal", "visit:exit_page", "visit:country_name"];
    let dimension = (0..dimensions.len()).prop_map(move |index| dimensions[index]);
    let clause = (proptest::sample::select(operators), dimension, any_text());
    let clause = clause.prop_map(|(operator, dimension, text)| json!([operator, dimension, [text + MARK]]));
    let leaf = prop_oneof![6 => clause, 1 => any_json()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let joins = ["not", "has_done", "has_not_done"].as_slice();
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|filters| json!(["or", filters])),
            (proptest::sample::select(joins), inner).prop_map(|(join, filter)| json!([join, filter])),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_of_a_question_stands_in_a_statement(
        index in any::<proptest::sample::Index>(),
        text in any_text(),
    ) {
        let bodies = list(BODIES);
        let body = filled(&bodies[index.index(bodies.len())], &format!("{text}{MARK}"));
        if let Some(statement) = statement(body) {
            holds_only_our_words(&statement);
        }
    }

    #[test]
    fn no_shape_of_a_question_is_more_than_refused(
        filter in any_filter(),
        dimensions in prop_oneof![2 => Just(json!(["event:props:zq7", "time:day"])), 1 => any_json()],
        order in prop_oneof![2 => Just(json!([])), 1 => any_json()],
        step in prop_oneof![2 => any_text().prop_map(|text| json!({ "event": text + MARK })), 1 => any_json()],
    ) {
        let body = json!({
            "metrics": ["visitors"], "filters": [filter], "dimensions": dimensions, "order_by": order,
        });
        if let Some(statement) = statement(body) {
            holds_only_our_words(&statement);
        }
        let body = json!({ "route": "/api/v2/funnel", "filters": [filter], "steps": [step, { "page": "zq7" }] });
        if let Some(statement) = statement(body) {
            holds_only_our_words(&statement);
        }
    }
}

#[test]
fn the_corpus_reaches_statements_and_refusals() {
    let bodies = list(BODIES);
    let texts: Vec<String> = serde_json::from_str(TEXTS).unwrap();
    let (mut asked, mut refused) = (0, 0);
    for body in &bodies {
        for text in &texts {
            match statement(filled(body, &format!("{text}{MARK}"))) {
                Some(statement) => {
                    asked += 1;
                    holds_only_our_words(&statement);
                }
                None => refused += 1,
            }
        }
    }
    assert!(asked > 200 && refused > 200, "{asked} asked, {refused} refused");
}

#[test]
fn refuses_what_would_cost_much() {
    let clause = |index: usize| json!(["is", "event:page", [index.to_string()]]);
    let done = |index: usize| json!(["has_done", clause(index)]);
    let mut nested = clause(0);
    for _ in 0..12 {
        nested = json!(["not", nested]);
    }
    let props: Vec<_> = (0..11).map(|index| format!("event:props:{index}")).collect();
    let values: Vec<_> = (0..251).map(|index| index.to_string()).collect();
    let order: Vec<_> = (0..3).map(|_| json!(["visitors", "asc"])).collect();
    for (key, value, start) in [
        ("filters", (0..101).map(clause).collect(), "#/filters: too many clauses"),
        ("filters", (0..11).map(done).collect(), "#/filters: too many of has_done"),
        ("filters", json!([nested]), "#/filters/0/1/1/1"),
        ("filters", json!([["is", "event:page", values]]), "#/filters/0/2: 251 values are too many"),
        ("dimensions", json!(props), "#/dimensions: 11 dimensions are too many"),
        ("order_by", json!(order), "#/order_by: expected at most one key"),
        ("pagination", json!({ "limit": 10_001 }), "#/pagination/limit: 10001 is not"),
        ("date_range", json!("5001d"), "#/date_range: invalid range"),
    ] {
        let mut body = json!({ "site_id": "example.org", "date_range": "7d", "metrics": ["visitors"] });
        body[key] = value;
        let message = Request::parse(&body).unwrap_err().to_string();
        assert!(message.starts_with(start), "{key}: {message}");
    }
}
