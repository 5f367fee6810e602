//! The books balance: whatever is sent, each request and each event is counted once, as what became of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

use futures_util::future::join_all;
use http::Method;
use passant_ingest::Discard;
use passant_tests::{FIREFOX, HttpClient, Passant, Settings, until};
use serde_json::{Value, json};

const CONFIG: &str = "[ingest]\ntrusted_proxies = [\"127.0.0.0/8\"]\nevents_per_second_per_prefix = 5\n\
                      events_per_second_per_site = 10\nbeacons_in_flight = 2\nbody_deadline_seconds = 1\n\
                      [spool]\ncommit_delay_milliseconds = 20\n";

/// What a client knows of its own requests.
#[derive(Default)]
struct Ledger {
    /// Requests by status.
    requests: BTreeMap<u16, u64>,
    /// Events that were named by beacons which the server understood, by what it said became of them.
    events: BTreeMap<String, u64>,
}

impl Ledger {
    fn event(&mut self, outcome: &str, count: u64) {
        *self.events.entry(outcome.to_owned()).or_default() += count;
    }

    /// Sends a beacon that names `named` events.
    async fn send(&mut self, client: &HttpClient, beacon: &Sent) {
        let mut headers = vec![("content-type", "text/plain"), ("user-agent", FIREFOX)];
        headers.retain(|(name, _)| beacon.headers.iter().all(|(given, _)| given != name));
        headers.extend(&beacon.headers);
        let answer =
            client.send(beacon.method.clone(), "/api/event", &headers, beacon.body.clone()).await.unwrap();
        let status = answer.status.as_u16();
        *self.requests.entry(status).or_default() += 1;
        if status == 202 {
            let reasons = answer.header("x-passant-discarded");
            let dropped = answer.header("x-plausible-dropped").parse().unwrap_or(0);
            if dropped > 0 {
                assert!(!reasons.contains(','), "one reason at a time here: {reasons}");
                self.event(reasons, dropped);
            }
            self.event("accepted", beacon.named - dropped);
        } else if status == 429 && beacon.headers.iter().all(|(name, _)| *name != "x-forwarded-for") {
            // It was understood before its site was found to have had enough.
            self.event("refused", beacon.named);
        }
    }
}

#[derive(Clone)]
struct Sent {
    method: Method,
    body: String,
    headers: Vec<(&'static str, &'static str)>,
    /// How many events it names.
    named: u64,
}

fn sent(body: &Value, headers: &[(&'static str, &'static str)]) -> Sent {
    Sent { method: Method::POST, body: body.to_string(), headers: headers.to_vec(), named: 1 }
}

fn beacon(field: &str, value: Value) -> Value {
    let mut beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    beacon[field] = value;
    beacon
}

/// One of everything that is not simply accepted.
fn cases() -> Vec<Sent> {
    let plain = beacon("v", json!(1));
    let mut cases = vec![
        sent(&plain, &[("sec-gpc", "1")]),
        sent(&beacon("d", json!("nowhere.example")), &[]),
        sent(&plain, &[("user-agent", "curl/8.5.0")]),
        sent(&beacon("u", json!("https://elsewhere.test/")), &[]),
        sent(&beacon("u", json!("https://example.com/admin/x")), &[]),
        sent(&beacon("r", json!("https://semalt.com/x")), &[]),
        sent(&plain, &[("x-forwarded-for", "198.51.100.7")]),
        sent(&plain, &[("x-forwarded-for", "193.0.6.139")]),
        // Another browser has no visit.
        sent(
            &json!({"n": "engagement", "u": "https://example.com/", "d": "example.com", "e": 10}),
            &[("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:99.0) Gecko/20100101 Firefox/99.0")],
        ),
        sent(&beacon("k", json!("a.1")), &[]),
        sent(&beacon("k", json!("a.1")), &[]),
        // Two sites, of which one is not there; and the same with two that are.
        Sent { named: 2, ..sent(&beacon("d", json!("example.com,nowhere.example")), &[]) },
        Sent {
            named: 2,
            ..sent(&beacon("d", json!("example.com,other.example")), &[("user-agent", FIREFOX)])
        },
        Sent { body: "no json".into(), ..sent(&plain, &[]) },
        sent(&json!({"d": "example.com"}), &[]),
        sent(&beacon("n", json!("x".repeat(121))), &[]),
        sent(&plain, &[("content-type", "application/xml")]),
        Sent { method: Method::GET, body: String::new(), ..sent(&plain, &[]) },
        Sent { method: Method::OPTIONS, body: String::new(), ..sent(&plain, &[]) },
        sent(&beacon("p", json!({"x": "y".repeat(70_000)})), &[]),
    ];
    // An event of a site with a list of hosts; `other.example` has none.
    cases.push(sent(&json!({"n": "pageview", "u": "https://other.example/", "d": "other.example"}), &[]));
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_what_was_accepted_discarded_and_refused() {
    let mut passant = Passant::with_site(Settings { config: CONFIG.into(), ..Settings::default() });
    passant.cli_ok(&["site", "add", "other.example", "--timezone", "UTC"]);
    passant.cli_ok(&["site", "add", "left.example", "--timezone", "UTC"]);
    passant.cli_ok(&[
        "site",
        "set",
        "example.com",
        "--hostnames",
        "example.com",
        "--blocked-pages",
        "/admin/*",
        "--blocked-addresses",
        "198.51.100.0/24",
        "--blocked-countries",
        "NL",
    ]);
    passant.run().await;
    until("open visits are known", || async { passant.log().contains("shipper started").then_some(()) })
        .await;
    let client = passant.public();
    let mut ledger = Ledger::default();
    for case in cases() {
        ledger.send(&client, &case).await;
    }
    // The one reason that no beacon of ours can give; the request is another route's.
    let headers = [("user-agent", FIREFOX), ("sec-purpose", "prefetch"), ("x-forwarded-for", "203.0.113.77")];
    let pixel = "/p.gif?d=example.com&u=https%3A%2F%2Fexample.com%2F";
    let prefetched = client.send(Method::GET, pixel, &headers, "").await.unwrap();
    ledger.event(prefetched.header("x-passant-discarded"), 1);
    // More than one prefix, than one site, and than the places allow.
    let plain = beacon("v", json!(1));
    let unknown = beacon("d", json!("nowhere.example"));
    let floods = [sent(&unknown, &[("x-forwarded-for", "203.0.113.5")]), sent(&plain, &[])];
    for flood in &floods {
        for _ in 0..100 {
            ledger.send(&client, flood).await;
        }
    }
    while !ledger.requests.contains_key(&503) {
        let other = sent(&json!({"n": "pageview", "u": "https://other.example/", "d": "other.example"}), &[]);
        let together = join_all((0..12).map(|_| async {
            let mut own = Ledger::default();
            own.send(&client, &other).await;
            own
        }));
        for own in together.await {
            own.requests
                .iter()
                .for_each(|(status, count)| *ledger.requests.entry(*status).or_default() += count);
            own.events.iter().for_each(|(outcome, count)| ledger.event(outcome, *count));
        }
    }
    let left = leave(&passant).await;
    *ledger.requests.entry(202).or_default() += left.answered;
    *ledger.requests.entry(429).or_default() += left.refused;
    ledger.event("accepted", left.answered + left.unanswered);
    ledger.event("refused", left.refused);
    let aborted = abort(&passant);
    let slow = slow(&passant).await;
    *ledger.requests.entry(408).or_default() += slow;

    let requests: u64 = ledger.requests.values().sum::<u64>() + left.unanswered + aborted;
    let books = until("every request has ended", || async {
        let books = Books::of(&passant).await;
        (books.sum("passant_http_requests_total{", "route=\"event\"") == requests).then_some(books)
    })
    .await;
    let by_status = |status: &str| {
        books.sum("passant_http_requests_total{", &format!("code=\"{status}\",route=\"event\""))
    };
    let broken = books.value("passant_beacons_refused_total{reason=\"broken\"}");
    assert_eq!(by_status("none") + broken, aborted + left.unanswered, "{books:?}");
    for (status, count) in &ledger.requests {
        let others = if *status == 400 { broken } else { 0 };
        assert_eq!(by_status(&status.to_string()) - others, *count, "{status}: {books:?}");
    }
    let accepted_requests = by_status("202") + by_status("204") + by_status("none");
    assert_eq!(books.sum("passant_beacons_refused_total{", "") + accepted_requests, requests, "{books:?}");

    let outcomes = Discard::ALL.map(Discard::as_str).into_iter().chain(["accepted", "refused", "unknown"]);
    for outcome in outcomes {
        let counted = books.value(&format!("passant_events_total{{outcome=\"{outcome}\"}}"));
        assert_eq!(counted, ledger.events.get(outcome).copied().unwrap_or(0), "{outcome}: {books:?}");
    }
    for expected in Discard::ALL {
        assert!(ledger.events.contains_key(expected.as_str()), "nothing was discarded for {expected:?}");
    }
    for expected in [202, 204, 400, 405, 408, 413, 415, 429, 503] {
        assert!(ledger.requests.contains_key(&expected), "nothing was answered {expected}");
    }
    until("everything is in the store", || async {
        (passant.metric("passant_spool_events").await == 0.0).then_some(())
    })
    .await;
    let stored: usize = ["example.com", "other.example", "left.example"]
        .iter()
        .map(|site| passant.cli_ok(&["export", "--site", site, "--format", "events"]).lines().count())
        .sum();
    assert_eq!(stored as u64, ledger.events["accepted"]);
}

/// What became of beacons whose clients went away before the answer: they were sent whole, so all are stored but
/// those that a site with enough of them refused.
struct Left {
    /// The server noticed too late.
    answered: u64,
    unanswered: u64,
    refused: u64,
}

/// Sends beacons and goes away, until the server has noticed one that did before it answered.
async fn leave(passant: &Passant) -> Left {
    let body = json!({"n": "pageview", "u": "https://left.example/", "d": "left.example"}).to_string();
    let head = format!(
        "POST /api/event HTTP/1.1\r\nhost: x\r\nuser-agent: {FIREFOX}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let counts = async || {
        let books = Books::of(passant).await;
        ["202", "none", "429"].map(|code| {
            books.value(&format!("passant_http_requests_total{{code=\"{code}\",route=\"event\"}}"))
        })
    };
    let before = counts().await;
    for sent in 1.. {
        let mut stream = TcpStream::connect(passant.public_address()).unwrap();
        stream.write_all((head.clone() + &body).as_bytes()).unwrap();
        drop(stream);
        let [answered, unanswered, refused] = until("the request has ended", || async {
            let now = counts().await;
            let ended = [0, 1, 2].map(|code| now[code] - before[code]);
            (ended.iter().sum::<u64>() == sent).then_some(ended)
        })
        .await;
        if unanswered > 0 {
            return Left { answered, unanswered, refused };
        }
    }
    unreachable!("the loop ends with a request that nobody waited for")
}

/// Beacons whose connection breaks in the middle; how many.
fn abort(passant: &Passant) -> u64 {
    for _ in 0..5 {
        let mut stream = TcpStream::connect(passant.public_address()).unwrap();
        stream.write_all(b"POST /api/event HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
    }
    5
}

/// Beacons whose body never ends; how many.
async fn slow(passant: &Passant) -> u64 {
    use std::io::Read;
    let address = passant.public_address();
    let ended = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"POST /api/event HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    });
    ended.await.unwrap();
    1
}

/// What the server has counted.
#[derive(Debug)]
struct Books(Vec<(String, u64)>);

impl Books {
    async fn of(passant: &Passant) -> Self {
        let text = passant.admin().get("/metrics").await.text();
        let lines = text.lines().filter(|line| line.contains("_total"));
        Self(
            lines
                .filter_map(|line| line.rsplit_once(' '))
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        )
    }

    fn value(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value)
    }

    /// All lines of a metric whose labels have a part.
    fn sum(&self, start: &str, part: &str) -> u64 {
        self.0
            .iter()
            .filter(|(name, _)| name.starts_with(start) && name.contains(part))
            .map(|(_, value)| value)
            .sum()
    }
}
