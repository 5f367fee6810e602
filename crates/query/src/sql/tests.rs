use std::{collections::BTreeMap, fmt::Write};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    Goal, Request, Site,
    explore::{Kind, Question},
};

/// Questions that the integration tests ask of a real engine, too.
#[derive(Deserialize)]
struct Questions {
    goals: Vec<Goal>,
    questions: BTreeMap<String, Value>,
    /// Each with its route.
    explorations: BTreeMap<String, Value>,
}

fn questions() -> Questions {
    serde_json::from_str(include_str!("questions.json")).unwrap()
}

fn site() -> Site {
    let site = Site::new(7, "example.org", TimeZone::get("Europe/Berlin").unwrap());
    Site { goals: questions().goals.into(), ..site }
}

fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

/// A question with the site and a week.
fn body(question: &Value) -> Value {
    let mut body = json!({ "site_id": "example.org", "date_range": ["2026-06-01", "2026-06-07"] });
    body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    body
}

/// The statement of a question.
fn rendered(question: &Value) -> String {
    let request = Request::parse(&body(question)).unwrap();
    shown(&report(&Report::resolve(&request, &site(), now(), None).unwrap()))
}

/// A statement with its parameters under it.
fn shown(statement: &Statement) -> String {
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
fn renders_every_kind_of_question() {
    for (name, question) in questions().questions {
        insta::assert_snapshot!(name, rendered(&question));
    }
}

#[test]
fn renders_every_kind_of_exploration() {
    for (name, question) in questions().explorations {
        let mut body = body(&question);
        let route = body.as_object_mut().unwrap().remove("route").unwrap();
        let kind = Kind::all().find(|kind| kind.path() == route).unwrap();
        let question = Question::parse(kind, &body, &site(), (now(), None)).unwrap();
        insta::assert_snapshot!(name, shown(&exploration(&question)));
    }
}

#[test]
fn user_text_stands_only_in_parameters() {
    let attack = "'; DROP TABLE events --";
    let text = rendered(&json!({
        "metrics": ["visitors"],
        "dimensions": [format!("event:props:{attack}")],
        "filters": [
            ["is", "event:page", [attack]],
            ["contains_not", format!("event:props:{attack}"), [attack]],
            ["has_done", ["matches", "event:name", [attack]]],
        ],
    }));
    let sql: Vec<_> = text.lines().filter(|line| !line.starts_with("-- text_")).collect();
    assert!(text.contains("DROP TABLE") && !sql.join("\n").contains("DROP TABLE"), "{text}");
}
