//! Tools for business intelligence read the store: the official clients of two languages against the real server, which
//! lets them read what there is, and nothing else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use passant_tests::{Passant, Settings, binary_directory, free_address, until};
use serde_json::json;

const PASSWORD: &str = "a pass:word";

/// Three pageviews and a purchase, in two visits on either side of midnight in Berlin, where the second begins.
fn events() -> String {
    let line = |time: &str, name: &str, path: &str| json!({"timestamp": time, "visitor": "a", "name": name, "hostname": "example.com", "pathname": path});
    let mut purchase = line("2026-06-02T08:30:00Z", "Purchase", "/it's");
    purchase["props"] = json!({"plan": "gold"});
    purchase["revenue"] = json!({"amount": "12.505", "currency": "EUR"});
    let lines = [
        line("2026-06-01T10:00:00Z", "pageview", "/"),
        line("2026-06-01T10:01:00Z", "pageview", "/it's"),
        line("2026-06-02T08:00:00Z", "pageview", "/it's"),
        purchase,
    ];
    lines.map(|line| line.to_string()).join("\n")
}

/// A server with a listener for tools, and where that is; the events and the name of the site are in the store.
async fn start() -> (Passant, SocketAddr) {
    let address = free_address();
    let config = format!("[engine.tcp]\nlisten = \"{address}\"\nuser = \"bi\"\npassword = \"{PASSWORD}\"\n");
    let passant = Passant::start_with(Settings { config, ..Settings::default() }).await;
    let file = passant.file("events.ndjson");
    std::fs::write(&file, events()).unwrap();
    passant.cli_ok(&["import", "--site", "example.com", "--format", "events", file.to_str().unwrap()]);
    let client = passant_tests::HttpClient::new(address);
    let asked = format!("/?user=bi&password={}&query=SELECT+domain+FROM+passant.sites", "a%20pass%3Aword");
    until("the site has its name in the store", || async {
        let answer = client.get(&asked).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (answer.text() == "example.com\n").then_some(())
    })
    .await;
    (passant, address)
}

/// Where the clients' tests are.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Runs a client's test.
fn run(interpreter: &Path, script: &str, address: SocketAddr) {
    let output = Command::new(interpreter)
        .arg(clients().join(script))
        .args([&address.ip().to_string(), &address.port().to_string(), PASSWORD])
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", interpreter.display()));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}:\n{}{}", said(&output.stdout), said(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_connect_reads_and_does_nothing_else() {
    let python = binary_directory().join("../clients/python/bin/python");
    if !python.exists() {
        println!("SKIPPED: {} is not there: `make setup-clients` installs it where it can", python.display());
        return;
    }
    let (_passant, address) = start().await;
    run(&python, "read.py", address);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_node_reads_and_does_nothing_else() {
    let (_passant, address) = start().await;
    run(Path::new("node"), "read.mjs", address);
}
