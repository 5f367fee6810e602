//! The dashboard that is built in: made from what the server says of itself, and served as it was built.

use http::{Method, StatusCode};
use passant_tests::{Answer, Passant};
use serde_json::Value;

/// The descriptions that the dashboard's types are generated from, and where they are served.
const DESCRIPTIONS: [(&str, &str); 3] = [
    ("/api/openapi.json", "stats.json"),
    ("/api/v1/sites/openapi.json", "sites.json"),
    ("/api/v1/accounts/openapi.json", "accounts.json"),
];

/// `make openapi` sets it, to write the files instead of comparing them.
const WRITE: &str = "PASSANT_WRITE_OPENAPI";

/// The paths of the files that the page names.
pub(crate) async fn files(passant: &Passant) -> Vec<String> {
    let page = passant.public().get("/").await.text();
    let named = page.split('"').filter(|part| part.starts_with("/assets/"));
    let files: Vec<_> = named.map(str::to_owned).collect();
    assert!(files.len() >= 3, "script, style and icon: {page}");
    files
}

#[tokio::test]
async fn the_dashboard_is_built_from_what_the_server_describes() {
    let passant = Passant::start().await;
    for (path, file) in DESCRIPTIONS {
        let described = passant.public().get(path).await.json();
        let file = format!("{}/../dashboards/web/api/{file}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os(WRITE).is_some() {
            let text = serde_json::to_string_pretty(&described).unwrap();
            std::fs::write(&file, format!("{text}\n")).unwrap();
        }
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(described == committed, "{file} is not what {path} says: run `make openapi`");
    }
}

#[tokio::test]
async fn a_file_is_kept_for_as_long_as_its_name_says_what_is_in_it() {
    let passant = Passant::start().await;
    let files = files(&passant).await;
    for path in &files {
        let plain = passant.public().get(path).await;
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
        for coding in ["br", "gzip"] {
            let packed = asked(&passant, path, coding).await;
            assert_eq!(packed.header("content-encoding"), coding, "{path}");
            assert!(packed.body.len() < plain.body.len(), "{path} as {coding}");
        }
    }
    let page = passant.public().get("/").await;
    assert_eq!(page.header("cache-control"), "no-cache");
    for path in ["/setup", "/password", "/share/example.com"] {
        assert_eq!(passant.public().get(path).await.body, page.body, "{path}");
    }
    assert_eq!(passant.public().get("/assets/nothing.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_may_run_and_load_what_is_its_own_and_nothing_inline() {
    let passant = Passant::start().await;
    let page = passant.public().get("/").await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = page.text();
    assert!(!page.contains("style=") && !page.contains("http:") && !page.contains("https:"), "{page}");
    assert!(page.split("<script").skip(1).all(|script| script.contains("src=\"/assets/")), "{page}");
}

async fn asked(passant: &Passant, path: &str, coding: &str) -> Answer {
    passant.public().send(Method::GET, path, &[("accept-encoding", coding)], "").await.unwrap()
}
