//! Closed days are rolled up by the server itself, by command, and again after whatever happens; nobody can tell by the reports.

use passant_store::{Config, Endpoint, Statement, Store};
use passant_tests::{Passant, until};
use serde_json::{Value, json};

/// A pageview and a purchase a day, on this many days of June.
fn events(days: u32, visitor: &str) -> String {
    let line = |day: u32, name: &str| {
        let record = json!({
            "timestamp": format!("2026-06-{day:02}T10:00:00Z"), "visitor": visitor, "name": name,
            "hostname": "example.com", "pathname": "/shop", "source": "Google", "country": "DE",
        });
        record.to_string()
    };
    let lines = (1..=days).flat_map(|day| [line(day, "pageview"), line(day, "Purchase")]);
    lines.collect::<Vec<_>>().join("\n")
}

fn import(passant: &Passant, events: &str) {
    let output =
        passant.cli_with_input(&["import", "--site", "example.com", "--format", "events", "-"], events);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn status(passant: &Passant) -> Value {
    serde_json::from_str(&passant.cli_ok(&["rollup", "status", "--json"])).expect("JSON")
}

async fn rolled_up(passant: &Passant, days: u32) {
    let expected = json!({ "domain": "example.com", "closed_days": days, "rolled_days": days });
    until("the days are rolled up", || async { (status(passant) == expected).then_some(()) }).await;
}

async fn reports(passant: &mut Passant) -> Vec<Value> {
    let mut answers = Vec::new();
    for dimensions in [json!([]), json!(["time:day"]), json!(["event:page"]), json!(["visit:source"])] {
        let question = json!({
            "site_id": "example.com", "metrics": ["visitors", "pageviews", "events", "bounce_rate"],
            "date_range": ["2026-06-01", "2026-06-30"], "dimensions": dimensions,
        });
        answers.push(passant.report(question).await["results"].clone());
    }
    answers
}

fn store(passant: &Passant) -> Store {
    Store::new(&Endpoint::Socket(passant.data().join("engine.sock")), Config::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_rolls_days_up_by_itself_and_a_removed_site_leaves_none() {
    let mut passant = Passant::start().await;
    import(&passant, &events(9, "a"));
    let before = reports(&mut passant).await;
    assert_eq!(before[0], json!([{ "metrics": [9, 9, 18, 0], "dimensions": [] }]));
    rolled_up(&passant, 9).await;
    assert_eq!(reports(&mut passant).await, before);

    import(&passant, &events(2, "b"));
    let after = reports(&mut passant).await;
    assert_eq!(after[0], json!([{ "metrics": [11, 11, 22, 0], "dimensions": [] }]));

    passant.cli_ok(&["site", "remove", "example.com", "--yes"]);
    until("nothing is left of it", || async {
        (store(&passant).site_rows(1).await.ok()? == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_rolls_days_up_and_a_crash_leaves_nothing_half_believed() {
    let mut passant = Passant::start().await;
    import(&passant, &events(30, "a"));
    let before = reports(&mut passant).await;
    // It may be building, or not have begun.
    passant.kill_and_wait_for_engine().await;
    assert_eq!(passant.cli_ok(&["rollup", "rebuild", "example.com"]), "rolled up 30 days");
    assert_eq!(status(&passant), json!({ "domain": "example.com", "closed_days": 30, "rolled_days": 30 }));
    assert_eq!(passant.cli_ok(&["rollup", "status"]), "example.com  30 of 30 closed days with events");
    passant.run().await;
    // The store may not be up yet.
    passant.until_total("events", 60).await;
    assert_eq!(reports(&mut passant).await, before);
    // Rows without an entry, as a crash between the two leaves them.
    store(&passant).execute(&Statement::new("TRUNCATE TABLE daily_builds")).await.expect("truncated");
    assert_eq!(reports(&mut passant).await, before);
    rolled_up(&passant, 30).await;
    assert_eq!(reports(&mut passant).await, before);
    let refused = passant.cli(&["rollup", "rebuild", "other.example"]);
    assert_eq!(refused.status.code(), Some(1));
}
