//! The live view: it tells what changes, to those who may read it and for as long as they may, and keeps nobody waiting.

use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use passant_tests::{PATIENCE, Passant, Settings};
use serde_json::{Value, json};

const LIVE: &str = "/api/v2/live?site_id=example.com";

/// An open stream, read line by line.
struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    async fn open(passant: &Passant, credentials: Option<(&str, &str)>) -> Self {
        let headers: Vec<_> = [("accept", "text/event-stream")].into_iter().chain(credentials).collect();
        let opened = passant.public().begin(LIVE, &headers).await;
        assert_eq!(opened.status(), 200);
        assert_eq!(opened.headers()["content-type"], "text/event-stream");
        assert_eq!(opened.headers()["x-accel-buffering"], "no");
        Self { body: opened.into_body(), text: String::new() }
    }

    /// The next block of lines; nothing once it has ended as HTTP ends.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("it says something");
            let frame = frame?.expect("it is not broken off");
            self.text.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    }

    /// The next event's data, what says nothing left out.
    async fn event(&mut self) -> Value {
        let event = async {
            loop {
                let block = self.next().await.expect("an event");
                if let Some(data) = block.strip_prefix("event: live\ndata: ") {
                    return serde_json::from_str(data).expect("JSON");
                }
                assert!(block == ":" || block.starts_with("retry: "), "{block}");
            }
        };
        tokio::time::timeout(PATIENCE, event).await.expect("an event")
    }

    /// Reads to the end.
    async fn ended(mut self) {
        while self.next().await.is_some() {}
    }
}

async fn see(passant: &Passant, visitor: u8, path: &str) {
    let beacon = json!({ "n": "pageview", "u": format!("https://example.com{path}"), "d": "example.com" });
    let from = format!("198.51.{visitor}.7");
    assert_eq!(passant.beacon_with(&beacon, &[("x-forwarded-for", &from)]).await.status, 202);
}

/// A server with a site that six visitors look at.
async fn visited() -> Passant {
    let settings = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let mut passant = Passant::start_with(Settings { config: settings.into(), ..Settings::default() }).await;
    for visitor in 1..=6 {
        see(&passant, visitor, if visitor < 6 { "/" } else { "/about" }).await;
    }
    passant.until_total("pageviews", 6).await;
    passant
}

#[tokio::test]
async fn a_stream_says_what_is_there_and_then_what_changes() {
    let mut passant = visited().await;
    let bearer = format!("Bearer {}", passant.token());
    let mut stream = Stream::open(&passant, Some(("authorization", &bearer))).await;
    assert_eq!(stream.next().await.as_deref(), Some("retry: 3000"));
    let mut told = stream.event().await;
    // Where such addresses are is for the database of countries to say.
    let countries = told.as_object_mut().and_then(|told| told.remove("countries")).expect("countries");
    let visitors = countries.as_array().expect("a list").iter().filter_map(|row| row["visitors"].as_u64());
    assert_eq!(visitors.sum::<u64>(), 6, "{countries}");
    assert_eq!(
        told,
        json!({
            "visitors_now": 6, "visitors": 6, "pageviews": 6,
            "pages": [{ "name": "/", "visitors": 5 }, { "name": "/about", "visitors": 1 }],
            "sources": [{ "name": "Direct / None", "visitors": 6 }],
        })
    );
    // Nothing happens, and that is all that is said.
    assert_eq!(stream.next().await.as_deref(), Some(":"));
    see(&passant, 7, "/about").await;
    let told = stream.event().await;
    assert_eq!((&told["visitors_now"], &told["pages"][1]["visitors"]), (&json!(7), &json!(2)), "{told}");
    // Once is the same.
    let headers = [("authorization", bearer.as_str())];
    let once = passant.public().send(Method::GET, LIVE, &headers, "").await.expect("an answer");
    assert_eq!((once.header("content-type"), once.json()), ("application/json", told));
}

#[tokio::test]
async fn a_stream_ends_with_what_let_its_reader_in() {
    let mut passant = visited().await;
    let kept = format!("Bearer {}", passant.token());
    let token = passant.cli_ok(&["token", "create", "--scope", "stats:read", "--name", "brief"]);
    let bearer = format!("Bearer {token}");
    let stranger = passant.public().begin(LIVE, &[("accept", "text/event-stream")]).await;
    assert_eq!(stranger.status(), 401);
    let mut other = Stream::open(&passant, Some(("authorization", &kept))).await;
    let mut stream = Stream::open(&passant, Some(("authorization", &bearer))).await;
    stream.event().await;
    let tokens = passant.cli_ok(&["token", "list", "--json"]);
    let tokens = tokens.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let brief = tokens.into_iter().find(|token| token["name"] == "brief").expect("listed");
    passant.cli_ok(&["token", "revoke", &brief["id"].to_string()]);
    stream.ended().await;
    // Others read on.
    other.event().await;
    see(&passant, 8, "/").await;
    assert_eq!(other.event().await["visitors"], 7);
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_who_watches() {
    let mut passant = visited().await;
    let bearer = format!("Bearer {}", passant.token());
    let mut stream = Stream::open(&passant, Some(("authorization", &bearer))).await;
    stream.event().await;
    let reading = tokio::spawn(stream.ended());
    passant.stop().await;
    reading.await.expect("it ended as HTTP ends");
    // What is still in flight at the deadline is cut, and told.
    assert!(!passant.whole_log().contains("are cut"), "{}", passant.whole_log());
}

#[tokio::test]
async fn the_public_watches_under_the_floor() {
    let passant = visited().await;
    passant.cli_ok(&["site", "set", "example.com", "--visibility", "public"]);
    let mut stream = Stream::open(&passant, None).await;
    let told = stream.event().await;
    assert_eq!((&told["visitors"], &told["privacy_floor"]["reason"]), (&json!(6), &json!("public")));
    // The page of one is folded, and the other with it, or the total would tell.
    assert_eq!(told["pages"], json!([{ "name": "(fewer than 5)", "visitors": 6 }]));
    passant.cli_ok(&["site", "set", "example.com", "--privacy-floor", "7"]);
    let told = stream.event().await;
    assert_eq!(told["privacy_floor"]["visitors"], 7);
    assert_eq!([&told["visitors_now"], &told["visitors"], &told["pageviews"]], [&Value::Null; 3], "{told}");
    assert!(!told.to_string().contains('6'), "{told}");
    passant.cli_ok(&["site", "set", "example.com", "--visibility", "members"]);
    stream.ended().await;
}
