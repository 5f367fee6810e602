//! What a site's people say, by command or by API, holds for the next question, and is theirs alone.

use http::Method;
use passant_tests::{Answer, Passant, until};
use serde_json::{Value, json};

/// Calls the Sites API with a token.
async fn call(passant: &Passant, token: &str, (method, path): (Method, &str), body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    passant.public().send(method, path, &headers, body).await.expect("an answer")
}

async fn done(passant: &Passant, token: &str, request: (Method, &str), body: Value) -> Value {
    let answer = call(passant, token, request, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn provisioner(passant: &Passant) -> String {
    passant.cli_ok(&["token", "create", "--scope", "sites:provision"])
}

/// Makes or changes something of the site.
async fn put(passant: &Passant, token: &str, kind: &str, mut body: Value) -> Value {
    body["site_id"] = json!("example.com");
    done(passant, token, (Method::PUT, &format!("/api/v1/sites/{kind}")), body).await
}

fn pageview(path: &str) -> Value {
    json!({ "n": "pageview", "u": format!("https://example.com{path}"), "d": "example.com" })
}

#[tokio::test]
async fn a_goal_made_beside_a_running_server_is_in_the_next_report() {
    let mut passant = Passant::start().await;
    passant.beacon(&pageview("/checkout/done")).await;
    passant.until_total("pageviews", 1).await;
    let question = json!({
        "metrics": ["visitors"], "date_range": "all", "dimensions": ["event:goal"],
    });
    assert_eq!(passant.report(question.clone()).await["results"], json!([]));
    passant.cli_ok(&["goal", "add", "example.com", "--page", "/checkout/*"]);
    let found = passant.report(question.clone()).await;
    assert_eq!(found["results"], json!([{ "dimensions": ["Visit /checkout/*"], "metrics": [1] }]));
    passant.cli_ok(&["goal", "remove", "example.com", "Visit /checkout/*"]);
    assert_eq!(passant.report(question).await["results"], json!([]));
}

#[tokio::test]
async fn a_site_that_was_made_over_the_api_takes_beacons_without_a_restart() {
    let passant = Passant::start().await;
    let token = provisioner(&passant);
    done(&passant, &token, (Method::POST, "/api/v1/sites"), json!({ "domain": "new.example" })).await;
    let page = json!({ "n": "pageview", "u": "https://new.example/", "d": "new.example" });
    until("its beacons are taken", || async {
        passant.beacon(&page).await.headers.get("x-passant-discarded").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_segment_filters_by_its_number_until_it_is_removed() {
    let mut passant = Passant::start().await;
    passant.cli_ok(&["site", "set", "example.com", "--privacy-floor", "1"]);
    passant.beacon(&pageview("/a")).await;
    passant.until_total("pageviews", 1).await;
    let token = provisioner(&passant);
    let body = json!({
        "site_id": "example.com", "name": "Of B", "filters": [["is", "event:page", ["/b"]]],
    });
    let put = (Method::PUT, "/api/v1/sites/segments");
    let segment = done(&passant, &token, put.clone(), body.clone()).await;
    assert_eq!(done(&passant, &token, put.clone(), body).await, segment);
    let question = json!({
        "site_id": "example.com",
        "metrics": ["pageviews"],
        "date_range": "all",
        "filters": [["is", "segment", [segment["id"]]]],
    });
    assert_eq!(passant.report(question.clone()).await["results"][0]["metrics"], json!([0]));
    for (filters, words) in [
        (json!([["is", "event:pag", ["/b"]]]), "#/filters/0/1"),
        (json!([]), "expected at least one"),
        (json!([["not", ["is", "segment", [segment["id"]]]]]), "a segment cannot hold another"),
    ] {
        let body = json!({ "site_id": "example.com", "name": "Bad", "filters": filters });
        let refused = call(&passant, &token, put.clone(), body).await;
        assert_eq!(refused.status, 400);
        assert!(refused.json()["error"].as_str().unwrap().contains(words), "{}", refused.text());
    }
    let remove = format!("/api/v1/sites/segments/{}?site_id=example.com", segment["id"]);
    let removed = done(&passant, &token, (Method::DELETE, &remove), Value::Null).await;
    assert_eq!(removed, json!({ "deleted": true }));
    assert_eq!(passant.ask(&question).await.status, 400);
}

#[tokio::test]
async fn what_is_defined_is_changed_under_its_number() {
    let mut passant = Passant::start().await;
    passant.cli_ok(&["site", "set", "example.com", "--privacy-floor", "1"]);
    for path in ["/a", "/b", "/b"] {
        passant.beacon(&pageview(path)).await;
    }
    passant.until_total("pageviews", 3).await;
    let token = provisioner(&passant);
    let page = |path: &str| json!({ "goal_type": "page", "page_path": path });
    let [goal, other] =
        [put(&passant, &token, "goals", page("/a")).await, put(&passant, &token, "goals", page("/c")).await];
    let steps = json!({ "name": "Way", "steps": [goal["id"], other["id"]] });
    let funnel = put(&passant, &token, "funnels", steps).await;
    let on_goal = json!({ "name": "Of a", "filters": [["has_done", ["is", "event:goal", ["Visit /a"]]]] });
    let segment = put(&passant, &token, "segments", on_goal).await;
    let note = put(&passant, &token, "annotations", json!({ "at": "2026-03-01", "text": "Lunch" })).await;
    let question = json!({
        "site_id": "example.com", "metrics": ["pageviews"], "date_range": "all",
        "filters": [["is", "segment", [segment["id"]]]],
    });
    assert_eq!(passant.report(question.clone()).await["results"][0]["metrics"], json!([3]));

    // Another name and another meaning: the funnel keeps its step, and the segment names the goal as it is called now.
    let path = |kind: &str, one: &Value| format!("{kind}/{}", one["id"].as_str().unwrap_or("1"));
    let named = json!({ "goal_type": "page", "page_path": "/b", "display_name": "Sees b" });
    let changed = put(&passant, &token, &path("goals", &goal), named).await;
    assert_eq!((&changed["id"], &changed["page_path"]), (&goal["id"], &json!("/b")));
    let of_b = json!([["has_done", ["is", "event:goal", ["Sees b"]]]]);
    let segments = (Method::GET, "/api/v1/sites/segments?site_id=example.com");
    assert_eq!(done(&passant, &token, segments, Value::Null).await["segments"][0]["filters"], of_b);
    let goals = json!({
        "site_id": "example.com", "metrics": ["events"], "date_range": "all", "dimensions": ["event:goal"],
    });
    let found = passant.report(goals).await;
    assert_eq!(found["results"], json!([{ "dimensions": ["Sees b"], "metrics": [2] }]));

    let turned = json!({ "name": "Way", "steps": [other["id"], goal["id"]], "order": "any" });
    let changed = put(&passant, &token, &path("funnels", &funnel), turned).await;
    let expected = json!({
        "id": funnel["id"], "name": "Way", "steps": [other["id"], goal["id"]], "order": "any", "within": "visit",
    });
    assert_eq!(changed, expected);
    let of_page = json!({ "name": "Sees b", "filters": [["is", "event:page", ["/b"]]] });
    let changed = put(&passant, &token, &path("segments", &segment), of_page).await;
    assert_eq!((&changed["id"], &changed["name"]), (&segment["id"], &json!("Sees b")));
    assert_eq!(passant.report(question).await["results"][0]["metrics"], json!([2]));
    let moved =
        put(&passant, &token, &path("annotations", &note), json!({ "at": "2026-03-02", "text": "Launch" }))
            .await;
    assert_eq!(moved, json!({ "id": note["id"], "at": "2026-03-02", "text": "Launch" }));

    for (kind, mut body, status, words) in [
        ("goals/99", page("/d"), 404, "Goal could not be found"),
        ("goals/first", page("/d"), 404, "Goal could not be found"),
        ("goals/1", page("/c"), 400, "goal \"Visit /c\" (2) is met by the same already; change that one"),
        ("goals/1", json!({}), 400, "Parameter `goal_type` is required to change a goal"),
        ("funnels/1", json!({ "name": "Way", "steps": [] }), 400, "0 steps, expected 2 to 8 goals"),
        ("segments/1", json!({ "name": "b", "filters": [] }), 400, "#/filters: a segment without filters"),
        ("annotations/1", json!({ "at": "soon", "text": "x" }), 400, "\"soon\", expected a date"),
    ] {
        body["site_id"] = json!("example.com");
        let request = (Method::PUT, format!("/api/v1/sites/{kind}"));
        let answer = call(&passant, &token, (request.0, &request.1), body).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().starts_with(words), "{kind}: {}", answer.text());
    }
}

#[tokio::test]
async fn sites_come_and_go_by_the_api_and_take_their_events_with_them() {
    let mut passant = Passant::start().await;
    let token = provisioner(&passant);
    let body =
        json!({ "domain": "shop.example", "timezone": "Asia/Tokyo", "settings": { "privacy_floor": 1 } });
    let site = done(&passant, &token, (Method::POST, "/api/v1/sites"), body.clone()).await;
    assert_eq!((&site["domain"], &site["timezone"]), (&json!("shop.example"), &json!("Asia/Tokyo")));
    assert_eq!(site["settings"]["privacy_floor"], json!("1"));
    let again = call(&passant, &token, (Method::POST, "/api/v1/sites"), body).await;
    assert_eq!(
        (again.status.as_u16(), again.json()["error"].as_str().unwrap()),
        (400, "site \"shop.example\" exists already")
    );
    let one = "/api/v1/sites/shop.example";
    let settings = json!({ "settings": { "referrer": "page", "privacy_floor": 0 } });
    assert_eq!(call(&passant, &token, (Method::PUT, one), settings).await.status, 400);
    let shown = done(&passant, &token, (Method::GET, one), Value::Null).await;
    assert_eq!(shown["settings"]["referrer"], json!("domain"));
    let renamed = done(&passant, &token, (Method::PUT, one), json!({ "domain": "store.example" })).await;
    assert_eq!(renamed["domain"], "store.example");
    assert_eq!(call(&passant, &token, (Method::GET, one), Value::Null).await.status, 404);

    let beacon = json!({ "n": "pageview", "u": "https://store.example/", "d": "store.example" });
    until("the new site is known to ingest", || async {
        passant.beacon(&beacon).await.header("x-plausible-dropped").is_empty().then_some(())
    })
    .await;
    let question = json!({ "site_id": "store.example", "metrics": ["pageviews"], "date_range": "all" });
    let reader = passant.token();
    until("its event is counted", || async {
        let answer = call(&passant, &reader, (Method::POST, "/api/v2/query"), question.clone()).await;
        (answer.status == 200 && answer.json()["results"][0]["metrics"] == json!([1])).then_some(())
    })
    .await;
    let exported = ["export", "--site", "store.example", "--format", "events"];
    assert!(!passant.cli_ok(&exported).is_empty());
    let deleted = done(&passant, &token, (Method::DELETE, "/api/v1/sites/store.example"), Value::Null).await;
    assert_eq!(deleted, json!({ "deleted": true }));
    until("its events are erased", || async {
        passant.log().contains("the events of a removed site are erased").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_changes_only_what_it_is_for() {
    let mut passant = Passant::start().await;
    passant.cli_ok(&["site", "add", "other.example"]);
    let reader = passant.token();
    let own = passant.cli_ok(&["token", "create", "--scope", "sites:provision", "--site", "example.com"]);
    let list = (Method::GET, "/api/v1/sites");
    let goal = |site: &str| json!({ "site_id": site, "goal_type": "event", "event_name": "Signup" });
    let put = (Method::PUT, "/api/v1/sites/goals");
    let made = done(&passant, &own, put.clone(), goal("example.com")).await;
    assert_eq!((&made["display_name"], &made["page_path"]), (&json!("Signup"), &json!(null)));
    for (token, request, body, status, words) in [
        ("passant_00", list.clone(), Value::Null, 401, "Invalid API key"),
        (reader.as_str(), put.clone(), goal("example.com"), 401, "Invalid API key"),
        (
            reader.as_str(),
            (Method::POST, "/api/v1/sites"),
            json!({ "domain": "x.example" }),
            401,
            "Invalid API key",
        ),
        (
            own.as_str(),
            (Method::POST, "/api/v1/sites"),
            json!({ "domain": "x.example" }),
            401,
            "Invalid API key",
        ),
        (own.as_str(), put.clone(), goal("other.example"), 404, "Site could not be found"),
        (
            own.as_str(),
            (Method::DELETE, "/api/v1/sites/other.example"),
            Value::Null,
            404,
            "Site could not be found",
        ),
        (own.as_str(), put.clone(), json!({ "goal_type": "event" }), 400, "Parameter `site_id` is required"),
        (
            own.as_str(),
            (Method::DELETE, "/api/v1/sites/goals/99?site_id=example.com"),
            Value::Null,
            404,
            "Goal could not be found",
        ),
    ] {
        let answer = call(&passant, token, request.clone(), body).await;
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().starts_with(words), "{}", answer.text());
    }
    // A reader is told what is defined, and only its own sites.
    let goals =
        done(&passant, &reader, (Method::GET, "/api/v1/sites/goals?site_id=example.com"), Value::Null).await;
    assert_eq!(goals["goals"], json!([made]));
    assert_eq!(done(&passant, &own, list.clone(), Value::Null).await["sites"].as_array().unwrap().len(), 1);
    assert_eq!(
        done(&passant, &reader, list.clone(), Value::Null).await["sites"].as_array().unwrap().len(),
        2
    );
    let question = json!({ "site_id": "example.com", "metrics": ["visitors"], "date_range": "day" });
    let bearer = format!("Bearer {own}");
    let headers = [("authorization", bearer.as_str())];
    let answer = passant.public().send(Method::POST, "/api/v2/query", &headers, question.to_string()).await;
    assert_eq!(answer.unwrap().status, 401);
    // Revoked beside the running server.
    let listed = passant.cli_ok(&["token", "list", "--json"]);
    let id = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|token| token["site"] == "example.com")
        .map(|token| token["id"].to_string());
    passant.cli_ok(&["token", "revoke", &id.unwrap()]);
    assert_eq!(call(&passant, &own, list, Value::Null).await.status, 401);
}

#[tokio::test]
async fn forms_and_pages_are_taken_as_plausibles_clients_send_them() {
    let passant = Passant::start().await;
    let token = provisioner(&passant);
    let bearer = format!("Bearer {token}");
    let form = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    for page in ["%2Fa", "%2Fb%2F**", "%2Fc"] {
        let body = format!("site_id=example.com&goal_type=page&page_path={page}");
        let answer = passant.public().send(Method::PUT, "/api/v1/sites/goals", &form, body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/api/v1/sites/goals?site_id=example.com&limit=2{after}");
        let page = done(&passant, &token, (Method::GET, &path), Value::Null).await;
        pages.extend(page["goals"].as_array().unwrap().iter().map(|goal| goal["page_path"].clone()));
        let Some(cursor) = page["meta"]["after"].as_str() else { break };
        after = format!("&after={cursor}");
    }
    assert_eq!(pages, [json!("/a"), json!("/b/**"), json!("/c")]);
    let described = passant.public().get("/api/v1/sites/openapi.json").await.json();
    for path in ["/api/v1/sites/{domain}", "/api/v1/sites/funnels", "/api/v1/sites/annotations/{id}"] {
        assert!(described["paths"][path].is_object(), "{path}");
    }
}

#[test]
fn definitions_speak_to_people_and_to_scripts() {
    let passant = Passant::with_site(passant_tests::Settings::default());
    let ok = |arguments: &[&str]| passant.cli_ok(arguments);
    assert_eq!(ok(&["goal", "add", "example.com", "--page", "/cart"]), "added goal Visit /cart (1)");
    ok(&["goal", "add", "example.com", "--event", "Purchase", "--currency", "EUR", "--prop", "plan=big"]);
    ok(&["goal", "add", "example.com", "--page", "/guide", "--scroll", "75", "--name", "Read it"]);
    assert_eq!(
        ok(&["goal", "list", "example.com"]),
        "1  Visit /cart  page /cart\n2  Purchase     event Purchase\n3  Read it      page /guide scrolled 75%"
    );
    let steps = ["--step", "Visit /cart", "--step", "2"];
    let funnel = [&["funnel", "add", "example.com", "Checkout", "--within", "day"], &steps[..]].concat();
    assert_eq!(ok(&funnel), "added funnel Checkout (1)");
    let listed: Value = serde_json::from_str(&ok(&["funnel", "list", "example.com", "--json"])).unwrap();
    let expected = json!({
        "id": "1", "name": "Checkout", "steps": ["1", "2"], "order": "strict", "within": "day",
    });
    assert_eq!(listed, expected);
    ok(&["annotation", "add", "example.com", "2026-03-01", "New shop"]);
    assert_eq!(ok(&["annotation", "list", "example.com"]), "1  2026-03-01  New shop");
    let filters = r#"[["is", "visit:country", ["FR"]]]"#;
    ok(&["segment", "add", "example.com", "From France", "--filters", filters]);
    let signup = r#"[["is", "event:goal", ["Read it"]]]"#;
    ok(&["segment", "change", "example.com", "From France", "--name", "Readers", "--filters", signup]);
    let read = ok(&["goal", "change", "example.com", "3", "--name", "Read", "--scroll", "0"]);
    assert_eq!(read, "changed goal Read (3)");
    assert_eq!(ok(&["segment", "list", "example.com"]), r#"1  Readers  [["is","event:goal",["Read"]]]"#);
    ok(&["segment", "remove", "example.com", "Readers"]);
    assert_eq!(ok(&["segment", "list", "example.com"]), "");
    ok(&["goal", "change", "example.com", "Purchase", "--currency", "", "--prop", "plan=small"]);
    ok(&["goal", "change", "example.com", "Visit /cart", "--page", "/basket", "--name", ""]);
    let goals = ok(&["goal", "list", "example.com", "--json"]);
    let goals: Vec<Value> = goals.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&goals[0]["display_name"], &goals[0]["page_path"]),
        (&json!("Visit /basket"), &json!("/basket"))
    );
    assert_eq!(
        (&goals[1]["currency"], &goals[1]["custom_props"]),
        (&json!(null), &json!({ "plan": "small" }))
    );
    assert_eq!((&goals[2]["page_path"], &goals[2]["scroll_threshold"]), (&json!("/guide"), &json!(null)));
    ok(&["funnel", "change", "example.com", "Checkout", "--name", "Order", "--step", "2", "--step", "Read"]);
    assert_eq!(
        ok(&["funnel", "list", "example.com"]),
        "1  Order  strict order, within a day  Purchase → Read"
    );
    ok(&["funnel", "change", "example.com", "1", "--name", "Checkout", "--order", "any"]);
    ok(&["annotation", "change", "example.com", "New shop", "--at", "2026-03-02"]);
    assert_eq!(ok(&["annotation", "list", "example.com"]), "1  2026-03-02  New shop");
    for (arguments, words) in [
        (vec!["goal", "remove", "example.com", "Purchase"], "is a step of the funnel \"Checkout\""),
        (vec!["goal", "remove", "example.com", "Nothing"], "no goal \"Nothing\""),
        (vec!["funnel", "add", "example.com", "One", "--step", "1"], "1 steps, expected 2 to 8 goals"),
        (vec!["goal", "change", "example.com", "Purchase", "--scroll", "50"], "say --page, too"),
        (vec!["goal", "change", "example.com", "Purchase", "--prop", "plan"], "expected a key and a value"),
        (
            vec!["funnel", "change", "example.com", "Checkout", "--step", "1"],
            "1 steps, expected 2 to 8 goals",
        ),
        (vec!["segment", "change", "example.com", "Gone", "--name", "x"], "no segment \"Gone\""),
        (vec!["annotation", "change", "example.com", "1", "--at", "soon"], "expected a date"),
        (vec!["annotation", "add", "example.com", "soon", "x"], "expected a date"),
        (vec!["segment", "add", "example.com", "x", "--filters", "["], "--filters is not JSON"),
        (vec!["site", "set", "example.com", "--privacy-floor", "none"], "expected a number of visitors"),
        (vec!["site", "set", "example.com"], "nothing to set"),
        (vec!["token", "create", "--scope", "stats:read", "--expires", "2020-01-01"], "ended already"),
    ] {
        let output = passant.cli(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{said}");
    }
    let completions = ok(&["completions", "bash"]);
    assert!(completions.contains("--privacy-floor") && completions.contains("--scroll"));
}
