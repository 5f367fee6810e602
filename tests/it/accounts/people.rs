//! Inviting people, giving them roles, and the tokens that they make.

use http::Method;
use passant_tests::{Passant, Settings};
use serde_json::{Value, json};

use super::{Browser, PASSWORD, add, said, secret_of};

#[tokio::test]
async fn who_is_invited_chooses_a_password_and_has_the_role_that_was_meant() {
    let settings = "[accounts]\nbase_url = \"https://stats.example.com/\"\n";
    let passant = Passant::start_with(Settings { config: settings.into(), ..Settings::default() }).await;
    passant.cli_ok(&["site", "add", "other.example"]);
    add(&passant, &["ada@example.com", "--name", "Ada", "--owner"]);
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let body = json!({ "email": "bob@example.com", "sites": { "example.com": "analyst" } });
    let invited = ada.done(Method::POST, "/api/v1/users", body.clone()).await;
    let link = invited["link"].as_str().unwrap();
    assert!(link.starts_with("https://stats.example.com/password#"), "{link}");
    assert_eq!(said(&ada.send(Method::POST, "/api/v1/users", body).await).0, 400);
    let mut bob = Browser::new(&passant);
    let choose = json!({ "token": secret_of(link), "password": PASSWORD, "name": "Bob" });
    let session = bob.done(Method::POST, "/api/password", choose.clone()).await;
    let expected = json!({
        "user": { "email": "bob@example.com", "name": "Bob", "owner": false },
        "sites": [{ "domain": "example.com", "role": "analyst" }],
    });
    assert_eq!(session, expected);
    assert_eq!(said(&bob.send(Method::POST, "/api/password", choose).await).0, 410, "it works once");
    assert_eq!(
        bob.done(Method::GET, "/api/v1/sites", Value::Null).await["sites"].as_array().unwrap().len(),
        1
    );

    // Owners change what somebody is; the next request knows.
    let members = "/api/v1/sites/example.com/members";
    ada.done(Method::PUT, members, json!({ "email": "bob@example.com", "role": "admin" })).await;
    let listed = bob.done(Method::GET, members, Value::Null).await;
    assert_eq!(listed["members"][0]["role"], "admin");
    let nobody = json!({ "email": "eve@example.com", "role": "admin" });
    assert_eq!(said(&bob.send(Method::PUT, members, nobody).await), (404, "User could not be found".into()));
    let users = ada.done(Method::GET, "/api/v1/users", Value::Null).await;
    let names: Vec<_> = users["users"].as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["Ada", "Bob"]);
    let id = users["users"][1]["id"].clone();
    assert_eq!(bob.send(Method::GET, "/api/v1/users", Value::Null).await.status, 403);
    ada.done(Method::DELETE, &format!("/api/v1/users/{id}"), Value::Null).await;
    assert_eq!(bob.send(Method::GET, "/api/session", Value::Null).await.status, 401);
    let own = users["users"][0]["id"].clone();
    let refused = ada.send(Method::DELETE, &format!("/api/v1/users/{own}"), Value::Null).await;
    assert_eq!(said(&refused), (400, "the last owner stays one: make somebody else an owner first".into()));
}

#[tokio::test]
async fn tokens_are_shown_once_listed_and_revoked_by_who_may() {
    let passant = Passant::start().await;
    passant.cli_ok(&["site", "add", "other.example"]);
    add(&passant, &["ada@example.com", "--owner"]);
    add(&passant, &["bob@example.com", "--site", "example.com", "--role", "admin"]);
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let mut bob = Browser::of(&passant, "bob@example.com").await;
    let everywhere = json!({ "scope": "stats:read", "name": "Everything" });
    assert_eq!(said(&bob.send(Method::POST, "/api/v1/tokens", everywhere.clone()).await).0, 403);
    ada.done(Method::POST, "/api/v1/tokens", everywhere).await;
    let own = json!({
        "scope": "stats:read", "site_id": "example.com", "name": "Grafana", "expires_at": "2099-01-01T00:00:00Z",
    });
    let made = bob.done(Method::POST, "/api/v1/tokens", own).await;
    let text = made["token"].as_str().unwrap().to_owned();
    assert!(text.starts_with("passant_"));
    let listed = bob.done(Method::GET, "/api/v1/tokens", Value::Null).await;
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 1, "not the one for all sites");
    assert_eq!(listed["tokens"][0]["name"], "Grafana");
    assert!(!listed.to_string().contains(&text));
    assert_eq!(
        ada.done(Method::GET, "/api/v1/tokens", Value::Null).await["tokens"].as_array().unwrap().len(),
        2
    );
    let reads = async || {
        let bearer = format!("Bearer {text}");
        let headers = [("authorization", bearer.as_str())];
        passant.public().send(Method::GET, "/api/v1/sites/example.com", &headers, "").await.unwrap().status
    };
    assert_eq!(reads().await, 200);
    // All sites' is none of Bob's.
    assert_eq!(said(&bob.send(Method::DELETE, "/api/v1/tokens/1", Value::Null).await).0, 404);
    bob.done(Method::DELETE, &format!("/api/v1/tokens/{}", made["id"]), Value::Null).await;
    assert_eq!(reads().await, 401);
}

#[test]
fn an_operator_helps_who_is_locked_out() {
    let passant = Passant::with_site(Settings::default());
    let ok = |arguments: &[&str]| passant.cli_ok(arguments);
    assert!(ok(&["user", "setup-link"]).starts_with("http://127.0.0.1:8080/setup#"));
    add(&passant, &["ada@example.com", "--name", "Ada", "--owner"]);
    let invited = ok(&["user", "invite", "bob@example.com", "--site", "example.com", "--role", "analyst"]);
    assert!(invited.starts_with("http://127.0.0.1:8080/password#"), "{invited}");
    assert_eq!(
        ok(&["user", "list"]),
        "ada@example.com  Ada              owner            password\n\
         bob@example.com  bob@example.com  member, invited  password"
    );
    let listed: Value =
        serde_json::from_str(ok(&["user", "list", "--json"]).lines().nth(1).unwrap()).unwrap();
    assert_eq!((&listed["invited"], &listed["owner"]), (&json!(true), &json!(false)));
    ok(&["user", "role", "bob@example.com", "example.com", "none"]);
    assert_ne!(ok(&["user", "reset-link", "bob@example.com"]), invited);
    ok(&["user", "remove", "bob@example.com"]);
    for (arguments, words) in [
        (vec!["user", "setup-link"], "there is an owner already"),
        (vec!["user", "invite", "nobody"], "is not an e-mail address"),
        (vec!["user", "invite", "ada@example.com"], "ada@example.com has an account already"),
        (
            vec!["user", "invite", "eve@example.com", "--site", "example.com", "--role", "boss"],
            "is not a role",
        ),
        (vec!["user", "reset-link", "eve@example.com"], "no user \"eve@example.com\""),
        (vec!["user", "remove", "ada@example.com"], "the last owner stays one"),
        (vec!["user", "role", "ada@example.com", "example.com", "owner"], "an owner is one of all sites"),
        (vec!["user", "add", "eve@example.com"], "at least 10 characters"),
    ] {
        let output = passant.cli_with_input(&arguments, "short\n");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(told.contains(words) && told.trim_end().lines().count() == 1, "{told}");
    }
    assert_eq!(ok(&["user", "list"]).lines().count(), 1, "what was refused has left nothing");
}
