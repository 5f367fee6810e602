//! Requests that carry canaries by every route and into every error, as visitors, proxies, attackers and analysts
//! send them.
//!
//! Invariant: each canary of [`Traffic::secrets`] may come out nowhere; those of [`Traffic::content`] are stored
//! lawfully, and only logs and metrics may not have them.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use http::Method;
use passant_tests::canary::Canary;
use passant_tests::{Answer, FIREFOX, HttpClient, Passant, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// A client that connects by itself, from an address that no proxy has.
pub(crate) const PEER: &str = "127.113.67.201";
/// Clients behind the trusted proxy.
pub(crate) const FORWARDED: [&str; 3] =
    ["198.51.100.203", "2001:db8:4a7:91c3:e52b:77d1:3f09:b86e", "::ffff:198.19.147.233"];
/// What forgers claim.
pub(crate) const FORGED: &str = "203.0.113.171";
/// A client in a network that the site blocks, and one in a country that it blocks.
pub(crate) const BLOCKED: [&str; 2] = ["198.18.83.207", "193.0.6.139"];
/// What the site is told, so that there is something to discard for each reason. The network is wider than the prefix
/// that is left of an address, so that none of its forms is here.
pub(crate) const RULES: &[&str] = &[
    "site",
    "set",
    "example.com",
    "--hostnames",
    "example.com",
    "--blocked-pages",
    "/admin/*",
    "--blocked-addresses",
    "198.18.82.0/23",
    "--blocked-countries",
    "NL",
];
/// An address inside a body, a URL or a header that is no forwarding header.
pub(crate) const INSIDE: &str = "198.18.77.142";

const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0; CanaryAgent7f3c91) Gecko/20100101 Firefox/145.0";
const SECRET_WORDS: &[(&str, &str)] = &[
    ("user agent", "CanaryAgent7f3c91"),
    ("bot's user agent", "CanaryBot2b8d54"),
    ("query", "canaryquery5d1e07"),
    ("fragment", "canaryfragment88b2"),
    ("click id", "canaryclick31f0c6"),
    ("password in a URL", "canarypassword4ac9"),
    ("referrer's path", "canaryrefpath60de"),
    ("cookie", "canarycookie9e27"),
    ("token", "canarytoken73aa1b"),
    ("body", "canarybody05cf3d"),
    ("etag", "canaryetag1c4b60"),
    ("visitor's name", "canaryvisitor47d2"),
    ("place", "canaryplace0e81"),
    ("screen", "4711x1147"),
    ("title", "canarytitle3c55"),
];
const CONTENT_WORDS: &[(&str, &str)] = &[
    ("path", "canarypath2f6be1"),
    ("referring domain", "canaryreferrer.example"),
    ("event name", "CanaryEvent4417"),
    ("property", "canaryproperty99ad"),
    ("campaign", "canarycampaign6d0f"),
    ("unknown path", "canaryunknown3be8"),
    ("filter", "canaryfilter58c2"),
];

/// Canaries on their way into one server.
pub(crate) struct Traffic<'p> {
    passant: &'p mut Passant,
    /// All answers, heads and bodies, to those who may not see a canary in it.
    pub(crate) answers: Vec<u8>,
}

impl<'p> Traffic<'p> {
    pub(crate) fn into_server(passant: &'p mut Passant) -> Self {
        Self { passant, answers: Vec::new() }
    }

    /// What may come out nowhere.
    pub(crate) fn secrets() -> Vec<Canary> {
        let addresses = FORWARDED.iter().chain(&BLOCKED).map(|address| ("client behind a proxy", *address));
        let addresses =
            addresses.chain([("peer", PEER), ("forged client", FORGED), ("address inside", INSIDE)]);
        let addresses = addresses
            .map(|(name, address)| Canary::address(name, address.parse::<IpAddr>().unwrap().to_canonical()));
        let words = SECRET_WORDS.iter().map(|(name, word)| Canary::word(name, word));
        addresses.chain(words).collect()
    }

    /// What is stored but not logged.
    pub(crate) fn content() -> Vec<Canary> {
        CONTENT_WORDS.iter().map(|(name, word)| Canary::word(name, word)).collect()
    }

    /// All of it; returns how many events were accepted.
    pub(crate) async fn send(&mut self) -> u64 {
        let accepted = self.visitors().await + self.foreign().await + self.senders().await;
        self.discards().await;
        self.refusals().await;
        self.broken_requests().await;
        self.other_routes().await;
        self.analysts().await;
        self.limits().await;
        self.imports();
        accepted
    }

    /// Beacons that are counted, and questions that may find the store away; returns how many beacons.
    pub(crate) async fn visits_and_questions(&mut self) -> u64 {
        for question in questions() {
            let bearer = format!("Bearer {}", self.passant.token());
            let headers = [("authorization", bearer.as_str()), ("user-agent", AGENT)];
            let public = self.passant.public();
            let asked = public.send(Method::POST, "/api/v2/query", &headers, question.to_string());
            let _ = asked.await.expect("an answer");
        }
        self.visitors().await
    }

    /// Beacons that are counted.
    async fn visitors(&mut self) -> u64 {
        let beacon = beacon();
        for address in FORWARDED {
            for header in ["x-forwarded-for", "forwarded"] {
                let value = match header {
                    "forwarded" => format!("for=\"[{address}]\""),
                    _ => format!("{FORGED}, {address}"),
                };
                let answer = self.beacon(&beacon, &[(header, &value)]).await;
                assert_eq!(answer.status, 202, "{}", answer.text());
                assert_eq!(answer.header("x-passant-discarded"), "");
            }
        }
        for header in forging_headers() {
            let answer = self.beacon_from_peer(&beacon, &[header]).await;
            assert_eq!(answer.status, 202, "{header:?}: {}", answer.text());
        }
        (FORWARDED.len() * 2 + forging_headers().len()) as u64
    }

    /// Beacons in the formats of other products, with all that those carry to know a visitor again, and what is wrong
    /// with each.
    async fn foreign(&mut self) -> u64 {
        let umami = umami().to_string();
        let page = "https%3A%2F%2Fexample.com%2Fcanarypath2f6be1%3Ftoken%3Dcanaryquery5d1e07";
        let matomo = format!(
            "rec=1&idsite=1&url={page}&_id=canaryvisitor47d2&uid={INSIDE}&cid=canaryvisitor47d2&cip={INSIDE}&res=4711x1147\
             &lat=canaryplace0e81&city=canaryplace0e81&action_name=canarytitle3c55&ua=CanaryAgent7f3c91"
        );
        let count = "p=%2Fcanarypath2f6be1&s=4711x1147&t=canarytitle3c55&session=canaryvisitor47d2";
        let pixel = format!("/p.gif?d=example.com&u={page}&id={INSIDE}");
        let bulk = json!({"requests": [format!("?{matomo}"), {"rec": 1}], "uid": INSIDE}).to_string();
        let batch = format!("[{umami},{{\"type\":\"canarybody05cf3d\"}}]");
        let well = [
            (Method::POST, "/api/send".to_owned(), umami.clone()),
            (Method::POST, "/api/batch".to_owned(), batch),
            (Method::GET, format!("/count?{count}"), String::new()),
            (Method::GET, format!("/matomo.php?{matomo}"), String::new()),
            (Method::POST, "/piwik.php".to_owned(), matomo.clone()),
            (Method::POST, "/matomo.php".to_owned(), bulk),
            (Method::GET, pixel, String::new()),
        ];
        let accepted = well.len() as u64;
        for (method, path, body) in well {
            let answer = self.foreign_request((method, &path), &[], &body).await;
            assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text());
            assert_eq!(answer.header("x-passant-discarded"), "", "{path}");
        }
        let identify = json!({"type": "identify", "payload": {"website": INSIDE, "id": "canaryvisitor47d2"}});
        let large = format!("{{\"payload\":\"{}\"}}", INSIDE.repeat(9000));
        let hits = json!({"hits": [{"path": "/", "ip": INSIDE, "session": "canaryvisitor47d2"}]}).to_string();
        for (method, path, body) in [
            (Method::POST, "/api/send", identify.to_string()),
            (Method::POST, "/api/send", umami.replace("example.com", "canarybody05cf3d.test")),
            (Method::POST, "/api/send", umami.replace("event", INSIDE)),
            (Method::POST, "/api/send", umami.replace('}', "")),
            (Method::POST, "/api/send", large.clone()),
            (Method::POST, "/api/batch", large),
            (Method::POST, "/api/v0/count", hits),
            (Method::GET, "/count?p=&s=4711x1147&r=198.18.77.142", String::new()),
            (Method::GET, "/count?p=/a&b=198.18.77.142", String::new()),
            (Method::GET, "/count?p=/a&b=150&t=canarytitle3c55", String::new()),
            (Method::GET, "/matomo.php?rec=1&uid=198.18.77.142", String::new()),
            (
                Method::GET,
                "/matomo.php?rec=1&idsite=1&token_auth=canarytoken73aa1b&cip=198.18.77.142",
                String::new(),
            ),
            (Method::GET, "/matomo.php?rec=1&idsite=1&ping=1&_id=canaryvisitor47d2", String::new()),
            (Method::GET, "/p.gif?u=data:198.18.77.142", String::new()),
        ] {
            let _ = self.foreign_request((method, path), &[], &body).await;
        }
        accepted
    }

    /// Servers with a token, who name their visitors, and one who makes a mistake in it.
    async fn senders(&mut self) -> u64 {
        let token =
            self.passant.cli_ok(&["token", "create", "--scope", "events:write", "--site", "example.com"]);
        let bearer = format!("Bearer {token}");
        let authorized = ("authorization", bearer.as_str());
        until("the token is known", || async {
            let public = self.passant.public();
            let answer =
                public.send(Method::POST, "/api/event", &[authorized], "{").await.expect("an answer");
            (answer.status == 400).then_some(())
        })
        .await;
        let named = [authorized, ("x-passant-client-address", INSIDE), ("x-passant-user-agent", AGENT)];
        let wrong = [authorized, ("x-passant-client-address", "198.18.77.142 canarybody05cf3d")];
        let hit = json!({"path": "/canarypath2f6be1", "ip": INSIDE, "user_agent": AGENT, "session": "canaryvisitor47d2"});
        let hits =
            json!({"hits": [hit, {"path": "", "ip": INSIDE}, {"path": "/", "ip": "canarybody05cf3d"}]});
        let agent = AGENT.replace(' ', "+").replace(';', "%3B");
        let matomo = format!(
            "/matomo.php?rec=1&idsite=1&url=https%3A%2F%2Fexample.com%2F&cip={INSIDE}&ua={agent}&token_auth={token}"
        );
        for (method, path, body, headers, status) in [
            (Method::POST, "/api/event", beacon().to_string(), &named[..], 202),
            (Method::POST, "/api/send", umami().to_string(), &named[..1], 200),
            (Method::POST, "/api/v0/count", hits.to_string(), &named[..1], 400),
            (Method::GET, &matomo, String::new(), &[], 200),
            (Method::POST, "/api/event", beacon().to_string(), &wrong, 400),
            (Method::POST, "/api/event", beacon().to_string(), &named[1..], 401),
        ] {
            let answer = self.foreign_request((method, path), headers, &body).await;
            assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
        }
        4
    }

    async fn foreign_request(
        &mut self,
        (method, path): (Method, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let peer = HttpClient::from(PEER.parse().unwrap(), self.passant.public_address());
        let referer = ("referer", "https://example.com/canarypath2f6be1?canaryquery5d1e07");
        let headers = with_defaults(&[headers, &[referer, ("x-umami-cache", "canaryvisitor47d2")]].concat());
        let answer = peer.send(method, path, &headers, body.to_owned()).await.expect("an answer");
        self.keep(&answer);
        answer
    }

    /// One beacon for each reason to store nothing.
    async fn discards(&mut self) {
        let mut unknown = beacon();
        unknown["d"] = json!(INSIDE);
        let mut elsewhere = beacon();
        elsewhere["u"] = json!(format!("https://{INSIDE}/canarypath2f6be1?canaryquery5d1e07"));
        let mut blocked = beacon();
        blocked["u"] = json!(format!("https://example.com/admin/{INSIDE}"));
        let mut spam = beacon();
        spam["r"] = json!("https://semalt.com/canaryrefpath60de");
        let mut lonely = beacon();
        lonely["n"] = json!("engagement");
        lonely["sd"] = json!(10);
        lonely["e"] = json!(3000);
        let bot = format!("Googlebot/2.1 CanaryBot2b8d54 {INSIDE}");
        for (beacon, header) in [
            (&beacon(), ("dnt", "1")),
            (&beacon(), ("user-agent", bot.as_str())),
            (&unknown, ("x-canary", INSIDE)),
            (&elsewhere, ("x-canary", INSIDE)),
            (&blocked, ("x-canary", INSIDE)),
            (&spam, ("x-canary", INSIDE)),
            (&lonely, ("accept-language", "tlh-canarybody05cf3d")),
        ] {
            let answer = self.beacon(beacon, &[header, ("x-forwarded-for", "198.19.44.250")]).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
            // After a start it may not be known yet who has no visit: that one is told apart later.
            let discarded = answer.header("x-passant-discarded");
            assert!(!discarded.is_empty() || beacon["n"] == "engagement", "{beacon} {header:?}");
        }
        for (address, reason) in BLOCKED.iter().zip(["address_blocked", "country_blocked"]) {
            let answer = self.beacon(&beacon(), &[("x-forwarded-for", address)]).await;
            assert_eq!(answer.header("x-passant-discarded"), reason);
        }
    }

    /// Beacons that are refused with 400, 413 or 415.
    async fn refusals(&mut self) {
        let malformed = format!("{{\"n\":\"pageview\",\"u\":\"https://{INSIDE}/canarybody05cf3d\",");
        let wrong =
            json!({"n": INSIDE, "u": 7, "d": ["canarybody05cf3d"], "p": INSIDE, "$": INSIDE}).to_string();
        let address =
            json!({"n": "x", "u": "data:canarybody05cf3d", "d": "example.com", "r": INSIDE}).to_string();
        let large = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com", "p": {INSIDE: "canarybody05cf3d".repeat(9000)}});
        let binary = format!("\u{0}canarybody05cf3d {INSIDE}");
        for (body, content_type, status) in [
            (malformed, "text/plain", 400),
            (wrong, "application/json", 400),
            (address, "application/json", 400),
            (large.to_string(), "text/plain", 413),
            (beacon().to_string(), "application/canarybody05cf3d", 415),
            (binary, "text/plain", 400),
        ] {
            let headers =
                [("content-type", content_type), ("user-agent", AGENT), ("x-forwarded-for", FORWARDED[0])];
            let answer = self.request((Method::POST, "/api/event"), &headers, &body).await;
            assert_eq!(answer.status, status, "{body:.80}: {}", answer.text());
        }
    }

    /// What is no HTTP, or only half of it.
    async fn broken_requests(&mut self) {
        let request = format!("POST /api/event?{INSIDE} HTTP/1.1\r\nhost: x\r\nuser-agent: {AGENT}\r\n");
        for broken in [
            format!("{request}canary body {INSIDE}\r\n\r\n"),
            format!("{request}content-length: {INSIDE}\r\n\r\n"),
            format!("{request}content-type: text/plain\r\ncontent-length: 900\r\n\r\n{}", beacon()),
            format!("{request}content-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n{INSIDE}\r\n"),
            format!("GET /{INSIDE}/canaryunknown3be8 HTTP/9.9\r\n\r\n"),
            format!("canarybody05cf3d {INSIDE}\r\n\r\n"),
            format!("{request}x-canary: {}\r\n\r\n", INSIDE.repeat(20_000)),
        ] {
            let answer = raw(self.passant.public_address(), broken.as_bytes()).await;
            self.answers.extend(answer);
        }
    }

    /// Pages, the script, paths that do not exist, methods that are not allowed, the admin listener.
    async fn other_routes(&mut self) {
        let asked = format!("/canaryunknown3be8/{INSIDE}?canaryquery5d1e07");
        let etag = ("if-none-match", "\"canaryetag1c4b60\"");
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/js/passant.js"),
            (Method::GET, "/api/health"),
            (Method::OPTIONS, "/api/event"),
            (Method::GET, "/api/event"),
            (Method::DELETE, "/js/passant.js"),
            (Method::GET, asked.as_str()),
            (Method::GET, "/api/v1/sites?canaryquery5d1e07"),
        ] {
            let headers =
                [("user-agent", AGENT), ("cookie", "id=canarycookie9e27"), etag, ("x-forwarded-for", INSIDE)];
            let _ = self.request((method, path), &headers, "").await;
        }
        let admin = self.passant.admin();
        for path in ["/metrics?canaryquery5d1e07", &asked, "/healthz", "/readyz"] {
            let headers = [("user-agent", AGENT), ("x-forwarded-for", INSIDE)];
            let answer = admin.send(Method::GET, path, &headers, "").await.expect("an answer");
            self.keep(&answer);
        }
    }

    /// Questions to the reports, wrong in each way. What a question says may be said back to the asker, who proved a
    /// right to ask; so only answers to strangers are kept.
    async fn analysts(&mut self) {
        let bearer = format!("Bearer {}", self.passant.token());
        for question in &questions() {
            let headers =
                [("authorization", bearer.as_str()), ("user-agent", AGENT), ("x-forwarded-for", INSIDE)];
            let public = self.passant.public();
            let asked = public.send(Method::POST, "/api/v2/query", &headers, question.to_string());
            assert!(asked.await.expect("an answer").status.as_u16() < 500, "{question}");
            let stranger = [("authorization", "Bearer canarytoken73aa1b"), ("user-agent", AGENT)];
            let answer =
                self.request((Method::POST, "/api/v2/query"), &stranger, &question.to_string()).await;
            assert!(answer.status.is_client_error(), "{}", answer.text());
        }
        let malformed = format!("{{\"site_id\": {INSIDE} canarybody05cf3d");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let _ = self.passant.public().send(Method::POST, "/api/v2/query", &headers, malformed).await;
    }

    /// Too many beacons of one prefix.
    async fn limits(&mut self) {
        let mut unknown = beacon();
        unknown["d"] = json!("unknown.test");
        let (unknown, headers) =
            (unknown.to_string(), with_defaults(&[("x-forwarded-for", "198.51.100.203")]));
        let public = self.passant.public();
        let at_once = (0..200).map(|_| public.send(Method::POST, "/api/event", &headers, unknown.clone()));
        let answers = join_all(at_once).await;
        let mut limited = 0;
        for answer in answers {
            let answer = answer.expect("an answer");
            limited += u32::from(answer.status == 429);
            self.keep(&answer);
        }
        assert!(limited > 0, "the limit is reached");
    }

    /// Lines that cannot be read, and one whose visitor is named by an address.
    fn imports(&mut self) {
        let line = |visitor: &str, timestamp: &str, extra: Value| {
            let mut line = json!({"timestamp": timestamp, "visitor": visitor, "name": "pageview",
                                  "hostname": "example.com", "pathname": "/imported"});
            line.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            line.to_string()
        };
        let good = "2026-06-01T10:00:00Z";
        let lines = [
            line(INSIDE, INSIDE, json!({})),
            line(INSIDE, good, json!({"props": INSIDE})),
            line(INSIDE, good, json!({"scroll_depth": INSIDE})),
            line(INSIDE, good, json!({"revenue": {"amount": INSIDE, "currency": "canarybody05cf3d"}})),
            line(INSIDE, good, json!({INSIDE: "canarybody05cf3d"})),
            line(INSIDE, good, json!({"name": INSIDE.repeat(60)})),
            format!("{{\"timestamp\": {INSIDE} canarybody05cf3d"),
            line(INSIDE, good, json!({"device": INSIDE})),
            line(INSIDE, good, json!({"country": INSIDE, "user_agent": AGENT})),
        ];
        let import = ["import", "--site", "example.com", "--format", "events", "-"];
        for line in &lines {
            self.import(&import, line);
        }
        let last = line(INSIDE, good, json!({}));
        self.import(
            &[&import[..], &["--skip-bad-lines"]].concat(),
            &[&lines[..7], &[last]].concat().join("\n"),
        );
    }

    fn import(&mut self, arguments: &[&str], lines: &str) {
        let output = self.passant.cli_with_input(arguments, lines);
        self.answers.extend(output.stdout);
        self.answers.extend(output.stderr);
    }

    async fn beacon(&mut self, beacon: &Value, headers: &[(&str, &str)]) -> Answer {
        let headers = with_defaults(headers);
        self.request((Method::POST, "/api/event"), &headers, &beacon.to_string()).await
    }

    async fn beacon_from_peer(&mut self, beacon: &Value, headers: &[(&str, &str)]) -> Answer {
        let peer = HttpClient::from(PEER.parse().unwrap(), self.passant.public_address());
        let headers = with_defaults(headers);
        let answer =
            peer.send(Method::POST, "/api/event", &headers, beacon.to_string()).await.expect("an answer");
        self.keep(&answer);
        answer
    }

    async fn request(
        &mut self,
        (method, path): (Method, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let sent = self.passant.public().send(method, path, headers, body.to_owned()).await;
        let answer = sent.expect("an answer");
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        self.answers.extend(format!("{} {:?}\n", answer.status, answer.headers).bytes());
        self.answers.extend(&answer.body);
        self.answers.push(b'\n');
    }
}

/// A beacon with a canary in each of its parts.
fn beacon() -> Value {
    json!({
        "n": "CanaryEvent4417",
        "u": "https://jane:canarypassword4ac9@example.com/canarypath2f6be1?token=canaryquery5d1e07&gclid=canaryclick31f0c6\
              &utm_campaign=canarycampaign6d0f#canaryfragment88b2",
        "d": "example.com",
        "r": "https://canaryreferrer.example/canaryrefpath60de?q=canaryquery5d1e07",
        "p": {"kind": "canaryproperty99ad"},
    })
}

/// The same as Umami's script has it.
fn umami() -> Value {
    json!({"type": "event", "payload": {
        "website": "example.com", "hostname": "example.com", "url": "/canarypath2f6be1?token=canaryquery5d1e07#canaryfragment88b2",
        "name": "CanaryEvent4417", "data": {"kind": "canaryproperty99ad"}, "id": "canaryvisitor47d2", "vid": INSIDE,
        "screen": "4711x1147", "title": "canarytitle3c55", "language": "canaryplace0e81", "ip": INSIDE,
        "userAgent": AGENT, "referrer": "https://canaryreferrer.example/canaryrefpath60de",
    }})
}

/// Questions with canaries in them; some can be answered.
fn questions() -> [Value; 6] {
    let all = |more: Value| {
        let mut question = json!({"site_id": "example.com", "metrics": ["visitors"], "date_range": "all"});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    [
        all(json!({"metrics": [INSIDE]})),
        all(json!({"site_id": INSIDE})),
        all(json!({"date_range": INSIDE})),
        all(json!({"filters": [["matches", "event:page", [format!("(canaryfilter58c2{INSIDE}")]]]})),
        all(json!({"filters": [["is", "event:page", ["canaryfilter58c2", INSIDE]]]})),
        all(json!({"dimensions": ["event:page", "visit:referrer"]})),
    ]
}

/// Every header that some product takes an address from.
pub(crate) fn forging_headers() -> [(&'static str, &'static str); 12] {
    [
        ("x-forwarded-for", FORGED),
        ("forwarded", "for=203.0.113.171;proto=https"),
        ("x-plausible-ip", FORGED),
        ("x-real-ip", FORGED),
        ("true-client-ip", FORGED),
        ("cf-connecting-ip", FORGED),
        ("cf-connecting-ipv6", FORGED),
        ("fastly-client-ip", FORGED),
        ("fly-client-ip", FORGED),
        ("x-client-ip", FORGED),
        ("x-cluster-client-ip", FORGED),
        ("via", "1.1 203.0.113.171"),
    ]
}

fn with_defaults<'h>(headers: &[(&'h str, &'h str)]) -> Vec<(&'h str, &'h str)> {
    let mut all = headers.to_vec();
    for default in [
        ("user-agent", AGENT),
        ("content-type", "text/plain"),
        ("cookie", "id=canarycookie9e27"),
        ("authorization", "Bearer canarytoken73aa1b"),
    ] {
        if !all.iter().any(|(name, _)| *name == default.0) {
            all.push(default);
        }
    }
    debug_assert!(AGENT.len() > FIREFOX.len());
    all
}

/// Sends bytes from [`PEER`], ends the sending side, and returns what comes back.
async fn raw(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(PEER.parse().unwrap(), 0)).expect("an address of this machine");
    let mut stream = socket.connect(server).await.expect("connected");
    // The server may have heard enough before all is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
