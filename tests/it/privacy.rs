//! The privacy promises, each held against the real binary by a test that can fail: one file a promise, under its
//! number in `docs/privacy.md`.
//!
//! What goes in are canaries, what comes out is searched for them in every form. No test here may look only where it
//! expects something to be.

mod p01_addresses;
mod p02_keys;
mod p03_attack;
mod p04_unlinkable;
mod p05_country;
mod p06_answers;
mod p07_script;
mod p08_queries;
mod p10_referrers;
mod p12_retention;
mod p17_forged_headers;
mod p20_logs;
mod search;
mod traffic;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use passant_tests::canary::{Search, Sighting};
use passant_tests::{Passant, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

/// A directory for the keys of the day, on a tmpfs as the product demands.
fn key_directory() -> TempDir {
    let for_us_alone = std::fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    builder.prefix("passant-test-").permissions(for_us_alone).tempdir_in("/dev/shm").expect("a tmpfs")
}

/// A server that logs all it can, behind one trusted proxy at 127.0.0.1, with its keys where the test sees them.
fn talkative(keys: &Path, ingest: &str) -> Settings {
    let config = format!(
        "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\nkey_directory = \"{}\"\n{ingest}\n",
        keys.display()
    );
    let environment = vec![("RUST_LOG".into(), "trace".into()), ("TMPDIR".into(), ".".into())];
    Settings { config, environment, ..Settings::default() }
}

/// The answer of the engine to one statement.
async fn engine_says(passant: &Passant, sql: &str) -> Vec<u8> {
    let socket =
        tokio::net::UnixStream::connect(passant.data().join("engine.sock")).await.expect("an engine");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("a connection");
    tokio::spawn(connection);
    let body = Full::new(Bytes::from(sql.to_owned()));
    let request = http::Request::post("/").header("host", "engine").body(body);
    let response = sender.send_request(request.expect("a request")).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
    assert_eq!(status, 200, "{sql}: {}", String::from_utf8_lossy(&body));
    body.to_vec()
}

/// Every column of every table, as text and as bytes, and what the engine remembers of its errors: compressed parts
/// hide what they hold from a search of files.
async fn stored(passant: &Passant) -> Vec<(String, Vec<u8>)> {
    let tables = engine_says(
        passant,
        "SELECT database || '.' || name FROM system.tables WHERE lower(database) NOT IN ('system', 'information_schema') FORMAT TSV",
    )
    .await;
    let mut tables: Vec<String> =
        String::from_utf8(tables).expect("names").lines().map(str::to_owned).collect();
    assert!(tables.iter().any(|table| table == "passant.events"), "{tables:?}");
    tables.push("system.errors".into());
    let mut contents = Vec::new();
    for table in tables {
        for format in ["TSV", "RowBinary"] {
            let rows = engine_says(passant, &format!("SELECT * FROM {table} FORMAT {format}")).await;
            contents.push((format!("table {table} as {format}"), rows));
        }
    }
    contents
}

/// Everything that this server has written or can be made to say: its data, the keys' directory, its working
/// directory with what it dropped there, its log, its metrics, its tables, its commands' outputs.
async fn everything(passant: &Passant, keys: &Path, search: &Search) -> Vec<Sighting> {
    let mut sightings = search.below(&working_directory(passant));
    sightings.extend(search.below(keys));
    sightings.extend(search.within("log", passant.whole_log().as_bytes()));
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = passant.admin().get(path).await;
        sightings.extend(search.within(path, format!("{:?} {}", answer.headers, answer.text()).as_bytes()));
    }
    for (place, content) in stored(passant).await {
        sightings.extend(search.within(&place, &content));
    }
    for arguments in [
        &["export", "--site", "example.com", "--format", "events"][..],
        &["site", "list"],
        &["migrate"],
        &["check-config"],
    ] {
        let output = passant.cli(arguments);
        sightings.extend(search.within(&format!("output of {arguments:?}"), &output.stdout));
        sightings.extend(search.within(&format!("words of {arguments:?}"), &output.stderr));
    }
    sightings
}

/// Lifts the limit on core files that this machine may have set, as far as it lets us: a search for what a crash leaves
/// proves nothing where no crash could leave anything.
fn allow_core_dumps() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).expect("the limit is lifted");
}

/// Where the server runs: its data, its configuration, and any core file.
fn working_directory(passant: &Passant) -> PathBuf {
    passant.file("")
}

/// Fails with all sightings, if there are any.
fn assert_none(sightings: &[Sighting]) {
    let lines = sightings.iter().map(|sighting| format!("{sighting:?}")).collect::<Vec<_>>();
    assert!(lines.is_empty(), "{} sightings:\n{}", lines.len(), lines.join("\n"));
}
