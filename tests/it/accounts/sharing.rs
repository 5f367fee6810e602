//! What is shared: by a link, with all, as a badge, in another site's frame. Its readers are the public.

use http::Method;
use passant_tests::{Answer, HttpClient, Passant, Settings, until};
use serde_json::{Value, json};

use super::{Browser, PASSWORD, add, said, secret_of};

const LINKS: &str = "/api/v1/sites/shared-links";

/// A server with a site of eight visitors: six see `/`, two of them from Germany, and two see `/small`.
async fn visited() -> Passant {
    let settings = "[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let mut passant = Passant::start_with(Settings { config: settings.into(), ..Settings::default() }).await;
    add(&passant, &["ada@example.com", "--owner"]);
    for visitor in 1..=8 {
        let path = if visitor <= 6 { "/" } else { "/small" };
        let beacon =
            json!({ "n": "pageview", "u": format!("https://example.com{path}"), "d": "example.com" });
        let from = format!("198.51.{visitor}.7");
        let answer = passant.beacon_with(&beacon, &[("x-forwarded-for", &from)]).await;
        assert_eq!(answer.status, 202);
    }
    passant.until_total("pageviews", 8).await;
    passant
}

/// Asks for a report with whatever was given to read with.
async fn ask(client: &HttpClient, pass: Option<&str>, question: Value) -> Answer {
    let bearer = pass.map(|pass| format!("Bearer {pass}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let mut question = question;
    question["site_id"] = json!("example.com");
    question["date_range"] = json!("day");
    client.send(Method::POST, "/api/v2/query", &headers, question.to_string()).await.expect("an answer")
}

fn pages() -> Value {
    json!({ "metrics": ["visitors"], "dimensions": ["event:page"] })
}

/// The rows of an answer, and why its floor holds.
fn rows(answer: &Answer) -> (Value, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    (answer["results"].clone(), answer["meta"]["privacy_floor"]["reason"].clone())
}

#[tokio::test]
async fn a_link_opens_with_its_password_and_shows_what_the_public_may_see_until_it_ends() {
    let passant = visited().await;
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let body = json!({ "site_id": "example.com", "name": "Board", "password": "a password for all" });
    let made = ada.done(Method::PUT, LINKS, body).await;
    let url = made["url"].as_str().unwrap();
    assert!(url.contains("/share/example.com#"), "{url}");
    let secret = secret_of(url);
    assert_eq!(secret.len(), 32, "128 bits");
    let listed = ada.done(Method::GET, "/api/v1/sites/shared-links?site_id=example.com", Value::Null).await;
    assert!(!listed.to_string().contains(&secret) && listed["shared_links"][0]["password"] == true);

    let mut reader = Browser::new(&passant);
    let asked = reader.send(Method::POST, "/api/share", json!({ "link": secret })).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["password_needed"]), (401, &json!(true)));
    let wrong = json!({ "link": secret, "password": "another password" });
    assert_eq!(reader.send(Method::POST, "/api/share", wrong).await.status, 401);
    let right = json!({ "link": secret, "password": "a password for all" });
    let opened = reader.done(Method::POST, "/api/share", right).await;
    assert_eq!(opened["site"], json!({ "domain": "example.com", "timezone": "Europe/Berlin" }));
    let pass = opened["pass"].as_str().unwrap();
    // The password guards the data: without it there is no pass, and nothing else reads.
    assert_eq!(ask(&reader.client, Some(&secret), pages()).await.status, 401);
    assert_eq!(ask(&reader.client, None, pages()).await.status, 401);
    // The page of two is folded, and the other with it, or the total would tell.
    let folded = json!([{ "dimensions": ["(fewer than 5)"], "metrics": [8] }]);
    assert_eq!(rows(&ask(&reader.client, Some(pass), pages()).await), (folded, json!("public")));
    let bearer = format!("Bearer {pass}");
    for (method, path) in [
        (Method::GET, "/api/v1/sites/example.com"),
        (Method::GET, "/api/v1/sites/goals?site_id=example.com"),
        (Method::GET, "/api/v1/tokens"),
        (Method::GET, "/api/session"),
    ] {
        let headers = [("authorization", bearer.as_str())];
        let answer = passant.public().send(method, path, &headers, "").await.unwrap();
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
    let remove = format!("{LINKS}/{}?site_id=example.com", made["id"]);
    ada.done(Method::DELETE, &remove, Value::Null).await;
    assert_eq!(ask(&reader.client, Some(pass), pages()).await.status, 401);
    let gone = reader.send(Method::POST, "/api/share", json!({ "link": secret })).await;
    assert_eq!(said(&gone), (410, "The link is not valid any more; ask for another".into()));
}

#[tokio::test]
async fn who_guesses_the_password_of_a_link_waits() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let body = json!({ "site_id": "example.com", "name": "Board", "password": PASSWORD });
    let secret = secret_of(ada.done(Method::PUT, LINKS, body).await["url"].as_str().unwrap());
    let mut guesser = Browser::new(&passant);
    for _ in 0..10 {
        let guess = json!({ "link": secret, "password": "wrong horse battery" });
        assert_eq!(guesser.send(Method::POST, "/api/share", guess).await.status, 401);
    }
    let right = json!({ "link": secret, "password": PASSWORD });
    assert_eq!(guesser.send(Method::POST, "/api/share", right).await.status, 429);
}

#[tokio::test]
async fn a_link_of_a_segment_shows_nothing_outside_of_it() {
    let passant = visited().await;
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let segment =
        json!({ "site_id": "example.com", "name": "Start", "filters": [["is", "event:page", ["/"]]] });
    let segment = ada.done(Method::PUT, "/api/v1/sites/segments", segment).await["id"].clone();
    let body = json!({ "site_id": "example.com", "name": "Start only", "segment_id": segment });
    let secret = secret_of(ada.done(Method::PUT, LINKS, body).await["url"].as_str().unwrap());
    let opened = Browser::new(&passant).done(Method::POST, "/api/share", json!({ "link": secret })).await;
    let pass = opened["pass"].as_str().map(str::to_owned);
    let client = passant.public();
    let asked = async |question| rows(&ask(&client, pass.as_deref(), question).await).0;
    assert_eq!(asked(pages()).await, json!([{ "dimensions": ["/"], "metrics": [6] }]));
    assert_eq!(
        asked(json!({ "metrics": ["visitors"] })).await,
        json!([{ "dimensions": [], "metrics": [6] }])
    );
    let around = json!({ "metrics": ["visitors"], "filters": [["is", "event:page", ["/small"]]] });
    assert_eq!(asked(around).await, json!([{ "dimensions": [], "metrics": [0] }]));
    // Other segments are not named to it.
    let named = json!({ "metrics": ["visitors"], "filters": [["is", "segment", [segment]]] });
    assert_eq!(ask(&client, pass.as_deref(), named).await.status, 400);
    let bearer = format!("Bearer {}", pass.as_deref().unwrap());
    let live = "/api/v1/stats/realtime/visitors?site_id=example.com";
    let live = client.send(Method::GET, live, &[("authorization", bearer.as_str())], "").await.unwrap();
    assert_eq!((live.status.as_u16(), live.json()), (200, Value::Null), "it is not restricted to a segment");
    // Without the segment there is no link, rather than one that shows all.
    ada.done(Method::DELETE, &format!("/api/v1/sites/segments/{segment}?site_id=example.com"), Value::Null)
        .await;
    assert_eq!(ask(&client, pass.as_deref(), pages()).await.status, 401);
}

#[tokio::test]
async fn what_a_link_shows_is_changed_only_by_who_may_change_links() {
    let passant = visited().await;
    add(&passant, &["bob@example.com", "--site", "example.com", "--role", "analyst"]);
    let [mut ada, mut bob] =
        [Browser::of(&passant, "ada@example.com").await, Browser::of(&passant, "bob@example.com").await];
    let segment = |name: &str, page: &str| json!({ "site_id": "example.com", "name": name, "filters": [["is", "event:page", [page]]] });
    let made = bob.done(Method::PUT, "/api/v1/sites/segments", segment("Start", "/")).await;
    let one = format!("/api/v1/sites/segments/{}", made["id"]);
    let body = json!({ "site_id": "example.com", "name": "Start only", "segment_id": made["id"] });
    let secret = secret_of(ada.done(Method::PUT, LINKS, body).await["url"].as_str().unwrap());
    let opened = Browser::new(&passant).done(Method::POST, "/api/share", json!({ "link": secret })).await;
    let pass = opened["pass"].as_str().map(str::to_owned);
    let client = passant.public();
    let shown = async || rows(&ask(&client, pass.as_deref(), json!({ "metrics": ["visitors"] })).await).0;
    let six = json!([{ "dimensions": [], "metrics": [6] }]);
    assert_eq!(shown().await, six);
    let refused = bob.send(Method::PUT, &one, segment("Start", "/*")).await;
    assert_eq!(
        said(&refused),
        (
            400,
            "the link \"Start only\" shows this segment: only who may change links may change its filters"
                .into()
        )
    );
    assert_eq!(bob.done(Method::PUT, &one, segment("First page", "/")).await["id"], made["id"]);
    assert_eq!(shown().await, six);
    ada.done(Method::PUT, &one, segment("Small", "/small")).await;
    // Two, which are fewer than the floor.
    assert_ne!(shown().await, six);
}

#[tokio::test]
async fn a_public_site_is_read_by_all_under_the_floor_and_has_a_badge() {
    let passant = visited().await;
    let client = passant.public();
    assert_eq!(ask(&client, None, pages()).await.status, 401);
    assert_eq!(client.get("/badge/example.com.svg").await.status, 404);
    passant.cli_ok(&["site", "set", "example.com", "--visibility", "public"]);
    let folded = json!([{ "dimensions": ["(fewer than 5)"], "metrics": [8] }]);
    assert_eq!(rows(&ask(&client, None, pages()).await), (folded, json!("public")));
    let live = client.get("/api/v1/stats/realtime/visitors?site_id=example.com").await;
    assert_eq!(live.json(), json!(8));
    for path in ["/api/v1/sites", "/api/v1/sites/example.com", "/api/v1/sites/goals?site_id=example.com"] {
        assert_eq!(client.get(path).await.status, 401, "{path}");
    }
    // A member still sees all.
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let question = json!({
        "site_id": "example.com", "date_range": "day", "metrics": ["visitors"], "dimensions": ["event:page"],
    });
    let seen = ada.done(Method::POST, "/api/v2/query", question).await;
    assert_eq!(seen["results"].as_array().unwrap().len(), 2);
    let badge = client.get("/badge/example.com.svg").await;
    assert_eq!(badge.status, 200, "{}", badge.text());
    assert_eq!(badge.header("content-type"), "image/svg+xml; charset=utf-8");
    assert!(badge.text().contains("<title>visitors in 30 days: 8</title>"), "{}", badge.text());
    passant.cli_ok(&["site", "set", "example.com", "--privacy-floor", "9"]);
    let badge = until("the badge knows the floor", || async {
        let badge = client.get("/badge/example.com.svg").await.text();
        badge.contains("fewer than 9").then_some(badge)
    });
    assert!(!badge.await.contains(">8<"));
    assert_eq!(client.get("/badge/nowhere.example.svg").await.status, 404);
    assert_eq!(client.get("/api/v1/stats/realtime/visitors?site_id=example.com").await.json(), Value::Null);
}

#[tokio::test]
async fn only_a_link_that_names_a_site_stands_in_its_frames_and_every_answer_is_guarded() {
    let passant = Passant::start().await;
    add(&passant, &["ada@example.com", "--owner"]);
    let mut ada = Browser::of(&passant, "ada@example.com").await;
    let body = json!({
        "site_id": "example.com", "name": "Framed", "frame_ancestors": ["https://www.example.com"],
    });
    let framed = ada.done(Method::PUT, LINKS, body).await;
    let embed = framed["embed_url"].as_str().unwrap();
    assert!(embed.contains(&format!("/share/example.com?embed={}#", framed["id"])), "{embed}");
    let plain = ada.done(Method::PUT, LINKS, json!({ "site_id": "example.com", "name": "Plain" })).await;
    assert!(plain["embed_url"].is_null());
    let policy =
        async |path: String| passant.public().get(&path).await.header("content-security-policy").to_owned();
    for (path, ancestors) in [
        ("/".to_owned(), "frame-ancestors 'none'"),
        (format!("/?embed={}", framed["id"]), "frame-ancestors https://www.example.com"),
        (format!("/?embed={}", plain["id"]), "frame-ancestors 'none'"),
        ("/?embed=999".to_owned(), "frame-ancestors 'none'"),
        ("/?embed=https://evil.example".to_owned(), "frame-ancestors 'none'"),
        // What is no page stands in no frame.
        (format!("/api/openapi.json?embed={}", framed["id"]), "frame-ancestors 'none'"),
    ] {
        let policy = policy(path.clone()).await;
        assert!(policy.contains(ancestors) && policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/api/session"),
        (Method::GET, "/api/v1/sites"),
        (Method::POST, "/api/v2/query"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/api/openapi.json"),
    ] {
        let answer = passant.public().send(method, path, &[], "").await.unwrap();
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
    }
}
