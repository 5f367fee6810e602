//! Hostile questions meet a real engine: each is answered or refused, and none reaches what it may not.
//!
//! The corpus is that of the query crate's fuzz target. A neighbour's site and a file hold words that no answer may.

use passant_query::{Error, Reader, Site, explore::Kind};
use passant_store::Store;
use passant_tests::TestEngine;
use serde_json::{Value, json};

use super::{
    site, state,
    traffic::{self, Traffic},
};

const BODIES: &str = include_str!("../../../crates/query/tests/corpus/bodies.json");
const TEXTS: &str = include_str!("../../../crates/query/tests/corpus/texts.json");
/// Questions that are under way at once; the engine has as many readers.
const READERS: usize = 4;
/// The neighbour's only path, which no text of the corpus holds.
const NEIGHBOURS: &str = "/docs/neighbour";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_or_refuses_every_hostile_question_and_tells_nothing_of_others() {
    let engine = TestEngine::start().await;
    let at = ["2026-03-30T10:00:00Z", "2026-03-30T11:00:00Z"].map(|text| text.parse().expect("instant"));
    let own = Traffic::of_pageviews(site(50), &at);
    engine.store().insert(&own.batch(50)).await.expect("inserted");
    let neighbour = Traffic::of_pageviews_at(site(51), NEIGHBOURS, &at);
    engine.store().insert(&neighbour.batch(51)).await.expect("inserted");
    let texts: Vec<String> = serde_json::from_str(TEXTS).expect("texts");
    let bodies: Vec<Value> = serde_json::from_str(BODIES).expect("bodies");
    let mut under_way = tokio::task::JoinSet::new();
    let (mut answered, mut refused) = (0, 0);
    let count = |outcome: Outcome| match outcome {
        Outcome::Answered => answered += 1,
        Outcome::Refused => refused += 1,
    };
    let mut count = count;
    for body in &bodies {
        for text in &texts {
            if under_way.len() == READERS {
                count(under_way.join_next().await.expect("some").expect("neither failed nor told"));
            }
            under_way.spawn(ask(engine.store().clone(), filled(body, text)));
        }
    }
    while let Some(outcome) = under_way.join_next().await {
        count(outcome.expect("neither failed nor told"));
    }
    assert!(answered > 200 && refused > 200, "{answered} answered, {refused} refused");
    // All is still there.
    let body = json!({ "date_range": "7d", "metrics": ["pageviews"] });
    for id in [50, 51] {
        assert_eq!(super::ask(engine.store(), id, body.clone()).await.0, [(Vec::new(), vec![json!(2)])]);
    }
}

enum Outcome {
    Answered,
    Refused,
}

async fn ask(store: Store, mut body: Value) -> Outcome {
    let goals = traffic::site(50).0.goals;
    let site = Site { goals, reader: Reader::Member, ..site(50) };
    let route = body.as_object_mut().expect("an object").remove("route");
    body["site_id"] = json!(site.domain);
    if body.get("date_range").is_none() {
        body["date_range"] = json!("7d");
    }
    let state = state(&store);
    let answer = match route.as_ref().and_then(Value::as_str) {
        Some(route) => {
            let kind = Kind::all().find(|kind| kind.path() == route).expect("a route");
            state.explore(kind, &body, &site).await
        }
        None => match passant_query::Request::parse(&body) {
            Ok(request) => state.answer(&request, &site).await,
            Err(refusal) => Err(refusal),
        },
    };
    match answer {
        Ok(answer) => {
            let results = answer["results"].to_string();
            for foreign in [NEIGHBOURS, "root:x:", "information_schema", "events_"] {
                assert!(!results.contains(foreign), "{body}: {results}");
            }
            Outcome::Answered
        }
        Err(Error::Invalid { .. }) => Outcome::Refused,
        Err(error) => panic!("{body}: {error}: {:?}", std::error::Error::source(&error)),
    }
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
