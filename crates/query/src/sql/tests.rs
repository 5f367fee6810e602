use std::{collections::BTreeMap, fmt::Write};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    Filter, Goal, Request, Site,
    explore::{Kind, Question},
    period::Day,
    report::{Rolled, RolledDay},
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
fn renders_the_live_view_of_who_may_read_one_segment() {
    let within = Filter::parse_all(&json!([["is", "visit:entry_page", ["/"]]])).unwrap();
    let guest = Site { reader: Reader::Public, within: within.into(), ..site() };
    let report = crate::live::window(&guest, now()).unwrap();
    insta::assert_snapshot!("live_view_of_a_segment", shown(&live(&report, now())));
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

/// A question whose first days are rolled up.
#[test]
fn reads_rolled_days_from_their_builds() {
    let day = |number, starts| RolledDay { number, starts, build: u64::from(number) * 10 };
    let days = vec![day(20_605, 1_780_264_800), day(20_606, 1_780_351_200)];
    let rest = vec![(1_780_437_600, 1_780_869_600)];
    let whole = Rolled { days: days.clone(), rest: Vec::new() };
    let gap = vec![(1_780_264_800, 1_780_351_200), (1_780_437_600, 1_780_869_600)];
    let [whole, part, gap] =
        [whole, Rolled { days: days.clone(), rest }, Rolled { days: days[1..].to_vec(), rest: gap }];
    let sheet = rolled::sheet(7, &whole, vec!["visit:source".to_owned(), String::new()], 10_000);
    insta::assert_snapshot!("sums_of_days", shown(&sheet));
    for (name, question, rolled) in [
        (
            "rolled_pages_with_a_percentage",
            json!({ "metrics": ["visitors", "percentage", "bounce_rate"], "dimensions": ["event:page"] }),
            part,
        ),
        (
            "rolled_days_by_country_name",
            json!({ "metrics": ["visits"], "dimensions": ["time:day", "visit:country_name"] }),
            whole,
        ),
        ("rolled_days_around_a_gap", json!({ "metrics": ["visitors", "visits"] }), gap),
    ] {
        let request = Request::parse(&body(&question)).unwrap();
        let report = Report::resolve(&request, &site(), now(), None).unwrap();
        assert!(rolled::suits(&report), "{name}");
        insta::assert_snapshot!(name, shown(&super::report(&Report { rolled: Some(rolled), ..report })));
    }
    let site = site();
    let days = [Day { date: "2026-06-01".parse().unwrap(), starts: 1_780_264_800, ends: 1_780_351_200 }];
    insta::assert_snapshot!(
        "build_of_a_day",
        shown(&rolled::build(&site, &days, Some(&Dimension::EventPage)))
    );
    insta::assert_snapshot!("days_that_share_visitors", shown(&rolled::shared(&site, &days)));
}
