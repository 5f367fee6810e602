//! P17: a forwarding header from a peer that is no trusted proxy changes neither id, country nor rate bucket.

use http::Method;
use passant_tests::{FIREFOX, HttpClient, Passant, Settings};
use serde_json::{Value, json};

use super::traffic::{FORGED, PEER, forging_headers};

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// A limit of one event a second lets two through at once.
const BURST: usize = 2;

fn one_a_second() -> Settings {
    let config = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\nproxy_presets = [\"cloudflare\", \"fastly\"]\n\
                  events_per_second_per_prefix = 1\n";
    Settings { config: config.into(), ..Settings::default() }
}

async fn send(client: &HttpClient, headers: &[(&str, &str)]) -> u16 {
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    let headers = [headers, &[("user-agent", FIREFOX), ("content-type", "text/plain")]].concat();
    client.send(Method::POST, "/api/event", &headers, beacon.to_string()).await.unwrap().status.as_u16()
}

async fn exported(passant: &mut Passant, events: u64) -> Vec<Value> {
    passant.until_total("events", events).await;
    let lines = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_header_of_a_direct_peer_changes_neither_id_nor_country_nor_bucket() {
    let mut passant = Passant::start_with(one_a_second()).await;
    let peer = HttpClient::from(PEER.parse().unwrap(), passant.public_address());
    assert_eq!(send(&peer, &[]).await, 202);
    // Each header thrice: if one of them counted, the third beacon would be one too many for the forged prefix.
    let mut events = 1;
    for header in forging_headers() {
        for _ in 0..=BURST {
            assert_eq!(send(&peer, &[header]).await, 202, "{header:?}");
            events += 1;
        }
    }
    let records = exported(&mut passant, events).await;
    assert!(records.iter().all(|record| record["visitor"] == records[0]["visitor"]), "{records:?}");
    assert!(records.iter().all(|record| record.get("country").is_none()), "{records:?}");
    // And nothing was taken from the bucket of whom they named.
    let proxy = passant.public();
    for _ in 0..BURST {
        assert_eq!(send(&proxy, &[("x-forwarded-for", FORGED)]).await, 202);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_behind_the_proxy_forges_changes_neither_its_id_nor_its_country_nor_its_bucket() {
    let mut passant = Passant::start_with(one_a_second()).await;
    let proxy = passant.public();
    // The proxy appends who spoke to it; all that stands before was written by the client.
    let mut statuses = Vec::new();
    for forged in ["", "8.8.8.8, ", "91.198.174.192, ", "127.0.0.1, ", "garbage, ", "2001:4860:4860::8888, "]
    {
        let chain = format!("{forged}81.2.69.142");
        statuses.push(send(&proxy, &[("x-forwarded-for", &chain), ("cf-connecting-ip", "1.1.1.1")]).await);
    }
    // A slow machine may fill the bucket by one meanwhile.
    let passed = statuses.iter().filter(|status| **status == 202).count();
    assert!((BURST..statuses.len()).contains(&passed) && statuses.contains(&429), "{statuses:?}");
    let records = exported(&mut passant, passed as u64).await;
    assert!(records.iter().all(|record| record["country"] == "GB"), "{records:?}");
    assert!(records.iter().all(|record| record["visitor"] == records[0]["visitor"]), "{records:?}");
    // The same header, from another true client, is another visitor: headers do count where they may.
    assert_eq!(send(&proxy, &[("x-forwarded-for", "8.8.8.8")]).await, 202);
    let records = exported(&mut passant, passed as u64 + 1).await;
    assert!(records.iter().any(|record| record["country"] == "US"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_another_visitor_without_a_token_is_refused_or_not_heard() {
    let mut passant = Passant::start().await;
    let client = passant.public();
    let reader = passant.token();
    let reader = format!("Bearer {reader}");
    // Headers of ours say it on purpose: without a token that allows it, nothing is stored.
    for headers in [
        vec![("x-passant-client-address", FORGED)],
        vec![("x-passant-user-agent", CHROME)],
        vec![("x-passant-client-address", FORGED), ("authorization", "Bearer passant_00")],
        vec![("x-passant-client-address", FORGED), ("authorization", "Bearer of good news")],
        vec![("x-passant-client-address", FORGED), ("authorization", "Basic cGFzc2FudDpwYXNzYW50")],
        vec![("x-passant-client-address", FORGED), ("authorization", &reader)],
        vec![("authorization", "Bearer passant_00")],
    ] {
        assert_eq!(send(&client, &headers).await, 401, "{headers:?}");
    }
    assert_eq!(passant.metric("passant_beacons_refused_total{reason=\"token\"}").await, 7.0);
    // Fields of other products' formats, which anyone may fill in, are as if they were not.
    let umami = |more: Value| {
        let mut payload = json!({"website": "example.com", "hostname": "example.com", "url": "/"});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "event", "payload": payload})
    };
    let forged = umami(json!({"ip": FORGED, "userAgent": CHROME, "id": "jane"}));
    let matomo = "idsite=1&rec=1&url=https%3A%2F%2Fexample.com%2F";
    let claims =
        "cip=203.0.113.171&ua=Mozilla%2F5.0+Chrome%2F142&lang=fr&_id=0123456789abcdef&uid=jane&cid=1";
    let plain = [
        (Method::POST, "/api/send".to_owned(), umami(json!({})).to_string()),
        (Method::POST, "/api/send".to_owned(), forged.to_string()),
        (Method::POST, "/api/batch".to_owned(), json!([forged]).to_string()),
        (Method::GET, format!("/matomo.php?{matomo}&{claims}"), String::new()),
        (Method::POST, format!("/matomo.php?{matomo}"), claims.to_owned()),
        (
            Method::POST,
            "/matomo.php".to_owned(),
            json!({"requests": [format!("?{matomo}&{claims}")]}).to_string(),
        ),
        (
            Method::GET,
            "/p.gif?d=example.com&u=https%3A%2F%2Fexample.com%2F&ip=203.0.113.171".to_owned(),
            String::new(),
        ),
    ];
    let events = plain.len() as u64;
    for (method, path, body) in plain {
        let headers = [("user-agent", FIREFOX), ("authorization", "Bearer somebody-elses")];
        let answer = client.send(method, &path, &headers, body).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text());
        assert_eq!(answer.header("x-passant-discarded"), "", "{path}");
    }
    let hits = json!({"hits": [{"path": "/", "ip": FORGED, "user_agent": CHROME}]}).to_string();
    let refused = client.send(Method::POST, "/api/v0/count", &[("user-agent", FIREFOX)], hits).await.unwrap();
    assert_eq!(refused.status, 401);
    let records = exported(&mut passant, events).await;
    for record in &records {
        assert_eq!(record["visitor"], records[0]["visitor"], "{record}");
        assert_eq!((&record["browser"], record.get("country")), (&json!("Firefox"), None), "{record}");
        assert_eq!(record.get("language"), records[0].get("language"));
    }
}
