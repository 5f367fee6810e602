//! Signing in and out: by what, from where, how often, for how long.

use http::Method;
use jiff::Timestamp;
use passant_tests::{Passant, Settings, until};
use serde_json::{Value, json};

use super::{Browser, PASSWORD, add, said, secret_of};

#[tokio::test]
async fn the_first_start_offers_a_link_that_makes_the_owner_once() {
    let mut passant = Passant::start().await;
    let offered = until("the link is offered", || async { passant.said().lines().next().map(str::to_owned) });
    let offered = offered.await;
    let address = passant.public_address();
    assert!(offered.starts_with(&format!("There is no owner yet. Become one at http://{address}/setup#")));
    let token = secret_of(&offered);
    assert!(!passant.log().contains(&token), "the log is kept and copied");
    let mut browser = Browser::new(&passant);
    assert_eq!(browser.done(Method::GET, "/api/setup", Value::Null).await, json!({ "needed": true }));
    assert_eq!(
        said(&browser.send(Method::GET, "/api/session", Value::Null).await),
        (401, "Nobody has signed in".into())
    );
    let owner = json!({ "token": token, "name": "Ada", "email": "Ada@Example.com", "password": PASSWORD });
    let mut short = owner.clone();
    short["password"] = json!("123456789");
    assert_eq!(browser.send(Method::POST, "/api/setup", short).await.status, 400);
    let made = browser.send(Method::POST, "/api/setup", owner.clone()).await;
    let expected = json!({
        "user": { "email": "ada@example.com", "name": "Ada", "owner": true },
        "sites": [{ "domain": "example.com", "role": "owner" }],
    });
    assert_eq!((made.status.as_u16(), made.json()), (200, expected.clone()));
    let cookie = made.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-passant=")
            && cookie.ends_with("; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(browser.done(Method::GET, "/api/session", Value::Null).await, expected);
    let again = Browser::new(&passant).send(Method::POST, "/api/setup", owner).await;
    assert_eq!(said(&again).0, 410);
    passant.stop().await;
    passant.run().await;
    assert_eq!(passant.said(), "", "there is an owner");
    let mut browser = Browser::of(&passant, "ada@example.com").await;
    assert_eq!(browser.done(Method::GET, "/api/session", Value::Null).await, expected);
}

#[tokio::test]
async fn a_session_reads_and_changes_until_it_ends() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut browser = Browser::of(&passant, "ada@example.com").await;
    let question = json!({ "site_id": "example.com", "metrics": ["visitors"], "date_range": "day" });
    until("the store is ready", || async {
        let mut browser = Browser { client: passant.public(), session: browser.session.clone() };
        let answer = browser.send(Method::POST, "/api/v2/query", question.clone()).await;
        (answer.status == 200 && answer.json()["results"].is_array()).then_some(())
    })
    .await;
    let live = "/api/v1/stats/realtime/visitors?site_id=example.com";
    assert_eq!(browser.done(Method::GET, live, Value::Null).await, json!(0));
    let goal = json!({ "site_id": "example.com", "goal_type": "event", "event_name": "Signup" });
    browser.done(Method::PUT, "/api/v1/sites/goals", goal).await;
    let secret = browser.session.clone();
    let ended = browser.send(Method::DELETE, "/api/session", Value::Null).await;
    assert_eq!(ended.header("set-cookie").split(';').next(), Some("__Host-passant="));
    // Whoever kept a copy of the cookie has nothing.
    browser.session = secret;
    for (method, path, body) in [
        (Method::GET, "/api/session", Value::Null),
        (Method::POST, "/api/v2/query", question),
        (Method::GET, live, Value::Null),
        (Method::GET, "/api/v1/sites", Value::Null),
    ] {
        assert_eq!(said(&browser.send(method, path, body).await).0, 401, "{path}");
    }
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_their_owner_and_by_another_password() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut here = Browser::of(&passant, "ada@example.com").await;
    let mut elsewhere = Browser::of(&passant, "ada@example.com").await;
    let sessions = here.done(Method::GET, "/api/v1/account/sessions", Value::Null).await;
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.iter().map(|session| session["this"].clone()).collect::<Vec<_>>(), [false, true]);
    let path = format!("/api/v1/account/sessions/{}", sessions[0]["id"]);
    here.done(Method::DELETE, &path, Value::Null).await;
    assert_eq!(elsewhere.send(Method::GET, "/api/session", Value::Null).await.status, 401);
    let mut elsewhere = Browser::of(&passant, "ada@example.com").await;
    let another = "another horse entirely";
    let change = |password: &str| json!({ "password": password, "new_password": another });
    let wrong = here.send(Method::PUT, "/api/v1/account", change("wrong horse")).await;
    assert_eq!(said(&wrong), (400, "password: not the one of this account".into()));
    here.done(Method::PUT, "/api/v1/account", change(PASSWORD)).await;
    assert_eq!(elsewhere.send(Method::GET, "/api/session", Value::Null).await.status, 401);
    here.done(Method::GET, "/api/session", Value::Null).await;
    let old = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(elsewhere.send(Method::POST, "/api/session", old).await.status, 401);
}

#[tokio::test]
async fn a_guesser_waits_whoever_they_say_they_are() {
    let settings = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let passant = Passant::start_with(Settings { config: settings.into(), ..Settings::default() }).await;
    add(&passant, &["ada@example.com", "--owner"]);
    let guess = async |email: &str, address: &str| {
        let mut browser = Browser::new(&passant);
        let body = json!({ "email": email, "password": "wrong horse battery" });
        browser.send_from(("x-forwarded-for", address), (Method::POST, "/api/session"), body).await
    };
    // Without a page of ours nothing is even looked at.
    assert_eq!(guess("ada@example.com", "198.51.100.7").await.status, 403);
    let attempt = async |email: &str, password: &str, address: &str| {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-forwarded-for", address),
            ("content-type", "application/json"),
        ];
        let body = json!({ "email": email, "password": password }).to_string();
        passant.public().send(Method::POST, "/api/session", &headers, body).await.unwrap()
    };
    let words = "E-mail address, password or code is wrong";
    for _ in 0..10 {
        let answer = attempt("ada@example.com", "wrong horse battery", "198.51.100.7").await;
        assert_eq!(said(&answer), (401, words.into()));
    }
    let answer = attempt("ADA@example.com", PASSWORD, "203.0.113.7").await;
    assert_eq!(answer.status, 429, "the account rests, wherever the guess comes from");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    // An unknown account is answered the same, and one prefix does not try them all.
    for index in 0..20 {
        let answer = attempt(&format!("user{index}@example.com"), PASSWORD, "198.51.100.99").await;
        assert_eq!(said(&answer), (401, words.into()), "{index}");
    }
    // One attempt comes back every ten seconds, and a hash may take a while.
    let mut further = 20..60;
    while attempt(&format!("user{}@example.com", further.next().expect("it rests")), PASSWORD, "198.51.100.1")
        .await
        .status
        != 429
    {}
    assert_eq!(attempt("user99@example.com", PASSWORD, "198.51.101.1").await.status, 401);
}

#[tokio::test]
async fn a_page_of_another_site_does_nothing_by_a_session() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut browser = Browser::of(&passant, "ada@example.com").await;
    let own = format!("http://{}", passant.public_address());
    let goal = |name: &str| json!({ "site_id": "example.com", "goal_type": "event", "event_name": name });
    for (index, (from, allowed)) in [
        (("sec-fetch-site", "cross-site"), false),
        (("sec-fetch-site", "same-site"), false),
        (("origin", "https://evil.example"), false),
        (("origin", "null"), false),
        (("accept", "*/*"), false),
        (("origin", own.as_str()), true),
    ]
    .into_iter()
    .enumerate()
    {
        for (method, path, body) in [
            (Method::PUT, "/api/v1/sites/goals", goal(&format!("Goal {index}"))),
            (Method::POST, "/api/v1/tokens", json!({ "scope": "stats:read" })),
            (Method::POST, "/api/v2/query", json!({ "site_id": "example.com" })),
        ] {
            let answer = browser.send_from(from, (method, path), body).await;
            assert_eq!(answer.status != 403, allowed, "{from:?} {path}: {}", answer.text());
        }
        // Nor does it sign somebody in as another.
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let answer = Browser::new(&passant).send_from(from, (Method::POST, "/api/session"), body).await;
        assert_eq!(answer.status == 200, allowed, "{from:?}");
    }
    let goals = browser.done(Method::GET, "/api/v1/sites/goals?site_id=example.com", Value::Null).await;
    assert_eq!(goals["goals"].as_array().unwrap().len(), 1);
    assert_eq!(passant.cli_ok(&["token", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_the_device_has_shown_a_code() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut browser = Browser::of(&passant, "ada@example.com").await;
    let path = "/api/v1/account/two-factor";
    let device = browser.done(Method::POST, path, json!({ "password": PASSWORD })).await;
    let uri = device["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Passant:ada%40example.com?secret="), "{uri}");
    let code = |steps: i64| {
        let secret = totp_rs::Secret::try_from_base32(device["secret"].as_str().unwrap()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        let at = Timestamp::now().as_second() + steps * 30;
        totp.generate(at.unsigned_abs()).to_string()
    };
    // Asked for nothing before it is confirmed.
    Browser::of(&passant, "ada@example.com").await;
    assert_eq!(browser.send(Method::PUT, path, json!({ "code": "12345" })).await.status, 400);
    let used = code(0);
    let confirmed = browser.done(Method::PUT, path, json!({ "code": used })).await;
    let codes = confirmed["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    let sign_in = async |code: Value| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "code": code });
        Browser::new(&passant).send(Method::POST, "/api/session", body).await
    };
    let asked = sign_in(Value::Null).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["code_needed"]), (401, &json!(true)));
    assert_eq!(asked.header("set-cookie"), "");
    assert_eq!(sign_in(json!(used)).await.status, 401, "taken already");
    let shown = code(1);
    assert_eq!(sign_in(json!(shown)).await.status, 200);
    assert_eq!(sign_in(json!(shown)).await.status, 401, "taken already");
    assert_eq!(sign_in(codes[0].clone()).await.status, 200);
    assert_eq!(sign_in(codes[0].clone()).await.status, 401, "taken already");
    let account = browser.done(Method::GET, "/api/v1/account", Value::Null).await;
    assert_eq!(account["two_factor"], json!({ "on": true, "recovery_codes_left": 9 }));
    // A link to another password is no way around it; the operator's word is.
    let link = passant.cli_ok(&["user", "reset-link", "ada@example.com"]);
    let body = json!({ "token": secret_of(&link), "password": PASSWORD });
    let answer = Browser::new(&passant).send(Method::POST, "/api/password", body).await;
    assert_eq!((answer.json(), answer.header("set-cookie")), (json!({ "code_needed": true }), ""));
    let link = passant.cli_ok(&["user", "reset-link", "ada@example.com", "--drop-two-factor"]);
    let body = json!({ "token": secret_of(&link), "password": PASSWORD });
    let mut browser = Browser::new(&passant);
    browser.done(Method::POST, "/api/password", body).await;
    let account = browser.done(Method::GET, "/api/v1/account", Value::Null).await;
    assert_eq!(account["two_factor"], json!({ "on": false, "recovery_codes_left": 0 }));
}
