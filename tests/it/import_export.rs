//! Imports and exports: one format, and importing an export gives the same reports.

use passant_tests::{Passant, Settings};
use serde_json::{Value, json};

fn line(time: &str, visitor: &str, name: &str, path: &str) -> String {
    let record = json!({
        "timestamp": time, "visitor": visitor, "name": name, "hostname": "example.com", "pathname": path,
        "source": "Google", "country": "DE", "browser": "Firefox", "os": "Windows", "device": "Desktop",
    });
    record.to_string()
}

/// Three days in Berlin, with a visit that is open at midnight (22:00 UTC in summer), ties, and engagement.
fn events() -> String {
    let mut lines = vec![
        line("2026-06-01T10:00:00Z", "a", "pageview", "/"),
        line("2026-06-01T10:00:00Z", "a", "pageview", "/tie"),
        line("2026-06-01T10:00:30Z", "b", "pageview", "/"),
        line("2026-06-01T10:20:00Z", "a", "Signup", "/tie"),
        line("2026-06-01T21:50:00Z", "c", "pageview", "/late"),
        line("2026-06-01T22:05:00Z", "c", "pageview", "/later"),
        line("2026-06-01T22:30:00Z", "c", "pageview", "/latest"),
        line("2026-06-02T08:00:00Z", "c", "pageview", "/"),
        line("2026-06-02T09:00:00Z", "d", "engagement", "/"),
        line("2026-06-03T09:00:00Z", "a", "pageview", "/"),
    ];
    let rich = json!({
        "timestamp": "2026-06-03T09:01:00Z", "visitor": "a", "name": "Purchase", "pathname": "/buy",
        "hostname": "example.com", "props": {"plan": "gold"}, "revenue": {"amount": "12.505", "currency": "EUR"},
    });
    lines.push(rich.to_string());
    lines.join("\n")
}

const METRICS: [&str; 7] =
    ["visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration", "views_per_visit"];

async fn reports(passant: &mut Passant, site: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for (dimensions, metrics) in [
        (json!([]), &METRICS[..]),
        (json!(["time:day"]), &METRICS),
        (json!(["event:page"]), &METRICS[..6]),
        (json!(["visit:entry_page"]), &METRICS),
        (json!(["visit:exit_page"]), &METRICS),
        (json!(["visit:source"]), &METRICS),
    ] {
        let question = json!({
            "site_id": site, "metrics": metrics, "date_range": ["2026-06-01", "2026-06-30"], "dimensions": dimensions,
        });
        answers.push(passant.report(question).await["results"].clone());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_the_definitions_say_and_its_export_says_the_same() {
    let mut passant = Passant::start().await;
    std::fs::write(passant.file("events.ndjson"), events()).unwrap();
    let file = passant.file("events.ndjson");
    let said =
        passant.cli_ok(&["import", "--site", "example.com", "--format", "events", file.to_str().unwrap()]);
    assert_eq!(said, "imported 10 events, dropped 1 engagement events without a visit");

    // It is in the reports when the command returns. Visitors: a, b, c on the first day, c and c's midnight visit are
    // one on the second, a on the third.
    let first = reports(&mut passant, "example.com").await;
    assert_eq!(first[0][0]["metrics"][0], json!(5));
    assert_eq!(first[0][0]["metrics"][1], json!(5), "a, b, c over midnight, c later, a again");
    assert_eq!(
        first[1],
        json!([
            {"metrics": [3, 3, 4, 5, 33, 1200, 1.33], "dimensions": ["2026-06-01"]},
            {"metrics": [1, 1, 3, 3, 100, 0, 3.0], "dimensions": ["2026-06-02"]},
            {"metrics": [1, 1, 1, 2, 0, 60, 1.0], "dimensions": ["2026-06-03"]},
        ]),
        "visits count where they began, events and visitors where they happened"
    );

    let exported = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    assert_eq!(exported.lines().count(), 10);
    assert!(!exported.contains("\"visitor\":\"a\""), "the file's own keys are gone");
    passant.cli_ok(&["site", "add", "copy.example", "--timezone", "Europe/Berlin"]);
    passant.keep_all("copy.example");
    let import = ["import", "--site", "copy.example", "--format", "events", "-"];
    let output = passant.cli_with_input(&import, &exported);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(reports(&mut passant, "copy.example").await, first);

    let again = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    let keys = |export: &str| -> Vec<String> {
        let records = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.map(|record| record["visitor"].as_str().unwrap().to_owned()).collect()
    };
    assert!(keys(&again).iter().all(|key| !keys(&exported).contains(key)), "two exports cannot be joined");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_is_named_and_nothing_is_half_imported() {
    let mut passant = Passant::start().await;
    let file = passant.file("events.ndjson");
    let bad = format!("{}\n{{\"timestamp\":\"2026-06-01T10:00:00Z\",\"visitor\":\"a\"}}\n", events());
    std::fs::write(&file, bad).unwrap();
    let import = ["import", "--site", "example.com", "--format", "events", file.to_str().unwrap()];
    let output = passant.cli(&import);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(words.trim_end(), "passant: line 12: missing field `name`");
    assert_eq!(passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]), "");

    let said = passant.cli_ok(&[&import[..], &["--skip-bad-lines"]].concat());
    assert_eq!(said, "imported 10 events, skipped 1 bad lines, dropped 1 engagement events without a visit");
    passant.until_total("events", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_and_exports_need_no_running_server() {
    let passant = Passant::prepared(Settings::default());
    passant.cli_ok(&["site", "add", "example.com", "--timezone", "Europe/Berlin"]);
    passant.keep_all("example.com");
    let import = ["import", "--site", "example.com", "--format", "events", "-"];
    let output = passant.cli_with_input(&import, &events());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]).lines().count(),
        10
    );
    passant.cli_ok(&["site", "remove", "example.com", "--yes"]);
    passant.cli_ok(&["site", "add", "example.com"]);
    assert_eq!(passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]), "");
}

/// Eight visits around the night in Berlin that has an hour twice, three of them of two pages.
fn autumn() -> String {
    let lines = [
        line("2026-10-21T10:00:00Z", "e", "pageview", "/a"),
        line("2026-10-21T10:00:00Z", "e", "pageview", "/c"),
        line("2026-10-22T10:00:00Z", "f", "pageview", "/a"),
        line("2026-10-22T10:00:01Z", "f", "pageview", "/d"),
        line("2026-10-22T11:00:00Z", "g", "pageview", "/a"),
        line("2026-10-22T11:00:03Z", "g", "pageview", "/e"),
        line("2026-10-22T12:00:00Z", "h", "pageview", "/b"),
        line("2026-10-25T00:30:00Z", "a", "pageview", "/b"),
        line("2026-10-25T01:30:00Z", "b", "pageview", "/a"),
        line("2026-10-25T22:59:59Z", "c", "pageview", "/b"),
        line("2026-10-25T23:00:00Z", "d", "pageview", "/a"),
    ];
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn ties_clocks_weeks_and_halves_are_as_the_definitions_say() {
    let mut passant = Passant::start().await;
    let file = passant.file("events.ndjson");
    std::fs::write(&file, autumn()).unwrap();
    passant.cli_ok(&["import", "--site", "example.com", "--format", "events", file.to_str().unwrap()]);
    for (what, question, expected) in [
        (
            "halves round to even: 62.5 %, 0.5 s",
            json!({"metrics": ["visits", "bounce_rate", "visit_duration", "views_per_visit"]}),
            json!([{"metrics": [8, 62, 0, 1.38], "dimensions": []}]),
        ),
        (
            "ties ascend by the dimension",
            json!({"metrics": ["visitors"], "dimensions": ["event:page"]}),
            json!([
                {"metrics": [5], "dimensions": ["/a"]},
                {"metrics": [3], "dimensions": ["/b"]},
                {"metrics": [1], "dimensions": ["/c"]},
                {"metrics": [1], "dimensions": ["/d"]},
                {"metrics": [1], "dimensions": ["/e"]},
            ]),
        ),
        (
            "equal times keep the order of the lines",
            json!({"metrics": ["visits"], "dimensions": ["visit:entry_page", "visit:exit_page"], "order_by": [["visit:exit_page", "desc"]], "pagination": {"limit": 3}}),
            json!([
                {"metrics": [1], "dimensions": ["/a", "/e"]},
                {"metrics": [1], "dimensions": ["/a", "/d"]},
                {"metrics": [1], "dimensions": ["/a", "/c"]},
            ]),
        ),
        (
            "a first, partial week is labelled by the start of the range",
            json!({"metrics": ["visitors"], "dimensions": ["time:week"]}),
            json!([
                {"metrics": [7], "dimensions": ["2026-10-21"]},
                {"metrics": [1], "dimensions": ["2026-10-26"]},
            ]),
        ),
        (
            "the hour that comes twice is two rows, and the day ends an hour later",
            json!({"metrics": ["visitors"], "dimensions": ["time:hour"], "date_range": ["2026-10-25", "2026-10-25"]}),
            json!([
                {"metrics": [1], "dimensions": ["2026-10-25 02:00:00"]},
                {"metrics": [1], "dimensions": ["2026-10-25 02:00:00"]},
                {"metrics": [1], "dimensions": ["2026-10-25 23:00:00"]},
            ]),
        ),
    ] {
        let mut body = json!({"date_range": ["2026-10-21", "2026-10-31"]});
        body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
        assert_eq!(passant.report(body).await["results"], expected, "{what}");
    }
    for (day, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)] {
        let labels = json!({
            "date_range": [day, day], "metrics": ["visits"], "dimensions": ["time:hour"], "include": {"time_labels": true},
        });
        let report = passant.report(labels).await;
        assert_eq!(report["meta"]["time_labels"].as_array().map(Vec::len), Some(hours), "{day}");
    }
}
