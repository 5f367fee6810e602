//! P7: the script is what its published hash says. (What it touches in a browser is watched by its own tests.)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use passant_tests::Passant;
use serde_json::json;
use sha2::{Digest, Sha384};

#[tokio::test(flavor = "multi_thread")]
async fn the_snippets_hash_is_that_of_the_script_that_is_served() {
    let passant = Passant::start().await;
    let plain = passant.cli_ok(&["site", "snippet", "example.com"]);
    assert!(
        !plain.contains("integrity"),
        "an update would silence a site that did not ask for the hash: {plain}"
    );
    let pinned = passant.cli_ok(&["site", "snippet", "example.com", "--integrity"]);
    let script = passant.public().get("/js/passant.js").await;
    let hash = format!("sha384-{}", STANDARD.encode(Sha384::digest(&script.body)));
    assert!(pinned.contains(&format!(" integrity=\"{hash}\" crossorigin=\"anonymous\"")), "{hash}: {pinned}");
    // Without this a browser may not look at another origin's bytes, and refuses what it cannot hash.
    assert_eq!(script.header("access-control-allow-origin"), "*");
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin");

    // What a site wants besides stands in the script's name, and is hashed with it.
    passant.cli_ok(&["site", "set", "example.com", "--script-options", "outbound-links,hash"]);
    let pinned = passant.cli_ok(&["site", "snippet", "example.com", "--integrity"]);
    let path = "/js/passant.outbound-links.hash.js";
    let script = passant.public().get(path).await;
    let hash = format!("sha384-{}", STANDARD.encode(Sha384::digest(&script.body)));
    assert!(pinned.contains(&format!("{path}\" integrity=\"{hash}\"")), "{hash}: {pinned}");

    let token = passant.cli_ok(&["token", "create", "--site", "example.com", "--scope", "stats:read"]);
    let headers = [("authorization", format!("Bearer {token}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let told = passant.public().send(Method::GET, "/api/v1/sites/example.com/script", &headers, "").await;
    assert_eq!(
        told.unwrap().json(),
        json!({ "domain": "example.com", "path": path, "integrity": hash, "event_path": "/api/event" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_is_compressed_and_kept_for_a_day() {
    let passant = Passant::start().await;
    let plain = passant.public().get("/js/passant.js").await;
    assert_eq!(plain.header("cache-control"), "public, max-age=86400");
    for coding in ["br", "gzip"] {
        let headers = [("accept-encoding", coding)];
        let packed = passant.public().send(Method::GET, "/js/passant.js", &headers, "").await.unwrap();
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), (coding, "accept-encoding"));
        assert!(packed.body.len() * 10 < plain.body.len() * 6, "{coding}: {} bytes", packed.body.len());
    }
}
