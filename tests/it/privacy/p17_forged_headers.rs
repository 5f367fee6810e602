//! P17: a forwarding header from a peer that is no trusted proxy changes neither id, country nor rate bucket.

use http::Method;
use passant_tests::{FIREFOX, HttpClient, Passant, Settings};
use serde_json::{Value, json};

use super::traffic::{FORGED, PEER, forging_headers};

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
