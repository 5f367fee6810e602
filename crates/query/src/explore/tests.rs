use jiff::tz::TimeZone;

use super::*;
use crate::{Goal, GoalKind};

fn site() -> Site {
    let site = Site::new(7, "example.org", TimeZone::get("Europe/Berlin").unwrap());
    let kind = GoalKind::Event("Signup".into());
    let goal = Goal { name: "Signup".into(), kind, props: Vec::new(), currency: None };
    Site { goals: [goal].into(), ..site }
}

fn question(kind: Kind, body: Value) -> Result<Question> {
    let mut whole = json!({ "site_id": "example.org", "date_range": ["2026-06-01", "2026-06-07"] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    Question::parse(kind, &whole, &site(), ("2026-06-15T12:00:00Z".parse().unwrap(), None))
}

#[test]
fn every_kind_has_a_route_and_a_row() {
    for kind in [Kind::Funnel, Kind::Journey, Kind::Paths, Kind::Returning, Kind::Attribution] {
        assert!(kind.path().starts_with("/api/v2/"));
    }
    assert_eq!(Kind::all().count(), Kind::Attribution as usize + 1);
}

#[test]
fn names_the_path_of_what_is_wrong() {
    for (kind, body, start) in [
        (Kind::Funnel, json!({}), "#/steps: is missing"),
        (Kind::Funnel, json!({ "steps": [{ "page": "/" }] }), "#/steps: expected a list of 2 to 8 steps"),
        (
            Kind::Funnel,
            json!({ "steps": [{ "page": "/" }, { "goal": "None" }] }),
            "#/steps/1/goal: the site has no",
        ),
        (Kind::Funnel, json!({ "steps": [{ "page": "/" }, { "page": 1 }] }), "#/steps/1: expected {"),
        (
            Kind::Funnel,
            json!({ "order": "loose", "steps": [{ "page": "/" }, { "page": "/b" }] }),
            "#/order: invalid",
        ),
        (Kind::Journey, json!({ "from": "/", "to": "/" }), "#/to: expected either from or to"),
        (Kind::Journey, json!({ "steps": 9 }), "#/steps: 9 is not a whole number from 2 to 8"),
        (Kind::Paths, json!({ "pages": 1 }), "#/pages: 1 is not a whole number from 2 to 8"),
        (Kind::Returning, json!({ "pages": 2 }), "#/pages: unknown key, expected one of site_id"),
        (Kind::Attribution, json!({ "goal": "None" }), "#/goal: the site has no goal"),
        (Kind::Attribution, json!({ "goal": "Signup", "by": "visit:os" }), "#/by: invalid \"visit:os\""),
        (Kind::Returning, json!({ "filters": [["is"]] }), "#/filters/0: expected [operator"),
    ] {
        let message = question(kind, body.clone()).unwrap_err().to_string();
        assert!(message.starts_with(start), "{body}: {message}");
    }
}

#[test]
fn a_funnel_withholds_the_step_that_tells_of_few() {
    let steps: Vec<_> = ["/a", "/b", "/c", "/d", "/e"].iter().map(|page| json!({ "page": page })).collect();
    let question = question(Kind::Funnel, json!({ "steps": steps })).unwrap();
    let row = |(step, people): (usize, f64)| ExplorationRow {
        groups: vec![step.to_string()],
        numbers: vec![Some(people), (step > 1).then_some(60.0)],
        is_folded: 0,
    };
    let rows: Vec<_> = [(1, 100.0), (2, 97.0), (3, 40.0), (4, 3.0)].map(row).into();
    let answer = question.json(&rows);
    let shown: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["visitors"].clone(), step["dropped_off"].clone(), step["median_seconds"].clone()))
        .collect();
    let null = Value::Null;
    let expected = [
        (json!(100), json!(0), null.clone()),
        (null.clone(), null.clone(), null.clone()),
        (json!(40), json!(60), null.clone()),
        (null.clone(), null.clone(), null.clone()),
        (json!(0), json!(40), null),
    ];
    assert_eq!(shown, expected);
    assert_eq!(answer["meta"]["privacy_floor"]["visitors"], json!(5));
}
