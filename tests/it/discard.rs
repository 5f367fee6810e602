//! Every discard reason: answered with 202 and named, counted, and nothing stored.

use passant_tests::{Passant, Settings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_is_named_counted_and_stores_nothing() {
    let mut passant = Passant::with_site(Settings::default());
    passant.cli_ok(&[
        "site",
        "set",
        "example.com",
        "--hostnames",
        "example.com",
        "--blocked-pages",
        "/admin/*",
    ]);
    passant.run().await;
    let page = |url: &str| json!({"n": "pageview", "u": url, "d": "example.com"});
    // Until the visits of before the start are known, no engagement event is said to have none.
    passant_tests::until("open visits are known", || async {
        passant.log().contains("shipper started").then_some(())
    })
    .await;

    let spam = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com", "r": "https://semalt.com/x"});
    let unknown = json!({"n": "pageview", "u": "https://example.com/", "d": "unknown.test"});
    let lonely =
        json!({"n": "engagement", "u": "https://example.com/", "d": "example.com", "sd": 10, "e": 3000});
    let plain = page("https://example.com/");
    let repeated = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com", "k": "Zx81.1"});
    // Another browser's, so that the lonely one stays without a visit.
    let other = vec![("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:99.0) Gecko/20100101 Firefox/99.0")];
    assert_eq!(passant.beacon_with(&repeated, &other).await.header("x-passant-discarded"), "");
    let cases = [
        ("objection", plain.clone(), vec![("sec-gpc", "1")]),
        ("objection", plain.clone(), vec![("dnt", "1")]),
        ("unknown_site", unknown, vec![]),
        ("hostname_not_allowed", page("https://elsewhere.test/"), vec![]),
        ("page_blocked", page("https://example.com/admin/users"), vec![]),
        ("bot", plain.clone(), vec![("user-agent", "Googlebot/2.1 (+http://www.google.com/bot.html)")]),
        ("bot", plain.clone(), vec![("user-agent", "HeadlessChrome/130.0")]),
        ("bot", plain, vec![("user-agent", "")]),
        ("spam_referrer", spam, vec![]),
        ("no_visit", lonely, vec![]),
        ("repeated", repeated, other),
    ];
    for (reason, beacon, headers) in cases {
        let metric = format!("passant_events_total{{outcome=\"{reason}\"}}");
        let before = passant.metric(&metric).await;
        let answer = passant.beacon_with(&beacon, &headers).await;
        assert_eq!(answer.status, 202, "{reason}: {}", answer.text());
        assert_eq!(answer.header("x-passant-discarded"), reason);
        assert_eq!(answer.header("x-plausible-dropped"), "1", "{reason}");
        assert_eq!(passant.metric(&metric).await, before + 1.0, "{reason}");
    }
    // No beacon of ours is a prefetch; an image may be one.
    let prefetch = [("user-agent", passant_tests::FIREFOX), ("sec-purpose", "prefetch")];
    let pixel = "/p.gif?d=example.com&u=https%3A%2F%2Fexample.com%2F";
    let answer = passant.public().send(http::Method::GET, pixel, &prefetch, "").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-passant-discarded")), (200, "not_counted"));
    assert_eq!(passant.metric("passant_events_total{outcome=\"not_counted\"}").await, 1.0);
    // The one that was repeated, once.
    assert_eq!(passant.metric("passant_events_total{outcome=\"accepted\"}").await, 1.0);
    passant_tests::until("the spool is empty", || async {
        (passant.metric("passant_spool_events").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]).lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_no_test_here_names_does_not_exist() {
    let tested = [
        "not_counted",
        "objection",
        "unknown_site",
        "hostname_not_allowed",
        "page_blocked",
        "bot",
        "spam_referrer",
        "no_visit",
        "repeated",
    ];
    let mut known: Vec<_> = passant_ingest::Discard::ALL.map(passant_ingest::Discard::as_str).to_vec();
    known.sort_unstable();
    let mut tested = tested.to_vec();
    tested.sort_unstable();
    assert_eq!(known, tested);
}
