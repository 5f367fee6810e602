//! Every limit that keeps one client from taking what belongs to all, each from both of its sides; and the order in
//! which a server that is told to stop lets go.

use std::io::{Read, Write};
use std::net::TcpStream;

use http::Method;
use passant_tests::{Answer, FIREFOX, HttpClient, Passant, Settings, has_ended, signal, until};
use rustix::process::Signal;
use serde_json::{Value, json};

const HEAD: &str = "POST /api/event HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n";

fn page() -> Value {
    json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"})
}

async fn with(config: &str) -> Passant {
    Passant::start_with(Settings { config: config.into(), ..Settings::default() }).await
}

/// Sends bytes on a connection of its own, and returns everything until the server closes it.
async fn raw(passant: &Passant, bytes: String) -> String {
    let address = passant.public_address();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(passant_tests::PATIENCE)).unwrap();
        // A server that has heard enough closes while we speak.
        let _ = stream.write_all(bytes.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap()
}

async fn post(client: &HttpClient, body: String, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("content-type", "text/plain"), ("user-agent", FIREFOX)];
    all.extend(headers);
    client.send(Method::POST, "/api/event", &all, body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beacon_may_have_64_kib_and_no_byte_more() {
    let passant = with("").await;
    let client = passant.public();
    let sized = |bytes: usize| {
        let body = page().to_string();
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert_eq!(post(&client, sized(65_536), &[]).await.status, 202);
    assert_eq!(post(&client, sized(65_537), &[]).await.status, 413);
    // Without a length the bytes are counted as they come.
    let body = sized(70_000);
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let answer = raw(&passant, chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(passant.metric("passant_beacons_refused_total{reason=\"too_large\"}").await, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_may_be_eight_deep_and_no_deeper() {
    let passant = with("").await;
    let client = passant.public();
    // The beacon itself is the first level.
    let nested = |depth: usize| {
        let list = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        page().to_string().replacen('{', &format!("{{\"x\":{list},"), 1)
    };
    assert_eq!(post(&client, nested(8), &[]).await.status, 202);
    assert_eq!(post(&client, nested(9), &[]).await.status, 400);
    assert_eq!(post(&client, nested(10_000), &[]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_have_16_kib() {
    let passant = with("header_deadline_seconds = 1\n").await;
    let head = |filler: usize| {
        format!(
            "GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: {}\r\n\r\n",
            "x".repeat(filler)
        )
    };
    let small = raw(&passant, head(15_000)).await;
    assert!(small.starts_with("HTTP/1.1 200"), "{small}");
    let large = raw(&passant, head(17_000)).await;
    assert!(large.starts_with("HTTP/1.1 431") || large.is_empty(), "{large}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_bound_are_closed_at_once_and_let_in_when_there_is_room() {
    let passant = with("connections = 3\n").await;
    let open = "passant_http_connections{state=\"open\"}";
    let mut held: Vec<_> = (0..3).map(|_| TcpStream::connect(passant.public_address()).unwrap()).collect();
    until("three are connected", || async { (passant.metric(open).await == 3.0).then_some(()) }).await;
    let request = "GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(raw(&passant, request.into()).await, "");
    assert_eq!(passant.metric("passant_http_connections_refused_total").await, 1.0);
    held.pop();
    until("a place is free", || async { (passant.metric(open).await == 2.0).then_some(()) }).await;
    let answer = raw(&passant, request.into()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_prefix_that_sends_too_much_is_answered_429_and_others_are_served() {
    let config = "[ingest]\ntrusted_proxies = [\"127.0.0.0/8\"]\nevents_per_second_per_prefix = 1\n";
    let passant = with(config).await;
    let client = passant.public();
    let from = async |address: &str| post(&client, page().to_string(), &[("x-forwarded-for", address)]).await;
    let refused = until("a prefix has sent too much", async || {
        // Another address of the same prefix each time would not help it.
        let answer = from("203.0.113.5").await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    assert_eq!(from("198.51.100.5").await.status, 202);
    let counted = passant.metric("passant_beacons_refused_total{reason=\"prefix_rate\"}").await;
    assert_eq!(counted, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_site_that_gets_too_much_is_answered_429_and_others_are_served() {
    let mut passant = Passant::with_site(Settings {
        config: "[ingest]\nevents_per_second_per_site = 1\n".into(),
        ..Settings::default()
    });
    passant.cli_ok(&["site", "add", "other.example", "--timezone", "UTC"]);
    passant.run().await;
    let client = passant.public();
    let refused = until("the site has got too much", async || {
        let answer = post(&client, page().to_string(), &[]).await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    let other = json!({"n": "pageview", "u": "https://other.example/", "d": "other.example"});
    assert_eq!(post(&client, other.to_string(), &[]).await.status, 202);
    assert_eq!(passant.metric("passant_events_total{outcome=\"refused\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_has_a_size_and_a_deadline_too() {
    let passant = with("header_deadline_seconds = 1\n").await;
    let ask = |rest: &str| format!("POST /api/v2/query HTTP/1.1\r\nhost: x\r\n{rest}");
    let large = raw(&passant, ask(&format!("content-length: 70000\r\n\r\n{}", " ".repeat(70_000)))).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
    let slow = raw(&passant, ask("content-length: 100\r\n\r\n{")).await;
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert_eq!(passant.metric("passant_http_requests_total{code=\"408\",route=\"report\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answers_is_given_up() {
    let passant = with("header_deadline_seconds = 1\n").await;
    let address = passant.public_address();
    let large =
        crate::dashboard::files(&passant).await.into_iter().find(|path| path.ends_with(".js")).unwrap();
    let asking = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(passant_tests::PATIENCE)).unwrap();
        let request = format!("GET {large} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(100);
        // Until the server has broken the connection, since it reads no more once it cannot write.
        while stream.write_all(request.as_bytes()).is_ok() {}
        stream
    });
    until("it is given up", || async {
        let answered = passant.metric("passant_http_requests_total{code=\"200\",route=\"other\"}").await;
        let open = passant.metric("passant_http_connections{state=\"open\"}").await;
        (answered > 0.0 && open == 0.0).then_some(())
    })
    .await;
    drop(asking.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_says_so_serves_on_then_finishes_what_it_has_and_ends() {
    let passant = with("drain_notice_seconds = 4\n[ingest]\nbody_deadline_seconds = 30\n").await;
    // What comes in at the end is to be in the store at the end.
    until("the store is ready", || async { passant.log().contains("the store is ready").then_some(()) })
        .await;
    let (public, admin) = (passant.public_address(), passant.admin());
    assert_eq!(admin.get("/readyz").await.status, 200);
    let body = page().to_string();
    // A beacon that is half there when everything begins.
    let mut late = TcpStream::connect(public).unwrap();
    late.set_read_timeout(Some(passant_tests::PATIENCE)).unwrap();
    let head = format!("{HEAD}user-agent: {FIREFOX}\r\ncontent-length: {}\r\n\r\n", body.len());
    late.write_all((head + &body[..10]).as_bytes()).unwrap();
    until("it is being served", || async {
        (passant.metric("passant_http_connections{state=\"serving\"}").await == 1.0).then_some(())
    })
    .await;

    signal(passant.pid(), Signal::TERM);
    let answer = until("it says that it drains", || async {
        let answer = admin.get("/readyz").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (503, "draining\n"));
    // A client and a connection that are new.
    assert_eq!(post(&passant.public(), body.clone(), &[]).await.status, 202);
    until("it accepts no more", || std::future::ready(TcpStream::connect(public).is_err().then_some(())))
        .await;
    late.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    let _ = late.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let pid = passant.pid();
    until("it ends", || async { has_ended(pid).then_some(()) }).await;
    until("the end is logged", || async { passant.log().contains("\"stopped\"").then_some(()) }).await;
    let stored = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    assert_eq!(stored.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_beacon_is_acknowledged_and_stored_once() {
    let passant = with("").await;
    let mut beacon = page();
    beacon["k"] = json!("Zx81.1");
    assert_eq!(passant.beacon(&beacon).await.header("x-passant-discarded"), "");
    let again = passant.beacon(&beacon).await;
    assert_eq!((again.status.as_u16(), again.header("x-passant-discarded")), (202, "repeated"));
    beacon["k"] = json!("Zx81.2");
    assert_eq!(passant.beacon(&beacon).await.header("x-passant-discarded"), "");
    let stored = until("both are in the store", || async {
        let lines = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
        (lines.lines().count() >= 2).then_some(lines)
    })
    .await;
    assert_eq!(stored.lines().count(), 2);
    assert!(!stored.contains("Zx81"), "the nonce is not stored");
}

/// The names are a part of the interface: of each there has to be a line once something has happened.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_promised_is_there() {
    let mut passant = with("").await;
    passant.beacon(&page()).await;
    passant.until_total("pageviews", 1).await;
    let promised = [
        "passant_http_requests_total{code=\"202\",route=\"event\"}",
        "passant_http_requests_total{code=\"200\",route=\"report\"}",
        "passant_http_request_seconds_count{route=\"event\"}",
        "passant_http_request_seconds_count{route=\"report\"}",
        "passant_http_connections{state=\"open\"}",
        "passant_http_connections{state=\"serving\"}",
        "passant_http_connections_refused_total",
        "passant_http_connections_failed_total",
        "passant_events_total{outcome=\"accepted\"}",
        "passant_events_total{outcome=\"refused\"}",
        "passant_events_total{outcome=\"unknown\"}",
        "passant_spool_bytes",
        "passant_spool_capacity_bytes",
        "passant_spool_events",
        "passant_spool_oldest_unsent_seconds",
        "passant_spool_fsync_seconds_count",
        "passant_spool_commit_events_count",
        "passant_spool_io_errors_total",
        "passant_spool_frames_skipped_total",
        "passant_ship_batches_total{result=\"shipped\"}",
        "passant_ship_reconciled_total{action=\"inserted\"}",
        "passant_ship_reconciled_total{action=\"skipped\"}",
        "passant_ship_lag_seconds_count",
        "passant_open_visits",
        "passant_engine_restarts_total",
        "passant_store_parts",
        "passant_key_age_seconds",
        "passant_country_database_age_seconds",
        "passant_query_seconds_count{report=\"query\"}",
        "passant_build_info{version=",
    ];
    let reasons = passant_ingest::Discard::ALL
        .map(|reason| format!("passant_events_total{{outcome=\"{}\"}}", reason.as_str()));
    until("the parts are counted", || async {
        (passant.metric("passant_store_parts").await > 0.0).then_some(())
    })
    .await;
    let text = passant.admin().get("/metrics").await.text();
    let all = promised.into_iter().chain(reasons.iter().map(String::as_str));
    let missing: Vec<_> = all.filter(|name| !text.lines().any(|line| line.starts_with(name))).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in\n{text}");
}
