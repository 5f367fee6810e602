//! The load client, a process of its own: keep-alive connections that each send one beacon after the other.
//!
//! Invariant: every request ends in exactly one count. An answer that does not come is an error, not a number.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::process;
use crate::traffic::{Purchases, Traffic};

/// Connections of a run.
pub(crate) const CONNECTIONS: u64 = 64;

/// What to send.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) seconds: u64,
    /// Requests a second of all connections together, each sent when it is due; absent, as fast as answers come.
    pub(crate) per_second: Option<u64>,
    /// Number of the run: no two runs draw the same visits or amounts.
    pub(crate) run: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: u64,
    pub(crate) discarded: u64,
    pub(crate) refused: u64,
    pub(crate) purchases: u64,
    pub(crate) purchases_cents: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
    pub(crate) cpu_seconds: f64,
}

#[derive(Default)]
struct Sent {
    outcome: Outcome,
    latencies_microseconds: Vec<u32>,
}

enum Reply {
    Stored,
    Discarded,
    Refused,
}

/// Sends what was ordered.
///
/// # Errors
/// When a connection breaks or an answer is none.
pub(crate) async fn run(server: SocketAddr, order: Order) -> Result<Outcome> {
    let purchases: Purchases = Rc::default();
    purchases.set(order.run * 10_000_000);
    let tasks = LocalSet::new();
    let start = Instant::now() + Duration::from_millis(50);
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|index| {
            let traffic = Traffic::new(order.run * 1000 + index, purchases.clone());
            tasks.spawn_local(connection(server, order, Pace { index, start, traffic }))
        })
        .collect();
    let mut all = Sent::default();
    tasks
        .run_until(async {
            for connection in connections {
                all.add(connection.await??);
            }
            anyhow::Ok(())
        })
        .await?;
    all.outcome.seconds = start.elapsed().as_secs_f64();
    all.latencies_microseconds.sort_unstable();
    let last = all.latencies_microseconds.len().checked_sub(1).context("nothing was sent")?;
    let milliseconds = |share: usize| f64::from(all.latencies_microseconds[last * share / 100]) / 1e3;
    all.outcome.p50_milliseconds = milliseconds(50);
    all.outcome.p99_milliseconds = milliseconds(99);
    all.outcome.cpu_seconds = process::cpu_seconds(std::process::id())?;
    Ok(all.outcome)
}

struct Pace {
    index: u64,
    start: Instant,
    traffic: Traffic,
}

async fn connection(server: SocketAddr, order: Order, mut pace: Pace) -> Result<Sent> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut sent = Sent::default();
    let mut received = Vec::with_capacity(1024);
    let end = pace.start + Duration::from_secs(order.seconds);
    tokio::time::sleep_until(pace.start).await;
    for turn in 0.. {
        let beacon = pace.traffic.next();
        let began = match order.per_second {
            None => Instant::now(),
            Some(rate) => {
                let due = pace.start
                    + Duration::from_secs_f64((turn * CONNECTIONS + pace.index) as f64 / rate as f64);
                let free = Instant::now();
                tokio::time::sleep_until(due).await;
                // A request that had to wait for the answer before it has waited for the server all that time.
                if free > due { due } else { Instant::now() }
            }
        };
        if began >= end {
            break;
        }
        stream.write_all(&beacon.request).await?;
        let reply = reply(&mut stream, &mut received).await?;
        sent.latencies_microseconds.push(u32::try_from(began.elapsed().as_micros())?);
        match reply {
            Reply::Stored => {
                sent.outcome.acknowledged += 1;
                sent.outcome.purchases += u64::from(beacon.cents.is_some());
                sent.outcome.purchases_cents += beacon.cents.unwrap_or(0);
            }
            Reply::Discarded => sent.outcome.discarded += 1,
            Reply::Refused => sent.outcome.refused += 1,
        }
    }
    Ok(sent)
}

impl Sent {
    fn add(&mut self, other: Self) {
        let (all, one) = (&mut self.outcome, other.outcome);
        all.acknowledged += one.acknowledged;
        all.discarded += one.discarded;
        all.refused += one.refused;
        all.purchases += one.purchases;
        all.purchases_cents += one.purchases_cents;
        self.latencies_microseconds.extend(other.latencies_microseconds);
    }
}

/// Reads one answer with a `content-length`, which is what both servers send.
async fn reply(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<Reply> {
    received.clear();
    loop {
        ensure!(stream.read_buf(received).await? > 0, "the server closed the connection");
        let Some(end) = position(received, b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&received[..end])?;
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.context("an answer without content-length")?.parse()?;
        if received.len() < end + 4 + length {
            continue;
        }
        return Ok(match head.get(9..12) {
            Some("202") if head.contains("\r\nx-passant-discarded: ") => Reply::Discarded,
            Some("202") => Reply::Stored,
            Some("429" | "503") => Reply::Refused,
            _ => bail!("an answer that no load should get: {}", head.lines().next().unwrap_or_default()),
        });
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|found| found == wanted)
}
