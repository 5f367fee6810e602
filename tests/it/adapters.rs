//! What clients of other products send, through the real binary: the same visit gives the same rows whichever format it
//! comes in, what is wrong gets the status that the format promises, and who has a token speaks for whom it names.

use http::Method;
use passant_tests::{Answer, FIREFOX, Passant, Settings, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WEBSITE: &str = "b59e9c65-ae32-47f1-8400-119fcf4861c4";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

/// One request of a client.
struct Sent {
    method: Method,
    path: String,
    body: String,
}

fn get(path: &str) -> Sent {
    Sent { method: Method::GET, path: path.into(), body: String::new() }
}

fn post(path: &str, body: impl ToString) -> Sent {
    Sent { method: Method::POST, path: path.into(), body: body.to_string() }
}

async fn send(passant: &Passant, sent: &Sent, headers: &[(&str, &str)]) -> Answer {
    let mut all = headers.to_vec();
    if !headers.iter().any(|(name, _)| *name == "user-agent") {
        all.push(("user-agent", FIREFOX));
    }
    passant.public().send(sent.method.clone(), &sent.path, &all, sent.body.clone()).await.expect("an answer")
}

/// How a body of so many bytes is answered, whose sender has said so and then waits.
async fn announced(passant: &Passant, path: &str, bytes: usize) -> String {
    let mut stream = TcpStream::connect(passant.public_address()).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n\r\n{{\"type\":");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    String::from_utf8_lossy(&start).into_owned()
}

/// A server whose site goes by the names that other products gave it.
async fn known_elsewhere() -> Passant {
    let passant = Passant::with_site(Settings::default());
    let names = ["--umami-website-ids", WEBSITE, "--matomo-site-ids", "3", "--currency", "EUR"];
    passant.cli_ok(&[&["site", "set", "example.com"][..], &names].concat());
    let mut passant = passant;
    passant.run().await;
    passant
}

/// A page view with a source, then an event of it, as each format has them.
fn visit_in_each_format() -> Vec<(&'static str, Vec<Sent>)> {
    let url = "https%3A%2F%2Fwww.example.com%2Fshop%2Fcaf%25C3%25A9%3Futm_source%3Dnewsletter%26session%3Dx";
    let referrer = "https%3A%2F%2Fnews.ycombinator.com%2Fitem%3Fid%3D1";
    let umami = |more: Value| {
        let mut payload = json!({
            "website": WEBSITE, "hostname": "www.example.com", "screen": "1920x1080", "language": "en-US",
            "title": "Café", "url": "/shop/caf%C3%A9?utm_source=newsletter&session=x",
            "referrer": "https://news.ycombinator.com/item?id=1", "id": "jane",
        });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "event", "payload": payload})
    };
    let ours = |name: &str| {
        json!({"n": name, "d": "example.com", "r": "https://news.ycombinator.com/item?id=1",
               "u": "https://www.example.com/shop/caf%C3%A9?utm_source=newsletter&session=x"})
    };
    let matomo = format!(
        "idsite=3&rec=1&url={url}&urlref={referrer}&_id=0123456789abcdef&uid=jane&res=1920x1080&send_image=0"
    );
    vec![
        ("ours", vec![post("/api/event", ours("pageview")), post("/api/event", ours("Signup"))]),
        (
            "pixel",
            vec![
                get(&format!("/p.gif?u={url}&r={referrer}")),
                get(&format!("/p.gif?u={url}&r={referrer}&n=Signup")),
            ],
        ),
        (
            "umami",
            vec![post("/api/send", umami(json!({}))), post("/api/send", umami(json!({"name": "Signup"})))],
        ),
        (
            "umami batch",
            vec![post("/api/batch", json!([umami(json!({})), umami(json!({"name": "Signup"}))]))],
        ),
        (
            "goatcounter",
            vec![
                get(&format!(
                    "/count?p=%2Fshop%2Fcaf%25C3%25A9&q=%3Futm_source%3Dnewsletter&r={referrer}&t=Caf&s=1920,1080,1&b=0&rnd=a1"
                )),
                get(&format!("/count?p=Signup&e=true&q=%3Futm_source%3Dnewsletter&r={referrer}&rnd=a2")),
            ],
        ),
        (
            "matomo",
            vec![get(&format!("/matomo.php?{matomo}")), post("/piwik.php", format!("{matomo}&e_c=Signup"))],
        ),
        (
            "matomo bulk",
            vec![post(
                "/matomo.php",
                json!({"requests": [format!("?{matomo}"), format!("?{matomo}&e_c=Signup")]}),
            )],
        ),
    ]
}

async fn exported(passant: &mut Passant, events: u64) -> Vec<Value> {
    passant.until_total("events", events).await;
    let lines = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visit_gives_the_same_rows_in_every_format() {
    let mut passant = known_elsewhere().await;
    let formats = visit_in_each_format();
    for (format, visit) in &formats {
        for sent in visit {
            // The host is of GoatCounter's formats alone, which have no other word for it.
            let headers = [("referer", "https://www.example.com/shop/caf%C3%A9"), ("accept-language", "de")];
            let answer = send(&passant, sent, &headers).await;
            assert!(answer.status.is_success(), "{format}: {} {}", answer.status, answer.text());
            assert_eq!(answer.header("x-passant-discarded"), "", "{format}");
            assert!(answer.headers.get("set-cookie").is_none(), "{format}");
        }
    }
    let mut records = exported(&mut passant, formats.len() as u64 * 2).await;
    for record in &mut records {
        record.as_object_mut().unwrap().remove("timestamp");
    }
    let of = |name: &str| records.iter().filter(|record| record["name"] == name).collect::<Vec<_>>();
    for name in ["pageview", "Signup"] {
        let rows = of(name);
        assert_eq!(rows.len(), formats.len(), "{name}");
        assert_eq!(rows[0]["pathname"], "/shop/café");
        assert_eq!(
            (&rows[0]["source"], &rows[0]["referrer"]),
            (&json!("newsletter"), &json!("news.ycombinator.com"))
        );
        for row in &rows {
            assert_eq!(row, &rows[0], "{name}");
        }
    }
    let question = json!({"metrics": ["visitors", "pageviews", "events"], "date_range": "all"});
    let report = passant.report(question).await;
    assert_eq!(report["results"][0]["metrics"], json!([1, 7, 14]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_products_call_an_event_keeps_its_properties_and_its_amount() {
    let mut passant = known_elsewhere().await;
    let page = "idsite=3&rec=1&url=https%3A%2F%2Fexample.com%2F";
    for sent in [
        get(&format!("/matomo.php?{page}")),
        get(&format!("/matomo.php?{page}&idgoal=2&revenue=12.50&dimension1=member")),
        get(&format!("/matomo.php?{page}&e_c=Videos&e_a=Play&e_n=Intro&e_v=3")),
        get(&format!("/matomo.php?{page}&link=https%3A%2F%2Fb.example%2Fx%3Ftoken%3D1")),
        post(
            "/api/send",
            json!({"type": "event", "payload": {"website": WEBSITE, "url": "/", "hostname": "example.com",
                   "name": "Order", "data": {"revenue": 9.5, "currency": "USD", "plan": "pro", "deep": {"a": 1}}}}),
        ),
    ] {
        let answer = send(&passant, &sent, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-passant-discarded")),
            (200, ""),
            "{}",
            answer.text()
        );
    }
    let records = exported(&mut passant, 5).await;
    let of = |name: &str| records.iter().find(|record| record["name"] == name).unwrap_or(&Value::Null);
    assert_eq!(of("Goal 2")["revenue"], json!({"amount": "12.50", "currency": "EUR"}));
    assert_eq!(of("Goal 2")["props"], json!({"dimension1": "member"}));
    assert_eq!(of("Videos: Play")["props"], json!({"name": "Intro", "value": "3"}));
    assert_eq!(of("Outbound Link: Click")["props"], json!({"url": "https://b.example/x"}));
    assert_eq!(of("Order")["revenue"], json!({"amount": "9.50", "currency": "USD"}));
    assert_eq!(of("Order")["props"], json!({"plan": "pro"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_found_by_its_setting_by_the_pages_host_or_by_the_host_that_is_asked() {
    let mut passant = known_elsewhere().await;
    passant.cli_ok(&["site", "add", "shop.example", "--timezone", "UTC"]);
    passant.cli_ok(&["site", "set", "shop.example", "--goatcounter-hosts", "127.0.0.1"]);
    let count = get("/count?p=/a");
    until("the setting is known", || async {
        (send(&passant, &count, &[]).await.status == 200).then_some(())
    })
    .await;
    // Named by nothing but the page's host.
    let matomo = get("/matomo.php?idsite=99&rec=1&url=https%3A%2F%2Fwww.example.com%2Fb");
    let umami =
        json!({"type": "event", "payload": {"website": "site", "hostname": "example.com", "url": "/c"}});
    for sent in [matomo, post("/api/send", umami)] {
        let answer = send(&passant, &sent, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-passant-discarded")),
            (200, ""),
            "{}",
            sent.path
        );
    }
    let pages: Vec<_> =
        exported(&mut passant, 2).await.iter().map(|record| record["pathname"].clone()).collect();
    assert!(pages.contains(&json!("/b")) && pages.contains(&json!("/c")), "{pages:?}");
    let shop = passant.cli_ok(&["export", "--site", "shop.example", "--format", "events"]);
    let shop: Value = serde_json::from_str(shop.lines().next().expect("counted")).unwrap();
    assert_eq!((&shop["hostname"], &shop["pathname"]), (&json!("shop.example"), &json!("/a")));
    // By nothing at all.
    for (sent, status) in [
        (get("/matomo.php?idsite=99&rec=1&url=https%3A%2F%2Felsewhere.test%2F"), 400),
        (post("/api/send", json!({"type": "event", "payload": {"website": "site", "url": "/"}})), 400),
        (get("/p.gif?d=elsewhere.test&u=https%3A%2F%2Felsewhere.test%2F"), 200),
    ] {
        let before = passant.metric("passant_events_total{outcome=\"unknown_site\"}").await;
        let answer = send(&passant, &sent, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-passant-discarded")), (status, "unknown_site"));
        assert_eq!(passant.metric("passant_events_total{outcome=\"unknown_site\"}").await, before + 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_gets_the_status_of_its_format_and_is_counted() {
    let passant = known_elsewhere().await;
    let token = passant.cli_ok(&["token", "create", "--scope", "events:write", "--site", "example.com"]);
    let bearer = format!("Bearer {token}");
    let count = |hits: Value| post("/api/v0/count", json!({"hits": hits}));
    until("the token is known", || async {
        let answer = send(&passant, &count(json!([])), &[("authorization", &bearer)]).await;
        (answer.status == 400).then_some(())
    })
    .await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let invalid = "passant_beacons_refused_total{reason=\"invalid\"}";
    let too_large = "passant_beacons_refused_total{reason=\"too_large\"}";
    let refused = "passant_beacons_refused_total{reason=\"token\"}";
    let method = "passant_beacons_refused_total{reason=\"method\"}";
    let discarded = "passant_events_total{outcome=\"not_counted\"}";
    let bot = "passant_events_total{outcome=\"bot\"}";
    let cases = [
        (get("/p.gif?d=example.com"), 400, invalid, "url: is required"),
        (post("/p.gif", ""), 405, method, ""),
        (post("/api/send", "{"), 400, invalid, r#"{"error":{"message":""#),
        (post("/api/send", &deep), 400, invalid, r#"{"error""#),
        (post("/api/send", r#"{"type":7,"payload":[]}"#), 400, invalid, r#"{"error""#),
        (
            post("/api/send", json!({"type": "identify", "payload": {"website": WEBSITE}})),
            200,
            discarded,
            r#"{"cache":"""#,
        ),
        (post("/api/batch", "{}"), 400, invalid, r#"{"error""#),
        (
            post("/api/batch", json!([7])),
            200,
            invalid,
            r#"{"size":1,"processed":0,"errors":1,"details":[{"index":0"#,
        ),
        (get("/count?t=x"), 400, invalid, "GIF89a"),
        (get("/count?p=/a&b=3"), 400, invalid, "GIF89a"),
        (get("/count?p=/a&b=150"), 202, bot, "GIF89a"),
        (post("/api/v0/count", json!({"hits": [{"path": "/a"}]})), 401, refused, "the token"),
        (get("/matomo.php"), 400, invalid, "rec: should be 1"),
        (get("/matomo.php?idsite=3&rec=1"), 400, invalid, "url: is required"),
        (post("/piwik.php", &deep), 400, invalid, "rec: should be 1"),
        (post("/piwik.php", format!("{{\"requests\":{deep}}}")), 400, invalid, "requests"),
        (get("/matomo.php?idsite=3&rec=1&url=https://example.com/&ping=1"), 200, discarded, "GIF89a"),
        (
            get("/matomo.php?idsite=3&rec=1&url=https://example.com/&token_auth=wrong"),
            401,
            refused,
            "the token",
        ),
    ];
    for (sent, status, metric, words) in cases {
        let before = passant.metric(metric).await;
        let answer = send(&passant, &sent, &[]).await;
        let start: String = sent.body.chars().take(60).collect();
        assert_eq!(answer.status.as_u16(), status, "{} {start}: {}", sent.path, answer.text());
        assert!(answer.text().starts_with(words), "{} {start}: {}", sent.path, answer.text());
        assert_eq!(passant.metric(metric).await, before + 1.0, "{} {start}: {metric}", sent.path);
    }
    for path in ["/api/send", "/api/batch", "/matomo.php", "/piwik.php"] {
        let before = passant.metric(too_large).await;
        assert_eq!(announced(&passant, path, 1_000_000).await, "HTTP/1.1 413", "{path}");
        assert_eq!(passant.metric(too_large).await, before + 1.0, "{path}");
    }
    let broken = &b"{\"type\":\"\xff\"}"[..];
    let headers = [("user-agent", FIREFOX)];
    let answer = passant.public().send(Method::POST, "/api/send", &headers, broken).await.unwrap();
    assert_eq!(answer.status, 400);
    // Of several, those that are right are stored, and the others named.
    let hits = count(json!([{"path": "/a", "ip": "198.51.100.7", "user_agent": FIREFOX}, {"path": ""}, 7]));
    let answer = send(&passant, &hits, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json(), json!({"errors": {"1": "path: must be set", "2": "hit: must be an object"}}));
    assert_eq!(passant.metric("passant_events_total{outcome=\"accepted\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_with_a_token_speaks_for_the_visitor_that_it_names() {
    let mut passant = known_elsewhere().await;
    passant.cli_ok(&["site", "add", "other.example", "--timezone", "UTC"]);
    let token = passant.cli_ok(&["token", "create", "--scope", "events:write", "--site", "example.com"]);
    let bearer = format!("Bearer {token}");
    let authorized = ("authorization", bearer.as_str());
    until("the token is known", || async {
        (send(&passant, &post("/api/event", "{"), &[authorized]).await.status == 400).then_some(())
    })
    .await;
    let beacon =
        |site: &str| post("/api/event", json!({"n": "pageview", "u": "https://example.com/", "d": site}));
    let named = [("x-passant-client-address", "8.8.8.8"), ("x-passant-user-agent", IPHONE)];
    let of_a_server =
        [&named[..], &[authorized, ("user-agent", "curl/8.5.0"), ("content-type", "text/plain")]].concat();
    let hit = json!({"hits": [{"path": "/", "ip": "8.8.8.8", "user_agent": IPHONE, "session": "s1"}]});
    let umami = json!({"type": "event", "payload": {"website": WEBSITE, "url": "/", "hostname": "example.com",
                       "ip": "8.8.8.8", "userAgent": IPHONE, "id": "jane"}});
    let iphone = IPHONE.replace(' ', "+").replace(';', "%3B");
    let matomo = format!(
        "/matomo.php?idsite=3&rec=1&url=https%3A%2F%2Fexample.com%2F&cip=8.8.8.8&ua={iphone}&uid=jane&token_auth={token}"
    );
    for (sent, headers) in [
        (beacon("example.com"), &of_a_server[..]),
        (post("/api/v0/count", hit), &[authorized]),
        (post("/api/send", umami), &[authorized]),
        (get(&matomo), &[]),
    ] {
        let answer = send(&passant, &sent, headers).await;
        assert!(answer.status.is_success(), "{}: {} {}", sent.path, answer.status, answer.text());
        assert_eq!(answer.header("x-passant-discarded"), "", "{}", sent.path);
    }
    let records = exported(&mut passant, 4).await;
    for record in &records {
        assert_eq!((&record["country"], &record["os"]), (&json!("US"), &json!("iOS")), "{record}");
        assert_eq!(record["visitor"], records[0]["visitor"]);
    }
    // For another site it may not, and what is no address is nobody's.
    let answer = send(&passant, &beacon("other.example"), &of_a_server).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"));
    let nobody = [authorized, ("x-passant-client-address", "nobody")];
    let answer = send(&passant, &beacon("example.com"), &nobody).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["errors"]["client_address"][0]),
        (400, &json!("must be an address"))
    );
    // Once it is revoked it speaks for nobody.
    let listed = passant.cli_ok(&["token", "list", "--json"]);
    let ours = listed.lines().find(|line| line.contains("events:write")).unwrap();
    let ours: Value = serde_json::from_str(ours).unwrap();
    passant.cli_ok(&["token", "revoke", &ours["id"].to_string()]);
    until("it is revoked", || async {
        (send(&passant, &beacon("example.com"), &of_a_server).await.status == 401).then_some(())
    })
    .await;
}
