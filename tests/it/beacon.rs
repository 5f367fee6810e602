//! From a beacon to the report: every field that is stored, through the real binary.

use passant_tests::{Passant, Settings};
use serde_json::{Value, json};

/// Beacons may come through a proxy on this machine, so that a test can say where they come from.
fn behind_a_proxy() -> Settings {
    Settings { config: "[ingest]\ntrusted_proxies = [\"127.0.0.0/8\"]\n".into(), ..Settings::default() }
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

async fn exported(passant: &mut Passant, events: u64) -> Vec<Value> {
    passant.until_total("events", events).await;
    let lines = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_beacon_is_stored_as_promised() {
    let mut passant = Passant::start_with(behind_a_proxy()).await;
    let beacon = json!({
        "n": "pageview",
        "u": "https://www.Example.com/shop/caf%C3%A9?utm_source=newsletter&utm_medium=email&utm_campaign=autumn\
              &utm_content=top&utm_term=boots&gclid=SECRETCLICK&session=SECRETQUERY#SECRETFRAGMENT",
        "d": "example.com",
        "r": "https://news.ycombinator.com/item?id=SECRETREFERRER",
        "p": {"plan": "gold", "seats": 3},
        "$": {"amount": "12.50", "currency": "EUR"},
    });
    let answer = passant
        .beacon_with(
            &beacon,
            &[
                ("x-forwarded-for", "8.8.8.8"),
                ("accept-language", "de-CH,de;q=0.9,en;q=0.8"),
                ("user-agent", IPHONE),
            ],
        )
        .await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (202, "ok"));
    assert!(answer.headers.get("set-cookie").is_none());

    let records = exported(&mut passant, 1).await;
    let mut record = records[0].clone();
    let time = record["timestamp"].take();
    assert!(
        time.as_str().unwrap().ends_with('Z') && !time.as_str().unwrap().contains('.'),
        "{time}: whole seconds"
    );
    assert_eq!(record["visitor"].take().as_str().unwrap().len(), 16);
    assert_eq!(
        record,
        json!({
            "timestamp": null,
            "visitor": null,
            "name": "pageview",
            "hostname": "example.com",
            "pathname": "/shop/café",
            "referrer": "news.ycombinator.com",
            "source": "newsletter",
            "channel": "Email",
            "utm_source": "newsletter",
            "utm_medium": "email",
            "utm_campaign": "autumn",
            "utm_content": "top",
            "utm_term": "boots",
            "click_id": "gclid",
            "country": "US",
            "language": "de-CH",
            "browser": "Safari",
            "browser_version": "18.6",
            "os": "iOS",
            "os_version": "18.6",
            "device": "Mobile",
            "props": {"plan": "gold", "seats": "3"},
            "revenue": {"amount": "12.50", "currency": "EUR"},
        })
    );

    // The same through the reports, dimension by dimension.
    for (dimension, label) in [
        ("event:page", "/shop/café"),
        ("event:hostname", "example.com"),
        ("event:name", "pageview"),
        ("visit:entry_page", "/shop/café"),
        ("visit:exit_page", "/shop/café"),
        ("visit:source", "newsletter"),
        ("visit:referrer", "news.ycombinator.com"),
        ("visit:channel", "Email"),
        ("visit:utm_source", "newsletter"),
        ("visit:utm_medium", "email"),
        ("visit:utm_campaign", "autumn"),
        ("visit:utm_content", "top"),
        ("visit:utm_term", "boots"),
        ("visit:device", "Mobile"),
        ("visit:browser", "Safari"),
        ("visit:browser_version", "18.6"),
        ("visit:os", "iOS"),
        ("visit:os_version", "18.6"),
        ("visit:country", "US"),
        ("visit:language", "de-CH"),
    ] {
        let report = passant
            .report(json!({"metrics": ["visitors"], "date_range": "all", "dimensions": [dimension]}))
            .await;
        assert_eq!(report["results"], json!([{"metrics": [1], "dimensions": [label]}]), "{dimension}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_becomes_the_numbers_that_the_definitions_give_it() {
    let mut passant = Passant::start().await;
    for (name, path) in [("pageview", "/"), ("pageview", "/a"), ("Signup", "/a"), ("engagement", "/a")] {
        let mut beacon = json!({"n": name, "u": format!("https://example.com{path}"), "d": "example.com"});
        if name == "engagement" {
            beacon["sd"] = json!(80);
            beacon["e"] = json!(4200);
        }
        let answer = passant.beacon(&beacon).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-passant-discarded")), (202, ""), "{name}");
    }
    // Another browser is another visitor, who bounces.
    let other = json!({"n": "pageview", "u": "https://example.com/b", "d": "example.com"});
    passant.beacon_with(&other, &[("user-agent", IPHONE)]).await;

    let records = exported(&mut passant, 4).await;
    let engagement = records.iter().find(|record| record["name"] == "engagement").expect("kept");
    assert_eq!((&engagement["scroll_depth"], &engagement["engagement_time"]), (&json!(80), &json!(4200)));
    let metrics = ["visitors", "visits", "pageviews", "events", "views_per_visit", "bounce_rate"];
    let report = passant.report(json!({"metrics": metrics, "date_range": "all"})).await;
    assert_eq!(report["results"][0]["metrics"], json!([2, 2, 3, 4, 1.5, 50]));
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_in_paths_become_placeholders() {
    let mut passant = Passant::start().await;
    let path = "/reset/jane.doe@example.org/550e8400-e29b-41d4-a716-446655440000";
    passant
        .beacon(&json!({"n": "pageview", "u": format!("https://example.com{path}"), "d": "example.com"}))
        .await;
    let records = exported(&mut passant, 1).await;
    let stored = records[0]["pathname"].as_str().unwrap();
    assert!(
        stored.starts_with("/reset/:") && !stored.contains("jane") && !stored.contains("550e"),
        "{stored}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_beacon_for_two_sites_is_an_event_at_each() {
    let passant = Passant::start().await;
    passant.cli_ok(&["site", "add", "other.example", "--timezone", "UTC"]);
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com,other.example"});
    // The running server learns of the new site by itself.
    passant_tests::until("both sites take the beacon", || async {
        let answer = passant.beacon(&beacon).await;
        answer.header("x-plausible-dropped").is_empty().then_some(())
    })
    .await;
    for site in ["example.com", "other.example"] {
        passant_tests::until("the event is in the report", || async {
            let lines = passant.cli_ok(&["export", "--site", site, "--format", "events"]);
            (!lines.is_empty()).then_some(())
        })
        .await;
    }
    let own = passant.cli_ok(&["token", "create", "--scope", "stats:read", "--site", "other.example"]);
    let bearer = format!("Bearer {own}");
    let question = json!({"site_id": "example.com", "metrics": ["visitors"], "date_range": "all"});
    let answer = passant
        .public()
        .send(http::Method::POST, "/api/v2/query", &[("authorization", &bearer)], question.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 401, "a token for one site reads no other: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_forwarding_header_changes_nothing() {
    let mut passant = Passant::start().await;
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    passant.beacon_with(&beacon, &[("x-forwarded-for", "8.8.8.8")]).await;
    passant
        .beacon_with(&beacon, &[("x-forwarded-for", "81.2.69.142"), ("cf-connecting-ip", "1.1.1.1")])
        .await;
    let records = exported(&mut passant, 2).await;
    assert!(records.iter().all(|record| record.get("country").is_none()), "{records:?}");
    assert_eq!(records[0]["visitor"], records[1]["visitor"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_beacons_are_refused_with_the_field_that_is_wrong() {
    let passant = Passant::start().await;
    for (beacon, status, field) in [
        (json!({"u": "https://example.com/", "d": "example.com"}), 400, "event_name"),
        (json!({"n": "pageview", "d": "example.com"}), 400, "url"),
        (json!({"n": "pageview", "u": "data:text/html,x", "d": "example.com"}), 400, "url"),
        (json!({"n": "x".repeat(121), "u": "https://example.com/", "d": "example.com"}), 400, "event_name"),
    ] {
        let answer = passant.beacon(&beacon).await;
        assert_eq!(answer.status.as_u16(), status, "{beacon}");
        assert!(answer.json()["errors"][field].is_array(), "{}", answer.text());
    }
    let whole = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    let answer = passant.beacon_with(&whole, &[("content-type", "application/xml")]).await;
    assert_eq!(answer.status, 415);
    let large = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com", "p": {"x": "y".repeat(70_000)}});
    assert_eq!(passant.beacon(&large).await.status, 413);
    assert_eq!(passant.metric("passant_events_total{outcome=\"accepted\"}").await, 0.0);
}
