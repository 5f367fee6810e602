//! What an operator relies on: health, metrics, one server a data directory, the engine's keeper, hostile clients.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::Method;
use passant_tests::{HttpClient, Passant, Settings, binary, free_address, signal, until};
use rustix::process::Signal;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn ready_means_that_events_are_safe_not_that_the_store_is_there() {
    let passant = Passant::start().await;
    assert_eq!(passant.admin().get("/healthz").await.text(), "ok\n");
    let engine = passant.engine_pid().await;
    signal(engine, Signal::STOP);
    assert_eq!(passant.admin().get("/readyz").await.status, 200);
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    assert_eq!(passant.beacon(&beacon).await.status, 202);
    signal(engine, Signal::CONT);
    until("the event is shipped", || async {
        (passant.metric("passant_spool_events").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(
        passant.public().get("/metrics").await.status,
        404,
        "metrics are the operator's, not the public's"
    );
}

/// Its log may be a file on a disk that is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let full = || File::options().write(true).open("/dev/full").expect("a device that is always full");
    // What would tell the ports is the log.
    let (public, admin) = (free_address(), free_address());
    let mut command = tokio::process::Command::new(binary());
    command.args([
        "serve",
        "--listen",
        &public.to_string(),
        "--admin-listen",
        &admin.to_string(),
        "--data-dir",
    ]);
    command.arg(directory.path()).stdout(full()).stderr(full()).kill_on_drop(true);
    let mut server = command.spawn().expect("passant starts");
    until("it is ready", || async {
        let answer = HttpClient::new(admin).send(Method::GET, "/readyz", &[], "").await;
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(server.try_wait().expect("a status"), None, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused_by_name() {
    let passant = Passant::start().await;
    let output = passant.cli(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = words.trim_end().lines().last().unwrap();
    let data = passant.data().display().to_string();
    let expected = format!("passant: {data} is in use by another server (process {})", passant.pid());
    assert_eq!(last, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_does_not_outlive_its_server() {
    let mut passant = Passant::start().await;
    passant.kill_and_wait_for_engine().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_bodies_are_closed_and_others_served() {
    let config = "header_deadline_seconds = 3\n[ingest]\nbody_deadline_seconds = 3\n";
    let passant = Passant::start_with(Settings { config: config.into(), ..Settings::default() }).await;
    let address = passant.public_address();
    let slow = |start: &'static str| {
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream.write_all(start.as_bytes()).unwrap();
            let mut answer = Vec::new();
            // Ends when the server closes, which is what is tested; a reset is as good.
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        })
    };
    let head = slow("POST /api/event HTTP/1.1\r\nhost: x\r\n");
    let body = slow(
        "POST /api/event HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n{",
    );
    let idle = slow("GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n");
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    assert_eq!(passant.beacon(&beacon).await.status, 202);
    let (head, body, idle) = (head.await.unwrap(), body.await.unwrap(), idle.await.unwrap());
    assert!(!head.contains("202"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_answers_503_and_recovers_by_itself() {
    let config =
        "[spool]\ncapacity_bytes = 131072\nsegment_bytes = 32768\ncommit_bytes = 16384\nreserve_bytes = 0\n";
    let passant = Passant::start_with(Settings { config: config.into(), ..Settings::default() }).await;
    let engine = passant.engine_pid().await;
    signal(engine, Signal::STOP);
    let beacon = json!({
        "n": "pageview", "u": "https://example.com/", "d": "example.com", "p": {"filler": "word ".repeat(390)},
    });
    let refused = until("the spool is full", || async {
        let answer = passant.beacon(&beacon).await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!(refused.status, 503);
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(passant.admin().get("/healthz").await.status, 200);
    signal(engine, Signal::CONT);
    until("beacons are taken again", || async {
        (passant.beacon(&beacon).await.status == 202).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_is_not_there_any_more_is_not_ready() {
    let passant = Passant::start().await;
    assert_eq!(passant.admin().get("/readyz").await.text(), "ready\n");
    let (spool, aside) = (passant.data().join("spool"), passant.data().join("aside"));
    std::fs::rename(&spool, &aside).unwrap();
    let answer = passant.admin().get("/readyz").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (503, "the spool is not writable\n"));
    std::fs::rename(&aside, &spool).unwrap();
    assert_eq!(passant.admin().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_halves_run_apart() {
    let role = |role: &str| Settings { arguments: vec!["--role".into(), role.into()], ..Settings::default() };
    let mut ingest = Passant::start_with(role("ingest")).await;
    assert_eq!(ingest.public().get("/").await.status, 404);
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    assert_eq!(ingest.beacon(&beacon).await.status, 202);

    let mut query = ingest.beside(role("query")).await;
    query.until_total("pageviews", 1).await;
    assert_eq!(query.beacon(&beacon).await.status, 404, "a half that reports takes no beacons");
    query.stop().await;
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_script_are_the_same_for_everyone_and_set_nothing() {
    let passant = Passant::start().await;
    let mut paths = crate::dashboard::files(&passant).await;
    paths.extend(["/", "/setup", "/js/passant.js"].map(str::to_owned));
    for path in &paths {
        let (one, two) = (passant.public().get(path).await, passant.public().get(path).await);
        assert_eq!((one.status.as_u16(), &one.body), (200, &two.body), "{path}");
        assert!(one.headers.get("set-cookie").is_none() && one.headers.get("etag").is_none(), "{path}");
        assert!(one.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
}
