//! Every discard reason: answered with 202 and named, counted, and nothing stored.

use passant_tests::{Passant, Settings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_is_named_counted_and_stores_nothing() {
    let mut passant = Passant::with_site(behind_a_proxy());
    passant.cli_ok(&[
        "site",
        "set",
        "example.com",
        "--hostnames",
        "example.com",
        "--blocked-pages",
        "/admin/*",
        "--blocked-addresses",
        "198.51.100.7, 2001:db8::/32",
        "--blocked-countries",
        "nl",
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
        ("address_blocked", plain.clone(), vec![("x-forwarded-for", "198.51.100.7")]),
        ("address_blocked", plain.clone(), vec![("x-forwarded-for", "2001:db8:77::1")]),
        ("country_blocked", plain.clone(), vec![("x-forwarded-for", "193.0.6.139")]),
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

/// Only the first bits of an address are kept, and yet a site can block one of them alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_blocked_alone_for_one_site_and_whoever_names_it() {
    let passant = Passant::start_with(behind_a_proxy()).await;
    passant.cli_ok(&["site", "add", "other.example"]);
    let sender = passant.cli_ok(&["token", "create", "--scope", "events:write"]);
    let bearer = format!("Bearer {sender}");
    let plain = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    let elsewhere = json!({"n": "pageview", "u": "https://other.example/", "d": "other.example"});
    let reason = async |beacon: &serde_json::Value, headers: &[(&str, &str)]| {
        passant.beacon_with(beacon, headers).await.header("x-passant-discarded").to_owned()
    };
    let (colleague, neighbour) = (("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "198.51.100.8"));
    assert_eq!(reason(&plain, &[colleague]).await, "");

    let admin = format!("Bearer {}", passant.cli_ok(&["token", "create", "--scope", "sites:provision"]));
    let headers = [("authorization", admin.as_str()), ("content-type", "application/json")];
    let set = async |networks: &str| {
        let body = json!({"settings": {"blocked_addresses": networks}}).to_string();
        let path = "/api/v1/sites/example.com";
        passant.public().send(http::Method::PUT, path, &headers, body).await.unwrap()
    };
    let wrong = set("198.51.100.7, office").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains(r#"\"office\" is no network"#), "{}", wrong.text());
    let answer = set("198.51.100.7/32").await;
    assert_eq!(answer.json()["settings"]["blocked_addresses"], "198.51.100.7", "{}", answer.text());

    passant_tests::until("the running server blocks it", || async {
        (reason(&plain, &[colleague]).await == "address_blocked").then_some(())
    })
    .await;
    assert_eq!(reason(&plain, &[neighbour]).await, "");
    assert_eq!(reason(&elsewhere, &[colleague]).await, "");
    // Of a server that speaks for its visitors, theirs are the addresses that matter.
    let named = async |client: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-passant-client-address", client),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        passant.beacon_with(&plain, &headers).await.header("x-passant-discarded").to_owned()
    };
    passant_tests::until("the sender is known", || async {
        (named("198.51.100.7").await == "address_blocked").then_some(())
    })
    .await;
    assert_eq!(named("198.51.100.8").await, "");
}

/// A server whose clients are whom its proxy, which is each test, says they are.
fn behind_a_proxy() -> Settings {
    Settings { config: "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n".into(), ..Settings::default() }
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
        "address_blocked",
        "country_blocked",
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
