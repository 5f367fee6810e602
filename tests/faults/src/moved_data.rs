//! F20: a data directory restored from yesterday's copy; a spool that is moved to another node.
//!
//! Invariant: what the copy holds is stored once, however often it is shipped; the log names the time from which on
//! events are missing. A spool goes with its control data or to a node that numbers its sites alike.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Oracle, Passant, Program, Settings, until};
use serde_json::{Value, json};

use crate::{Rounds, Tally};

/// Events that are shipped, and events that wait in the spool.
const EVENTS: usize = 40;
const DAY_SECONDS: i64 = 86_400;
/// The site whose events the copy does not have.
const OTHER_SITE: &str = "other.example";

/// Restores and moves, in turn.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            tally.acknowledged += if round % 2 == 0 {
                restored().await.context("restored from yesterday's copy")?
            } else {
                moved().await.context("moved to another node")?
            };
            tally.rounds += 1;
        }
        Ok(tally)
    }
    .boxed()
}

/// A server that seals when it stops and not before, so that a test says what waits.
fn node() -> Passant {
    let config = "[spool]\nseal_after_seconds = 3600\n".to_owned();
    let passant =
        Passant::with_site(Settings { config, program: Program::FailPoints, ..Settings::default() });
    passant.cli_ok(&["site", "add", OTHER_SITE]);
    passant
}

async fn restored() -> Result<u64> {
    let mut passant = node();
    let oracle = Oracle::default();
    passant.plan_faults(&json!({"clock_offset_seconds": -DAY_SECONDS}));
    passant.run().await;
    send(&oracle, &passant).await;
    passant.stop().await;
    passant.run().await;
    oracle.check(&passant).await?;
    // These wait in the spool of the copy, and are shipped both from there and from the original.
    send(&oracle, &passant).await;
    passant.kill_and_wait_for_engine().await;
    let copy = passant.file("copy");
    copy_all(&passant.data(), &copy)?;

    passant.plan_faults(&json!({}));
    passant.run().await;
    visit_other(&passant).await?;
    passant.stop().await;
    passant.run().await;
    oracle.check(&passant).await?;
    ensure!(stored_of_other(&passant) == 1, "an event of today is not stored");
    passant.stop().await;

    fs::remove_dir_all(passant.data())?;
    fs::rename(&copy, passant.data())?;
    passant.run().await;
    let acknowledged = oracle.check(&passant).await?;
    ensure!(stored_of_other(&passant) == 0, "an event of today was in yesterday's copy");
    // What waited in the copy is yesterday's too. Once that is stored, a start tells where the copy ends.
    passant.stop().await;
    passant.run().await;
    says_where_it_ends(&passant).await?;
    oracle.check(&passant).await?;
    Ok(acknowledged)
}

async fn says_where_it_ends(passant: &Passant) -> Result<()> {
    let line = until("the log names the newest event", || {
        let lines = passant.log();
        let found = lines.lines().find(|line| line.contains("newest_event")).map(str::to_owned);
        std::future::ready(found)
    })
    .await;
    let line: Value = serde_json::from_str(&line)?;
    ensure!(line["level"] == "WARN", "a day is missing and nobody is warned: {line}");
    let silence = line["fields"]["silence_seconds"].as_i64().context("how long")?;
    ensure!((DAY_SECONDS - 3600..DAY_SECONDS + 3600).contains(&silence), "a day is missing, not {silence} s");
    Ok(())
}

async fn moved() -> Result<u64> {
    let (mut old, mut new) = (node(), node());
    let oracle = Oracle::default();
    old.run().await;
    send(&oracle, &old).await;
    old.kill().await;
    let (from, to) = (old.data().join("spool"), new.data().join("spool"));
    fs::rename(&from, &to)?;
    let copy = new.file("copy");
    copy_all(&to, &copy)?;

    new.run().await;
    let acknowledged = oracle.check(&new).await?;
    // Moved once more, by somebody who does not know that it was.
    new.kill().await;
    fs::remove_dir_all(&to)?;
    fs::rename(&copy, &to)?;
    new.run().await;
    oracle.check(&new).await?;
    let known = new.metric("passant_ship_reconciled_total{action=\"skipped\"}").await;
    ensure!(known > 0.0, "the store was not asked about events that it holds");

    // The node that it came from knows nothing of it any more.
    old.run().await;
    let waiting = old.metric("passant_spool_events").await;
    ensure!(waiting == 0.0, "{waiting} events wait in a spool that was moved away");
    let export = old.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    ensure!(export.is_empty(), "stored by both nodes:\n{export}");
    Ok(acknowledged)
}

async fn send(oracle: &Oracle, passant: &Passant) {
    let server = passant.public();
    for visitor in 0..EVENTS {
        oracle.send(&server, visitor).await;
    }
}

async fn visit_other(passant: &Passant) -> Result<()> {
    let page = json!({"n": "pageview", "u": format!("https://{OTHER_SITE}/"), "d": OTHER_SITE});
    let answer = passant.beacon(&page).await;
    ensure!(answer.status == 202, "{}", answer.text());
    Ok(())
}

fn stored_of_other(passant: &Passant) -> usize {
    passant.cli_ok(&["export", "--site", OTHER_SITE, "--format", "events"]).lines().count()
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("--archive").args([from, to]).status()?;
    ensure!(copied.success(), "{} was not copied", from.display());
    Ok(())
}
