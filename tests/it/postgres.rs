//! Control data in PostgreSQL: a real server, which is away and comes back, is shared, and is moved to.
//!
//! That everything else is as with SQLite is shown by `accounts` and `control`, which `make test` runs on both.

use http::Method;
use passant_tests::{Answer, Passant, PostgresServer, Settings, postgres, until};
use serde_json::{Value, json};

/// A server, where there is PostgreSQL.
fn server() -> Option<PostgresServer> {
    started(PostgresServer::start)
}

#[expect(clippy::print_stdout, reason = "whoever reads the tests' output is to see what was not tested")]
fn started(start: fn() -> PostgresServer) -> Option<PostgresServer> {
    if postgres::programs().is_none() {
        println!("SKIPPED: PostgreSQL is not there: `make setup-test` installs it as root");
        return None;
    }
    Some(start())
}

fn on(url: &str) -> Settings {
    Settings { control_url: Some(url.to_owned()), ..Settings::default() }
}

fn pageview(domain: &str) -> Value {
    json!({ "n": "pageview", "u": format!("https://{domain}/"), "d": domain })
}

/// Asks for all pageviews of a site.
async fn ask(passant: &Passant, token: &str, domain: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let question = json!({ "site_id": domain, "metrics": ["pageviews"], "date_range": "all" }).to_string();
    passant.public().send(Method::POST, "/api/v2/query", &headers, question).await.expect("an answer")
}

async fn takes_beacons_of(passant: &Passant, domain: &str) {
    until("beacons are taken", || async {
        let answer = passant.beacon(&pageview(domain)).await;
        answer.headers.get("x-passant-discarded").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_costs_no_beacon_and_is_used_again_when_it_is_back() {
    let Some(mut server) = server() else { return };
    let url = server.database();
    let mut passant = Passant::start_with(on(&url)).await;
    takes_beacons_of(&passant, "example.com").await;
    passant.until_total("pageviews", 1).await;
    let token = passant.token();

    server.stop();
    let refused = ask(&passant, &token, "example.com").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("try again"), "{}", refused.text());
    let sign_in = json!({ "email": "ada@example.com", "password": "correct horse" }).to_string();
    let headers = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let refused =
        passant.public().send(Method::POST, "/api/session", &headers, sign_in).await.expect("an answer");
    assert_eq!(refused.status, 503, "{}", refused.text());
    let taken = passant.beacon(&pageview("example.com")).await;
    assert!(taken.status == 202 && taken.headers.get("x-passant-discarded").is_none());
    let told = || async { passant.log().contains("the sites stay as they are").then_some(()) };
    until("the outage is told", told).await;

    server.run();
    until("reports are answered again", || async {
        (ask(&passant, &token, "example.com").await.status == 200).then_some(())
    })
    .await;
    passant.until_total("pageviews", 2).await;
    passant.cli_ok(&["site", "add", "new.example"]);
    takes_beacons_of(&passant, "new.example").await;
    passant.stop().await;
    let log = passant.whole_log();
    assert!(log.contains("the control data are read again") && !log.contains("s3cret"), "{log}");
    let lines = log.lines().filter(|line| line.contains("the sites stay as they are")).count();
    assert_eq!(lines, 1, "an outage is told once:\n{log}");
    assert!(!passant.data().join("control.sqlite").exists());
}

#[tokio::test]
async fn servers_that_share_a_database_know_the_same_sites_tokens_and_sessions() {
    let Some(server) = server() else { return };
    let url = server.database();
    let one = Passant::start_with(on(&url)).await;
    let mut other = Passant::prepared(on(&url));
    other.run().await;
    one.cli_ok(&["site", "add", "shared.example"]);
    for passant in [&one, &other] {
        takes_beacons_of(passant, "shared.example").await;
    }
    let token = one.cli_ok(&["token", "create", "--scope", "stats:read"]);
    let status = || async { ask(&other, &token, "shared.example").await.status.as_u16() };
    until("the other answers", || async { (status().await == 200).then_some(()) }).await;
    let number = one.cli_ok(&["token", "list", "--json"]);
    let number: Value = serde_json::from_str(number.lines().last().unwrap()).unwrap();
    one.cli_ok(&["token", "revoke", &number["id"].to_string()]);
    assert_eq!(status().await, 401, "from this moment on, everywhere");
    one.cli_ok(&["site", "remove", "shared.example", "--yes"]);
    until("beacons are discarded", || async {
        let answer = other.beacon(&pageview("shared.example")).await;
        answer.headers.get("x-passant-discarded").is_some().then_some(())
    })
    .await;
}

#[tokio::test]
async fn control_data_move_to_a_server_and_back() {
    let Some(server) = server() else { return };
    let url = server.database();
    let mut passant = Passant::prepared(Settings { control_url: None, ..Settings::default() });
    passant.cli_ok(&["site", "add", "example.com"]);
    passant.cli_ok(&["goal", "add", "example.com", "--page", "/done"]);
    let token = passant.cli_ok(&["token", "create", "--scope", "stats:read"]);
    let file = passant.file("control.url");
    std::fs::write(&file, format!("{url}\n")).expect("written");
    let to_file = ["control", "copy", "--to-file", file.to_str().unwrap()];
    let said = passant.cli_ok(&to_file);
    assert!(said.contains("sites: 1\n") && said.contains("goals: 1\n") && !said.contains("s3cret"), "{said}");
    let again = passant.cli(&to_file);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&again.stderr),
        "passant: the target has rows in sites already, expected a fresh database\n"
    );

    let config = format!("[serve]\nlog_format = \"json\"\n[control]\nurl_file = {file:?}\n");
    std::fs::write(passant.file("passant.toml"), config).expect("written");
    passant.cli_ok(&["site", "add", "second.example"]);
    assert_eq!(server.ask(&url, "SELECT count(*) FROM sites"), "2");
    passant.run().await;
    until("the token is known", || async {
        (ask(&passant, &token, "example.com").await.status == 200).then_some(())
    })
    .await;

    let back = passant.file("back.sqlite");
    passant.cli_ok(&["control", "copy", "--to", back.to_str().unwrap()]);
    let sites = passant_control::Control::open(&back).expect("opened").sites().expect("read");
    let domains: Vec<_> = sites.iter().map(|site| site.domain.as_str()).collect();
    assert_eq!(domains, ["example.com", "second.example"]);
}

#[tokio::test]
async fn control_data_travel_encrypted_to_a_server_that_is_known_or_not_at_all() {
    let Some(server) = started(PostgresServer::start_encrypted) else { return };
    let authority = format!("&sslrootcert={}", server.authority().display());
    let known = |host, mode: &str| server.tcp_url(host, &format!("&sslmode={mode}{authority}"));
    let passant = Passant::prepared(Settings { control_url: None, ..Settings::default() });
    let sites = |url: &str| passant.cli(&["site", "list", "--control-url", url]);
    for (url, expected) in [
        (server.tcp_url(postgres::HOST, "&sslmode=disable"), "no encryption"),
        (server.tcp_url(postgres::HOST, "&sslmode=require"), "sslrootcert=FILE names the authority"),
        (known("other.test", "verify-full"), "the URL has to name the server as its certificate does"),
        (known("other.test", "require"), "the URL has to name the server as its certificate does"),
    ] {
        let output = sites(&url);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(expected) && !words.contains("s3cret"), "{words}");
        assert_eq!(words.lines().count(), 1, "{words}");
    }
    for mode in ["require", "verify-full", "verify-full&channel_binding=require"] {
        let output = sites(&known(postgres::HOST, mode));
        assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
    }

    let encrypted = Passant::start_with(on(&known(postgres::HOST, "verify-full"))).await;
    takes_beacons_of(&encrypted, "example.com").await;
    let connections =
        "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                       WHERE application_name = 'passant'";
    assert_eq!(server.ask(&server.url("postgres"), connections), "t");
}

#[test]
fn a_url_that_is_none_is_refused_in_one_line_that_does_not_hold_it() {
    let passant = Passant::prepared(Settings { control_url: None, ..Settings::default() });
    for (url, expected) in [
        ("mysql://passant:hunter2@db/passant", "not a URL of PostgreSQL"),
        (
            "postgres://passant:hunter2@db/passant?sslmode=verify-full&sslrootcert=/none",
            "/none cannot be read",
        ),
        ("postgres://passant:hunter2@db:hunter2/passant", "cannot be read"),
    ] {
        let output = passant.cli(&["site", "list", "--control-url", url]);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{words}");
        assert!(words.contains(expected) && !words.contains("hunter2"), "{words}");
        assert_eq!(words.lines().count(), 1, "{words}");
    }
}
