use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{Goal, GoalKind, Report, Request, Site};

/// What is said about a question of a site with one goal.
fn outcome(question: Value) -> Result<(), String> {
    let mut body = json!({ "site_id": "example.org", "date_range": "7d" });
    body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    let mut site = Site::new(7, "example.org", TimeZone::UTC);
    let kind = GoalKind::Event("Signup".into());
    site.goals = [Goal { name: "Signup".into(), kind, props: Vec::new(), currency: None }].into();
    let request = Request::parse(&body).unwrap();
    let now = "2026-06-15T12:00:00Z".parse().unwrap();
    Report::resolve(&request, &site, now, None).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn refuses_what_no_definition_answers() {
    for (question, message) in [
        (
            json!({ "metrics": ["visitors", "bounce_rate"], "dimensions": ["event:name"] }),
            r##"#/metrics/1: metric "bounce_rate" cannot be asked with the event dimension "event:name""##,
        ),
        (
            json!({ "metrics": ["visit_duration"], "dimensions": ["event:props:plan"] }),
            r##"#/metrics/0: metric "visit_duration" cannot be asked with the event dimension "event:props:plan""##,
        ),
        (
            json!({ "metrics": ["views_per_visit"], "dimensions": ["event:page"] }),
            r##"#/metrics/0: metric "views_per_visit" cannot be asked with the event dimension "event:page""##,
        ),
        (
            json!({ "metrics": ["views_per_visit"], "filters": [["not", ["is", "event:page", ["/"]]]] }),
            r##"#/metrics/0: metric "views_per_visit" cannot be asked with a filter on "event:page""##,
        ),
        (
            json!({ "metrics": ["scroll_depth"] }),
            r##"#/metrics/0: metric "scroll_depth" needs "event:page" as a dimension or in a filter"##,
        ),
        (
            json!({ "metrics": ["time_on_page"], "filters": [["has_done", ["is", "event:page", ["/"]]]] }),
            r##"#/metrics/0: metric "time_on_page" needs "event:page" as a dimension or in a filter"##,
        ),
        (
            json!({ "metrics": ["visitors", "percentage"] }),
            r##"#/metrics/1: metric "percentage" needs a dimension"##,
        ),
        (
            json!({ "metrics": ["conversion_rate"], "dimensions": ["visit:source"] }),
            r##"#/metrics/0: metric "conversion_rate" needs "event:goal" as a dimension or in a filter"##,
        ),
        (
            json!({ "metrics": ["exit_rate"], "dimensions": ["visit:source"] }),
            r##"#/metrics/0: metric "exit_rate" needs either "event:page" or "visit:exit_page" as a dimension"##,
        ),
        (
            json!({
                "metrics": ["exit_rate"],
                "dimensions": ["visit:exit_page"],
                "filters": [["is", "event:goal", ["Signup"]]],
            }),
            r##"#/metrics/0: metric "exit_rate" cannot be asked with a filter on single events"##,
        ),
        (
            json!({ "metrics": ["visitors"], "filters": [["is", "event:goal", ["Signup", "Sale"]]] }),
            r##"#/filters: the site has no goal "Sale""##,
        ),
        (
            json!({ "metrics": ["visitors"], "filters": [["and", [["is", "segment", [1]]]]] }),
            r##"#/filters/0/1/0/2/0: the site has no segment 1"##,
        ),
    ] {
        assert_eq!(outcome(question), Err(message.to_owned()));
    }
}

#[test]
fn allows_what_a_definition_answers() {
    let goal = json!(["is", "event:goal", ["Signup"]]);
    for question in [
        json!({ "metrics": ["bounce_rate", "visit_duration"], "dimensions": ["event:page"] }),
        json!({ "metrics": ["bounce_rate", "visit_duration"], "dimensions": ["event:hostname"] }),
        json!({ "metrics": ["scroll_depth", "time_on_page"], "filters": [["is", "event:page", ["/"]]] }),
        json!({ "metrics": ["exit_rate"], "dimensions": ["event:page"] }),
        json!({
            "metrics": ["exit_rate"],
            "dimensions": ["visit:exit_page"],
            "filters": [["is", "event:hostname", ["example.org"]], ["has_done", goal]],
        }),
        json!({ "metrics": ["conversion_rate", "total_revenue"], "dimensions": ["event:goal"] }),
        json!({ "metrics": ["group_conversion_rate"], "dimensions": ["visit:source"], "filters": [goal] }),
    ] {
        assert_eq!(outcome(question), Ok(()));
    }
}
