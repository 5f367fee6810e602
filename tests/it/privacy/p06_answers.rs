//! P6: no cookie, no validator and no byte that differs between two visitors, on script and beacon routes.

use std::collections::BTreeMap;

use http::Method;
use passant_tests::{Answer, FIREFOX, HttpClient, Passant, Settings};
use serde_json::json;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Headers that let a server know a visitor again.
const MARKS: [&str; 8] = [
    "set-cookie",
    "etag",
    "last-modified",
    "clear-site-data",
    "accept-ch",
    "nel",
    "report-to",
    "strict-transport-security",
];

/// Everything of an answer but its time.
fn bytes(answer: &Answer) -> (u16, BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let mut headers = BTreeMap::<String, Vec<u8>>::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| *name != "date") {
        headers.entry(name.to_string()).or_default().extend(value.as_bytes());
    }
    (answer.status.as_u16(), headers, answer.body.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_visitors_with_nothing_in_common_get_the_same_bytes() {
    let config = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let mut passant = Passant::with_site(Settings { config: config.into(), ..Settings::default() });
    // By which GoatCounter's clients ask.
    passant.cli_ok(&["site", "set", "example.com", "--goatcounter-hosts", "127.0.0.1"]);
    passant.run().await;
    let one = HttpClient::from("127.0.0.1".parse().unwrap(), passant.public_address());
    let other = HttpClient::from("127.81.4.9".parse().unwrap(), passant.public_address());
    let headers_of_one = [
        ("user-agent", FIREFOX),
        ("accept-language", "de-CH"),
        ("x-forwarded-for", "91.198.174.192"),
        ("origin", "https://example.com"),
    ];
    let headers_of_other = [
        ("user-agent", CHROME),
        ("accept-language", "en-GB,en;q=0.5"),
        ("origin", "https://shop.example.com"),
        ("referer", "https://shop.example.com/a?b=c"),
        ("cookie", "id=7f3a; passant=1"),
        ("if-none-match", "\"7f3a\", W/\"x\", *"),
        ("if-modified-since", "Sat, 21 Nov 2026 08:00:00 GMT"),
        ("cache-control", "max-age=0"),
        ("sec-ch-ua-platform", "\"Windows\""),
        ("dpr", "2"),
    ];
    let page = |url: &str| json!({"n": "pageview", "u": url, "d": "example.com"}).to_string();
    let umami = |hostname: &str| {
        let payload = json!({"website": "example.com", "hostname": hostname, "url": "/", "id": hostname});
        json!({"type": "event", "payload": payload}).to_string()
    };
    let routes = [
        (Method::GET, "/js/passant.js", String::new(), String::new(), 200),
        (Method::HEAD, "/js/passant.js", String::new(), String::new(), 200),
        (Method::GET, "/js/passant.forms.hash.js", String::new(), String::new(), 200),
        (Method::GET, "/js/pa-1a2b3c.js", String::new(), String::new(), 200),
        (Method::GET, "/js/none.js", String::new(), String::new(), 404),
        (
            Method::POST,
            "/api/event",
            page("https://example.com/"),
            page("https://example.com/other?a=b"),
            202,
        ),
        (Method::POST, "/api/event", "{".into(), "{\"n\":".into(), 400),
        (Method::POST, "/api/event", page("data:x"), page("data:y"), 400),
        (Method::OPTIONS, "/api/event", String::new(), String::new(), 204),
        (Method::GET, "/api/event", String::new(), String::new(), 405),
        (
            Method::GET,
            "/p.gif?d=example.com&u=https%3A%2F%2Fexample.com%2F",
            String::new(),
            String::new(),
            200,
        ),
        (Method::GET, "/p.gif?d=example.com&u=data:", String::new(), String::new(), 400),
        (Method::POST, "/api/send", umami("example.com"), umami("www.example.com"), 200),
        (Method::POST, "/api/send", "[]".into(), "7".into(), 400),
        (
            Method::POST,
            "/api/batch",
            format!("[{}]", umami("example.com")),
            format!("[{}]", umami("www.example.com")),
            200,
        ),
        (Method::GET, "/count?p=/a", String::new(), String::new(), 200),
        (Method::POST, "/api/v0/count", "{}".into(), "{".into(), 401),
        (
            Method::GET,
            "/matomo.php?idsite=3&rec=1&url=https://example.com/",
            String::new(),
            String::new(),
            200,
        ),
        (
            Method::POST,
            "/piwik.php?idsite=3&rec=1&send_image=0",
            "url=https://example.com/&_id=0123456789abcdef".into(),
            "url=https://example.com/a&_id=fedcba9876543210".into(),
            204,
        ),
    ];
    for (method, path, of_one, of_other, status) in routes {
        let mut answers = Vec::new();
        for (client, headers, body) in
            [(&one, &headers_of_one[..], of_one), (&other, &headers_of_other, of_other)]
        {
            // Twice each: a mark would be set at the first visit and read at the second.
            for _ in 0..2 {
                answers.push(client.send(method.clone(), path, headers, body.clone()).await.unwrap());
            }
        }
        let first = bytes(&answers[0]);
        assert_eq!(first.0, status, "{method} {path}");
        for answer in &answers {
            assert_eq!(bytes(answer), first, "{method} {path}");
            for mark in MARKS {
                assert!(!answer.headers.contains_key(mark), "{method} {path}: {mark}");
            }
        }
    }
}
