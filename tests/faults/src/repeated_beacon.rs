//! F17: the answer to a beacon is lost, and the client sends the same beacon again, with the same nonce.
//!
//! Invariant: whatever became of the first sending, the second is acknowledged and the store holds the event once.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use passant_tests::{FIREFOX, Passant, until};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::{Rounds, Tally};

/// What becomes of the first sending.
#[derive(Clone, Copy, Debug)]
enum First {
    /// The client goes away without waiting.
    Left,
    /// The answer is there, and the client goes away without reading it.
    Unread,
    /// The connection breaks in the middle of the body.
    Cut,
    /// There is no first one: several are sent at the same moment.
    Together,
}

const FIRST: [First; 4] = [First::Left, First::Unread, First::Cut, First::Together];
/// How often a beacon is sent after the first time.
const REPEATS: usize = 3;

/// Sends beacons more than once to one server, one event a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let passant = Passant::start().await;
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            repeat(&passant, round).await.with_context(|| format!("round {round}"))?;
            tally.rounds += 1;
        }
        until("the spool is empty", || async {
            (passant.metric("passant_spool_events").await == 0.0).then_some(())
        })
        .await;
        let mut rows: BTreeMap<u64, u32> = rounds.numbers().map(|round| (amount(round), 0)).collect();
        for line in passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]).lines() {
            let record: Value = serde_json::from_str(line)?;
            ensure!(!line.contains("nonce-of-"), "the nonce is stored: {line}");
            let number = record["revenue"]["amount"].as_str().and_then(|amount| amount.strip_suffix(".00"));
            *rows.entry(number.context("an amount")?.parse()?).or_default() += 1;
        }
        for (number, rows) in rows {
            ensure!(rows == 1, "event {number} is {rows} rows, expected one");
            tally.acknowledged += 1;
        }
        Ok(tally)
    }
    .boxed()
}

async fn repeat(passant: &Passant, round: u32) -> Result<()> {
    let first = FIRST[round as usize % FIRST.len()];
    let body = json!({
        "n": "Repeated",
        "u": "https://example.com/repeated",
        "d": "example.com",
        "$": {"amount": amount(round).to_string(), "currency": "EUR"},
        "k": format!("nonce-of-{round}.1"),
    });
    send_first(passant.public_address(), &body.to_string(), first).await?;
    let again = join_all((0..REPEATS).map(|_| passant.beacon(&body))).await;
    let stored_now = again.iter().filter(|answer| answer.header("x-passant-discarded").is_empty()).count();
    ensure!(again.iter().all(|answer| answer.status == 202), "{first:?}: a repeat is not acknowledged");
    let expected = match first {
        First::Left => 0..=1,
        First::Unread => 0..=0,
        First::Cut | First::Together => 1..=1,
    };
    ensure!(expected.contains(&stored_now), "{first:?}: {stored_now} of {REPEATS} repeats were stored");
    let late = passant.beacon(&body).await;
    ensure!(late.header("x-passant-discarded") == "repeated", "{first:?}: not known any more");
    Ok(())
}

async fn send_first(server: SocketAddr, body: &str, first: First) -> Result<()> {
    let part = match first {
        First::Together => return Ok(()),
        First::Cut => &body[..body.len() / 2],
        First::Left | First::Unread => body,
    };
    let mut stream = TcpStream::connect(server).await?;
    let head = format!(
        "POST /api/event HTTP/1.1\r\nhost: x\r\nuser-agent: {FIREFOX}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + part).as_bytes()).await?;
    if matches!(first, First::Unread) {
        stream.ready(Interest::READABLE).await?;
    }
    // Bytes that were not read make this a reset, as a phone that leaves its network does.
    drop(stream);
    Ok(())
}

/// The number that tells the round's event.
fn amount(round: u32) -> u64 {
    u64::from(round) + 1
}
