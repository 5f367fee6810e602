//! What leaves as files: whole or not at all, under the floor where it is a report, and with nothing that runs.

use http::Method;
use http_body_util::BodyExt;
use passant_tests::{Passant, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Browser, add};

/// The files that Plausible's export has and that we can fill.
const FILES: [&str; 20] = [
    "visitors.csv",
    "channels.csv",
    "sources.csv",
    "referrers.csv",
    "utm_mediums.csv",
    "utm_sources.csv",
    "utm_campaigns.csv",
    "utm_contents.csv",
    "utm_terms.csv",
    "pages.csv",
    "entry_pages.csv",
    "exit_pages.csv",
    "countries.csv",
    "devices.csv",
    "browsers.csv",
    "browser_versions.csv",
    "operating_systems.csv",
    "operating_system_versions.csv",
    "conversions.csv",
    "custom_props.csv",
];

/// A server with six visitors of `/` and one campaign that a spreadsheet would run.
async fn visited() -> Passant {
    let settings = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let mut passant = Passant::start_with(Settings { config: settings.into(), ..Settings::default() }).await;
    add(&passant, &["ada@example.com", "--owner"]);
    for visitor in 1..=6 {
        let url = "https://example.com/?utm_campaign=%3DHYPERLINK(%22https%3A%2F%2Fevil.example%22)";
        let props = json!({ "=plan": if visitor < 6 { "large" } else { "@small" } });
        let beacon = json!({ "n": "pageview", "u": url, "d": "example.com", "p": props });
        let from = format!("198.51.{visitor}.7");
        passant.beacon_with(&beacon, &[("x-forwarded-for", &from)]).await;
    }
    passant.until_total("pageviews", 6).await;
    passant
}

#[tokio::test]
async fn the_dashboard_comes_as_files_that_a_spreadsheet_only_shows() {
    let passant = visited().await;
    passant.cli_ok(&["goal", "add", "example.com", "--page", "/"]);
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let body = json!({ "site_id": "example.com", "date_range": "day" });
    let answer = ada.send(Method::POST, "/api/v2/export", body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/zip"));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.body.to_vec())).expect("a ZIP");
    let names: Vec<_> = archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    assert_eq!(names, FILES);
    let mut text = |name: &str| {
        std::io::read_to_string(archive.by_name(name).expect("there")).expect("text").replace("\r\n", "\n")
    };
    let visitors = text("visitors.csv");
    let (header, row) = visitors.split_once('\n').expect("two lines");
    assert_eq!(header, "date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration");
    assert!(row.ends_with(",6,6,6,1.0,100,0\n"), "{row}");
    assert_eq!(text("conversions.csv"), "name,unique_conversions,total_conversions\nVisit /,6,6\n");
    assert_eq!(text("browsers.csv"), "name,visitors\nFirefox,6\n");
    let properties =
        "property,value,visitors,events,percentage\n'=plan,large,5,5,83.33\n'=plan,'@small,1,1,16.67\n";
    assert_eq!(text("custom_props.csv"), properties);
    let campaigns = text("utm_campaigns.csv");
    assert!(campaigns.contains("\n\"'=HYPERLINK"), "{campaigns}");
    let headers = [("accept", "text/csv"), ("content-type", "application/json")];
    let token = passant.cli_ok(&["token", "create", "--scope", "stats:read"]);
    let bearer = format!("Bearer {token}");
    let headers = [&headers[..], &[("authorization", bearer.as_str())]].concat();
    let mut question = body;
    question["metrics"] = json!(["visitors"]);
    question["dimensions"] = json!(["visit:utm_campaign"]);
    let csv = passant.public().send(Method::POST, "/api/v2/query", &headers, question.to_string()).await;
    assert!(csv.expect("an answer").text().contains("\n\"'=HYPERLINK"));
}

#[tokio::test]
async fn files_of_the_public_hold_no_group_below_the_floor() {
    let passant = visited().await;
    passant.cli_ok(&["site", "set", "example.com", "--visibility", "public", "--privacy-floor", "7"]);
    let body = json!({ "site_id": "example.com", "date_range": "day" }).to_string();
    let answer = passant.public().send(Method::POST, "/api/v2/export", &[], body).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.body.to_vec())).expect("a ZIP");
    for name in FILES {
        let text = std::io::read_to_string(archive.by_name(name).expect("there")).expect("text");
        assert!(!text.contains('6') && !text.contains("Firefox"), "{name}: {text}");
    }
}

#[tokio::test]
async fn the_events_come_whole_as_by_the_command_and_end_as_http_ends() {
    let passant = visited().await;
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let path = "/api/v1/sites/example.com/events.ndjson";
    let answer = ada.send(Method::GET, path, Value::Null).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"example.com.events.ndjson\"");
    let without_keys = |text: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        // Keys are fresh in each export.
        lines
            .map(|mut event| event.as_object_mut().unwrap().remove("visitor").map(|_| event).unwrap())
            .collect()
    };
    let exported = without_keys(&answer.text());
    assert_eq!(exported.len(), 6);
    let command = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    assert_eq!(exported, without_keys(&command));
    assert_ne!(answer.text().trim_end(), command);
    // On the wire: chunks, and the one that ends them.
    let mut stream = TcpStream::connect(passant.public_address()).await.expect("connected");
    let cookie = ada.session.as_ref().expect("signed in");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nCookie: __Host-passant={cookie}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut bytes = String::new();
    stream.read_to_string(&mut bytes).await.expect("read");
    assert!(bytes.to_lowercase().contains("transfer-encoding: chunked"), "{bytes}");
    assert!(bytes.ends_with("\r\n0\r\n\r\n"), "{bytes}");
}

/// More than two groups of rows, and one event with everything in it.
fn many_events() -> String {
    let minute = |index: usize| format!("2026-06-01T{:02}:{:02}:00Z", 6 + index / 3_600, index / 60 % 60);
    let plain = |index: usize| {
        json!({ "timestamp": minute(index), "visitor": format!("v{}", index % 900), "name": "pageview",
                                       "hostname": "example.com", "pathname": format!("/page-{}", index % 70) })
    };
    let rich = json!({ "timestamp": "2026-06-03T09:01:00Z", "visitor": "v1", "name": "Purchase", "hostname": "example.com",
        "pathname": "/b\u{fc}y", "props": { "plan": "gold", "say": "\"hi\"" }, "interactive": false, "country": "DE",
        "revenue": { "amount": "12.505", "currency": "EUR" } });
    let engaged = json!({ "timestamp": "2026-06-03T09:01:30Z", "visitor": "v1", "name": "engagement", "hostname": "example.com",
        "pathname": "/b\u{fc}y", "engagement_time": 3_000, "scroll_depth": 42 });
    let lines =
        (0..43_200).map(|index| plain(index).to_string()).chain([rich.to_string(), engaged.to_string()]);
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_events_as_parquet_are_the_same_to_another_reader() {
    let passant = visited().await;
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let lines = passant.file("many.ndjson");
    std::fs::write(&lines, many_events()).expect("written");
    passant.cli_ok(&["import", "--site", "example.com", "--format", "events", lines.to_str().unwrap()]);
    let answer = ada.send(Method::GET, "/api/v1/sites/example.com/events.parquet", Value::Null).await;
    assert_eq!(answer.header("content-type"), "application/vnd.apache.parquet");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"example.com.events.parquet\"");
    let parquet = passant.file("events.parquet");
    std::fs::write(&parquet, &answer.body).expect("written");
    let by_command = passant.cli(&["export", "--site", "example.com", "--format", "parquet"]);
    assert!(by_command.status.success() && by_command.stdout.ends_with(b"PAR1"));

    let without_keys = |text: &str| -> Vec<Value> {
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        events
            .map(|mut event| event.as_object_mut().unwrap().remove("visitor").map(|_| event).unwrap())
            .collect()
    };
    let read = |file: &std::path::Path| {
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/parquet.mjs");
        let output = std::process::Command::new("node").arg(script).arg(file).output().expect("node starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let (groups, rows) = text.split_once('\n').expect("two lines");
        assert_eq!(groups, r#"{"row_groups":3}"#);
        without_keys(rows)
    };
    let expected = without_keys(&passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]));
    assert_eq!(expected.len(), 6 + 43_202);
    assert_eq!(read(&parquet), expected);
    std::fs::write(&parquet, &by_command.stdout).expect("written");
    assert_eq!(read(&parquet), expected);
}

#[tokio::test]
async fn an_export_whose_store_dies_is_broken_off() {
    let passant = visited().await;
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let engine = passant.engine_pid().await;
    passant_tests::signal(engine, rustix::process::Signal::STOP);
    let cookie = format!("__Host-passant={}", ada.session.take().expect("signed in"));
    let headers = [("cookie", cookie.as_str())];
    let mut begun = Vec::new();
    for file in ["events.ndjson", "events.parquet"] {
        let answer = passant.public().begin(&format!("/api/v1/sites/example.com/{file}"), &headers).await;
        assert_eq!(answer.status(), 200);
        begun.push(answer);
    }
    // Nothing can have come of an engine that stands still.
    passant_tests::signal(engine, rustix::process::Signal::KILL);
    for answer in begun {
        assert!(answer.into_body().collect().await.is_err(), "what is not whole does not look whole");
    }
}
