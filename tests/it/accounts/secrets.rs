//! Passwords, sessions, links, tokens and codes are in no file, log or metric, at trace level, and neither is where
//! somebody signed in from: hashes alone are kept.

use http::Method;
use passant_tests::canary::{Canary, Search};
use passant_tests::{Passant, Settings};
use serde_json::{Value, json};

use super::{Browser, secret_of};

/// Where the guesses come from.
const ADDRESS: &str = "203.0.113.77";
const PASSWORD: &str = "canary-battery-4fd1c7";
const NEW_PASSWORD: &str = "canary-staple-93ab20";
const LINK_PASSWORD: &str = "canary-link-77e0b3";
const WRONG: &str = "canary-wrong-5b7e61";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_person_is_kept_or_logged() {
    let settings = Settings {
        config: "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n".into(),
        environment: vec![("RUST_LOG".into(), "trace".into())],
        ..Settings::default()
    };
    let mut passant = Passant::with_site(settings);
    passant.run().await;
    let mut secrets = vec![
        ("password", PASSWORD.to_owned()),
        ("new password", NEW_PASSWORD.to_owned()),
        ("wrong password", WRONG.to_owned()),
    ];
    let setup = secret_of(&passant.cli_ok(&["user", "setup-link"]));
    let mut ada = Browser::new(&passant);
    let from = ("x-forwarded-for", ADDRESS);
    let owner = json!({ "token": setup, "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    ada.done(Method::POST, "/api/setup", owner).await;
    secrets.push(("setup link", setup));
    secrets.push(("session", ada.session.clone().expect("signed in")));
    for _ in 0..12 {
        let body = json!({ "email": "ada@example.com", "password": WRONG, "code": "canary-code-1c44" });
        let headers = [("sec-fetch-site", "same-origin"), from, ("content-type", "application/json")];
        let answer = passant.public().send(Method::POST, "/api/session", &headers, body.to_string()).await;
        assert!([401, 429].contains(&answer.expect("an answer").status.as_u16()));
    }
    let invited = ada.done(Method::POST, "/api/v1/users", json!({ "email": "bob@example.com" })).await;
    let link = secret_of(invited["link"].as_str().unwrap());
    let mut bob = Browser::new(&passant);
    bob.done(Method::POST, "/api/password", json!({ "token": link, "password": NEW_PASSWORD })).await;
    secrets.push(("invitation", link));
    secrets.push(("another session", bob.session.clone().expect("signed in")));
    let token = ada.done(Method::POST, "/api/v1/tokens", json!({ "scope": "stats:read" })).await;
    secrets.push(("token", token["token"].as_str().unwrap().to_owned()));
    let path = "/api/v1/account/two-factor";
    let device = bob.done(Method::POST, path, json!({ "password": NEW_PASSWORD })).await;
    let secret = totp_rs::Secret::try_from_base32(device["secret"].as_str().unwrap()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let code = totp.generate(jiff::Timestamp::now().as_second().unsigned_abs()).to_string();
    let confirmed = bob.done(Method::PUT, path, json!({ "code": code })).await;
    for code in confirmed["recovery_codes"].as_array().unwrap() {
        secrets.push(("recovery code", code.as_str().unwrap().to_owned()));
    }
    let link = json!({ "site_id": "example.com", "name": "Board", "password": LINK_PASSWORD });
    let link = ada.done(Method::PUT, "/api/v1/sites/shared-links", link).await;
    let link = secret_of(link["url"].as_str().unwrap());
    let opened = json!({ "link": link, "password": LINK_PASSWORD });
    let opened = Browser::new(&passant).done(Method::POST, "/api/share", opened).await;
    secrets.push(("shared link", link));
    secrets.push(("pass", opened["pass"].as_str().unwrap().to_owned()));
    secrets.push(("password of a link", LINK_PASSWORD.to_owned()));
    ada.send(Method::DELETE, "/api/session", Value::Null).await;
    let metrics = passant.admin().get("/metrics").await.text();
    passant.stop().await;

    let mut canaries: Vec<_> = secrets.iter().map(|(name, word)| Canary::word(name, word)).collect();
    canaries.push(Canary::word("code", "canary-code-1c44"));
    canaries.push(Canary::address("address", ADDRESS.parse().unwrap()));
    let search = Search::new(&canaries);
    let mut sightings = search.below(&passant.file(""));
    sightings.extend(search.within("log", passant.whole_log().as_bytes()));
    sightings.extend(search.within("metrics", metrics.as_bytes()));
    assert!(sightings.is_empty(), "{sightings:#?}");
    // What codes are computed from has to be kept, and is shown to nobody again.
    let device = Canary::word("device", device["secret"].as_str().unwrap());
    assert!(Search::new(&[device]).within("log", passant.whole_log().as_bytes()).is_empty());
}
