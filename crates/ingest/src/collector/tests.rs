use std::sync::atomic::{AtomicI64, Ordering};

use http::StatusCode;
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use passant_spool::{Foundation, Segments};
use tempfile::TempDir;

use super::*;
use crate::event::{Event, decode};
use crate::keys::DayKeys;
use crate::site::{Site, SiteTable, shared};
use crate::visits::Visits;

const BODY: &str = r#"{"n":"pageview","u":"https://example.org/","d":"example.org"}"#;
const EVENT_PATH: &str = "/api/event";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const PEER: &str = "203.0.113.9:4711";

/// A collector on a spool of its own, at a time that the test sets.
struct Bench {
    collector: Collector,
    spool: Spool,
    segments: Segments,
    presence: Arc<Presence>,
    seconds: Arc<AtomicI64>,
    _directory: TempDir,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self::on(config, passant_spool::Config::default())
    }

    fn on(config: Config, spool_config: passant_spool::Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new());
        let foundation = Foundation { observer: Arc::clone(&metrics) as _, ..Foundation::default() };
        let (spool, segments) =
            Spool::open(&directory.path().join("spool"), spool_config, foundation).unwrap();
        let sites: SiteTable =
            [Site::new(1, "example.org", TimeZone::UTC), Site::new(2, "example.com", TimeZone::UTC)]
                .into_iter()
                .collect();
        let pipeline = Pipeline::open(&config, shared(sites), DayKeys::in_memory()).unwrap();
        let seconds = Arc::new(AtomicI64::new(1_795_437_296));
        let clock = Arc::clone(&seconds);
        let clock: Clock = Arc::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap());
        let presence = Arc::new(Presence::default());
        let outlets = Outlets { spool: spool.clone(), metrics, presence: Arc::clone(&presence) };
        let collector = Collector::new(config, pipeline, outlets, clock).unwrap();
        Self { collector, spool, segments, presence, seconds, _directory: directory }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.collector.handle(PEER.parse().unwrap(), request).await.unwrap()
    }

    /// All events that are in the spool, which is closed by it.
    async fn stored(mut self) -> Vec<Event> {
        self.spool.close().await;
        let mut events = Vec::new();
        while let Some(segment) = self.segments.next().await {
            events.extend(segment.read().await.unwrap().map(|frame| decode(&frame.payload).unwrap()));
            segment.remove().await.unwrap();
        }
        events
    }

    fn metric(&self, line: &str) -> bool {
        let families = self.collector.0.outlets.metrics.registry().gather();
        prometheus::TextEncoder::new().encode_to_string(&families).unwrap().lines().any(|found| found == line)
    }
}

fn beacon(body: &str) -> Request<Full<Bytes>> {
    Request::post(EVENT_PATH)
        .header("user-agent", BROWSER)
        .header("content-type", "text/plain")
        .body(Full::from(body.to_owned()))
        .unwrap()
}

fn with(mut request: Request<Full<Bytes>>, name: &'static str, value: &str) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn header<'a>(response: &'a Response<Full<Bytes>>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn body(response: Response<Full<Bytes>>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn answers_202_when_the_event_is_durable() {
    let bench = Bench::new(Config::default());
    let response = bench.send(beacon(BODY)).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&response, "x-passant-discarded"), None);
    assert_eq!(body(response).await, "ok");
    assert!(bench.metric(r#"passant_events_total{outcome="accepted"} 1"#));
    assert!(bench.metric(r#"passant_http_requests_total{code="202",route="event"} 1"#));
    let events = bench.stored().await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].site_id, events[0].timestamp), (1, 1_795_437_296));
}

#[tokio::test]
async fn a_beacon_for_several_sites_is_one_event_for_each_that_exists() {
    let bench = Bench::new(Config::default());
    let several = BODY
        .replace(r#""d":"example.org""#, r#""d":"example.org,example.com,www.example.org,nowhere.example""#);
    let response = bench.send(beacon(&several)).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&response, "x-passant-discarded"), Some("unknown_site"));
    assert_eq!(header(&response, "x-plausible-dropped"), Some("1"));
    let sites: Vec<_> = bench.stored().await.iter().map(|event| event.site_id).collect();
    assert_eq!(sites, [1, 2]);
}

#[tokio::test]
async fn a_discard_answers_202_with_its_reason_and_stores_nothing() {
    let bench = Bench::new(Config::default());
    for (request, reason) in [
        (with(beacon(BODY), "sec-gpc", "1"), "objection"),
        (with(beacon(BODY), "dnt", "1"), "objection"),
        (with(beacon(BODY), "user-agent", "curl/8.5.0"), "bot"),
        (beacon(&BODY.replace("example.org", "example.net")), "unknown_site"),
    ] {
        let response = bench.send(request).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(header(&response, "x-passant-discarded"), Some(reason));
        assert_eq!(header(&response, "x-plausible-dropped"), Some("1"));
        assert_eq!(body(response).await, "ok");
    }
    assert!(bench.metric(r#"passant_events_total{outcome="objection"} 2"#));
    assert_eq!(bench.stored().await, []);
}

#[tokio::test]
async fn an_engagement_event_without_a_visit_is_discarded_and_one_with_is_stored() {
    let bench = Bench::new(Config::default());
    bench.presence.complete_with(&Visits::default());
    let engagement = BODY.replace("pageview", "engagement").replace('}', r#","e":10}"#);
    let response = bench.send(beacon(&engagement)).await;
    assert_eq!(header(&response, "x-passant-discarded"), Some("no_visit"));
    for body in [BODY, &engagement] {
        assert_eq!(header(&bench.send(beacon(body)).await, "x-passant-discarded"), None);
    }
    assert_eq!(bench.stored().await.len(), 2);
}

#[tokio::test]
async fn what_is_no_beacon_is_refused_and_not_stored() {
    let bench = Bench::new(Config { body_limit_bytes: 1000, ..Config::default() });
    let large = format!("{BODY}{}", " ".repeat(1000));
    for (request, status, text) in [
        (beacon("{}"), StatusCode::BAD_REQUEST, r#"{"errors":{"domain":["can't be blank"],"#),
        (beacon("no json"), StatusCode::BAD_REQUEST, r#"{"errors":{"request":["Unable"#),
        (beacon(&large), StatusCode::PAYLOAD_TOO_LARGE, "the beacon is too large"),
        (
            with(beacon(&large), "content-length", "2000"),
            StatusCode::PAYLOAD_TOO_LARGE,
            "the beacon is too large",
        ),
        (
            with(beacon(BODY), "content-type", "application/x-www-form-urlencoded"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected application/json or text/plain",
        ),
        (Request::get(EVENT_PATH).body(Full::default()).unwrap(), StatusCode::METHOD_NOT_ALLOWED, ""),
        (Request::get("/api/other").body(Full::default()).unwrap(), StatusCode::NOT_FOUND, ""),
    ] {
        let response = bench.send(request).await;
        assert_eq!(response.status(), status);
        assert!(body(response).await.starts_with(text), "{status}");
    }
    assert_eq!(bench.stored().await, []);
}

#[tokio::test]
async fn json_and_plain_text_are_read_alike_with_any_parameters() {
    let bench = Bench::new(Config::default());
    for kind in
        ["text/plain", "application/json", "Text/Plain; charset=UTF-8", "application/json;charset=utf-8"]
    {
        assert_eq!(bench.send(with(beacon(BODY), "content-type", kind)).await.status(), StatusCode::ACCEPTED);
    }
    let mut untyped = beacon(BODY);
    untyped.headers_mut().remove("content-type");
    assert_eq!(bench.send(untyped).await.status(), StatusCode::ACCEPTED);
    assert_eq!(bench.stored().await.len(), 5);
}

#[tokio::test]
async fn a_full_spool_answers_503_with_retry_after() {
    let small = passant_spool::Config {
        segment_bytes: 4 << 10,
        capacity_bytes: 4 << 10,
        reserve_bytes: 0,
        seal_after_seconds: 3_600.0,
        ..passant_spool::Config::default()
    };
    let bench = Bench::on(Config::default(), small);
    let mut stored = 0;
    let refused = loop {
        let response = bench.send(beacon(BODY)).await;
        if response.status() != StatusCode::ACCEPTED {
            break response;
        }
        stored += 1;
        assert!(stored < 1000, "a spool of 4 KiB is full by now");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(header(&refused, "retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(bench.stored().await.len(), stored);
}

#[tokio::test]
async fn a_closed_spool_answers_503() {
    let bench = Bench::new(Config::default());
    bench.spool.close().await;
    let response = bench.send(beacon(BODY)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, "retry-after"), Some("1"));
}

#[tokio::test]
async fn one_prefix_and_one_site_cannot_send_without_end() {
    for (config, expected) in [
        (Config { events_per_second_per_prefix: 2, ..Config::default() }, 4),
        (Config { events_per_second_per_site: 3, ..Config::default() }, 6),
    ] {
        let bench = Bench::new(config);
        let mut accepted = 0;
        for _ in 0..20 {
            // A forged header does not open another bucket.
            let request = with(beacon(BODY), "x-forwarded-for", &format!("198.51.{accepted}.1"));
            let response = bench.send(request).await;
            match response.status() {
                StatusCode::ACCEPTED => accepted += 1,
                status => {
                    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
                    assert_eq!(header(&response, "retry-after"), Some("1"));
                }
            }
        }
        assert_eq!(accepted, expected);
        bench.seconds.fetch_add(1, Ordering::Relaxed);
        assert_eq!(bench.send(beacon(BODY)).await.status(), StatusCode::ACCEPTED);
        assert_eq!(bench.stored().await.len(), expected + 1);
    }
}

#[tokio::test]
async fn a_peer_on_this_machine_is_never_limited() {
    let bench = Bench::new(Config { events_per_second_per_prefix: 1, ..Config::default() });
    for peer in ["127.0.0.1:1", "[::1]:1", "127.0.0.1:2", "[::1]:2", "127.0.0.1:3", "[::1]:3"] {
        let response = bench.collector.handle(peer.parse().unwrap(), beacon(BODY)).await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn any_origin_may_send_unless_some_are_listed() {
    let preflight = || {
        Request::options(EVENT_PATH).header("origin", "https://example.org").body(Full::default()).unwrap()
    };
    let open = Bench::new(Config::default());
    let response = open.send(preflight()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&response, "access-control-allow-origin"), Some("*"));
    assert_eq!(header(&response, "access-control-allow-methods"), Some("POST, OPTIONS"));
    assert_eq!(header(&response, "vary"), None);

    let listed =
        Bench::new(Config { allowed_origins: vec!["https://example.org/".into()], ..Config::default() });
    let response = listed.send(preflight()).await;
    assert_eq!(header(&response, "access-control-allow-origin"), Some("https://example.org"));
    assert_eq!(header(&response, "vary"), Some("origin"));
    let other = with(beacon(BODY), "origin", "https://evil.example");
    assert_eq!(header(&listed.send(other).await, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let bench = Bench::new(Config { body_deadline_seconds: 0, ..Config::default() });
    let (_sender, endless) = http_body_util::channel::Channel::<Bytes>::new(1);
    let request = Request::post(EVENT_PATH).header("user-agent", BROWSER).body(endless).unwrap();
    let response = bench.collector.handle(PEER.parse().unwrap(), request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(header(&response, "connection"), Some("close"));
    assert_eq!(bench.stored().await, []);
}

#[tokio::test]
async fn two_clients_get_the_same_answer() {
    let bench = Bench::new(Config::default());
    let mut answers = Vec::new();
    for peer in ["203.0.113.9:1", "198.51.100.7:2"] {
        let response = bench.collector.handle(peer.parse().unwrap(), beacon(BODY)).await.unwrap();
        for forbidden in ["set-cookie", "etag", "last-modified"] {
            assert_eq!(header(&response, forbidden), None);
        }
        answers.push(format!("{:?}", response.headers()));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn tending_retires_keys_and_sets_gauges() {
    let bench = Bench::new(Config::default());
    bench.send(beacon(BODY)).await;
    bench.collector.tend_once();
    assert!(bench.metric("passant_country_database_age_seconds -1"));
    assert!(bench.metric("passant_spool_events 1"));
    let keys = || bench.collector.0.pipeline.keys().len();
    assert_eq!(keys(), 1);
    bench.seconds.fetch_add(86_400, Ordering::Relaxed);
    bench.collector.tend_once();
    assert_eq!(keys(), 0);
}

#[tokio::test]
async fn health_does_not_ask_the_store() {
    let bench = Bench::new(Config::default());
    let response = bench.send(Request::get(HEALTH_PATH).body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, r#"{"status":"ok","sites":2}"#);
}

/// A beacon with a nonce, and what the answer says of its events.
async fn discarded(bench: &Bench, body: &str, nonce: &str) -> Option<String> {
    let response = bench.send(beacon(&body.replace('}', &format!(r#","k":{nonce}}}"#)))).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    header(&response, "x-passant-discarded").map(str::to_owned)
}

#[tokio::test]
async fn the_same_beacon_sent_again_is_acknowledged_and_stored_once() {
    let bench = Bench::new(Config::default());
    let signup = BODY.replace("pageview", "Signup");
    assert_eq!(discarded(&bench, BODY, r#""mD3x.1""#).await, None);
    assert_eq!(discarded(&bench, BODY, r#""mD3x.1""#).await.as_deref(), Some("repeated"));
    assert_eq!(discarded(&bench, BODY, r#""mD3x.2""#).await, None);
    assert_eq!(discarded(&bench, &signup, r#""mD3x.1""#).await, None);
    assert!(bench.metric(r#"passant_events_total{outcome="repeated"} 1"#));
    assert!(bench.metric(r#"passant_events_total{outcome="accepted"} 3"#));
    assert_eq!(bench.stored().await.len(), 3);
}

#[tokio::test]
async fn without_a_nonce_that_can_be_one_nothing_is_a_repeat() {
    let bench = Bench::new(Config::default());
    for nonce in ["null", r#""""#, "7", r#"["a"]"#, r#""0123456789abcdef0123456789abcdef0""#] {
        for _ in 0..2 {
            assert_eq!(discarded(&bench, BODY, nonce).await, None, "{nonce}");
        }
    }
    assert_eq!(bench.stored().await.len(), 10);
}

#[tokio::test]
async fn repeats_at_the_same_moment_are_one_row_and_answered_when_it_is_durable() {
    let bench = Bench::new(Config::default());
    let body = BODY.replace('}', r#","k":"mD3x.1"}"#);
    let answers = futures_util::future::join_all((0..50).map(|_| bench.send(beacon(&body)))).await;
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::ACCEPTED));
    let first = answers.iter().filter(|answer| header(answer, "x-passant-discarded").is_none()).count();
    assert_eq!(first, 1);
    assert_eq!(bench.stored().await.len(), 1);
}

#[tokio::test]
async fn a_beacon_that_was_refused_is_stored_when_it_comes_again() {
    let small = passant_spool::Config {
        segment_bytes: 4 << 10,
        capacity_bytes: 4 << 10,
        reserve_bytes: 0,
        seal_after_seconds: 3_600.0,
        ..passant_spool::Config::default()
    };
    let mut bench = Bench::on(Config::default(), small);
    let body = |number: usize| BODY.replace('}', &format!(r#","k":"mD3x.{number}"}}"#));
    let mut stored = 0;
    while bench.send(beacon(&body(stored))).await.status() == StatusCode::ACCEPTED {
        stored += 1;
        assert!(stored < 1000, "a spool of 4 KiB is full by now");
    }
    // The store takes what is there, and with it goes what filled the spool.
    bench.spool.seal().await;
    bench.segments.next().await.unwrap().remove().await.unwrap();
    let again = bench.send(beacon(&body(stored))).await;
    assert_eq!((again.status(), header(&again, "x-passant-discarded")), (StatusCode::ACCEPTED, None));
    let before = bench.send(beacon(&body(stored - 1))).await;
    assert_eq!(header(&before, "x-passant-discarded"), Some("repeated"));
    assert_eq!(bench.stored().await.len(), 1);
}

#[tokio::test]
async fn a_repeat_for_more_sites_is_stored_for_the_new_ones_alone() {
    let bench = Bench::new(Config::default());
    assert_eq!(discarded(&bench, BODY, r#""mD3x.1""#).await, None);
    let both = BODY.replace(r#""d":"example.org""#, r#""d":"example.com,example.org""#);
    assert_eq!(discarded(&bench, &both, r#""mD3x.1""#).await.as_deref(), Some("repeated"));
    let sites: Vec<_> = bench.stored().await.iter().map(|event| event.site_id).collect();
    assert_eq!(sites, [1, 2]);
}

#[tokio::test]
async fn more_beacons_than_there_are_places_are_answered_503_and_counted() {
    let slow = passant_spool::Config { commit_delay_milliseconds: 200, ..passant_spool::Config::default() };
    let bench = Bench::on(Config { beacons_in_flight: 4, ..Config::default() }, slow);
    let answers = futures_util::future::join_all((0..20).map(|_| bench.send(beacon(BODY)))).await;
    let (stored, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status() == StatusCode::ACCEPTED);
    assert!((4..20).contains(&stored.len()), "{}", stored.len());
    for answer in &refused {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(answer, "retry-after"), Some("1"));
    }
    let refused = refused.len();
    assert!(bench.metric(&format!(r#"passant_beacons_refused_total{{reason="overloaded"}} {refused}"#)));
    let expected = stored.len();
    drop(answers);
    assert_eq!(bench.stored().await.len(), expected);
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_and_its_event_too() {
    let slow = passant_spool::Config { commit_delay_milliseconds: 1_000, ..passant_spool::Config::default() };
    let bench = Bench::on(Config::default(), slow);
    bench.send(beacon(BODY)).await;
    let gone = tokio::time::timeout(Duration::from_millis(20), bench.send(beacon(BODY))).await;
    assert!(gone.is_err(), "the second commit waits for company");
    assert!(bench.metric(r#"passant_http_requests_total{code="none",route="event"} 1"#));
    while !bench.metric(r#"passant_events_total{outcome="accepted"} 2"#) {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.stored().await.len(), 2);
}
