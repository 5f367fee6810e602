//! F13: thousands of clients that send their heads or bodies byte by byte, or nothing at all.
//!
//! Invariant: each of them is closed by its deadline, none of their beacons is stored, and everybody else is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use passant_tests::{Oracle, Passant, Settings, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Rounds, Tally};

/// Connections that hang about, a third of each kind.
const CONNECTIONS: usize = 5_000;
/// Clients that behave.
const CLIENTS: usize = 4;
/// Beacons of each of them, before and meanwhile.
const EVENTS: usize = 200;
/// A slow client sends a byte this often: each by itself is in time.
const DRIP: Duration = Duration::from_millis(200);
/// So that a round takes seconds.
const CONFIG: &str = "header_deadline_seconds = 4\nconnections = 6000\n[ingest]\nbody_deadline_seconds = 4\n";

/// What a slow client begins with, what it goes on with, and how the answer to it may begin.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("POST /api/event HTTP/1.1\r\nhost: x\r\nx-slow: ", "x", &["", "HTTP/1.1 408"]),
    (
        "POST /api/event HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 60000\r\n\r\n",
        " ",
        &["HTTP/1.1 408"],
    ),
    ("GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n", "", &["HTTP/1.1 200"]),
];

/// Lets slow clients at one server, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let passant = Passant::start_with(Settings { config: CONFIG.into(), ..Settings::default() }).await;
        let oracle = Oracle::default();
        let mut tally = Tally::default();
        for _ in rounds.numbers() {
            round(&passant, &oracle).await?;
            tally.rounds += 1;
        }
        tally.acknowledged = oracle.check(&passant).await?;
        Ok(tally)
    }
    .boxed()
}

async fn round(passant: &Passant, oracle: &Oracle) -> Result<()> {
    let alone = latencies(passant, oracle).await;
    let open = Arc::new(AtomicUsize::new(0));
    let slow: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(hang_about(passant.public_address(), number, open.clone())))
        .collect();
    until("the slow are connected", || async {
        // They keep coming and being closed; that most are there at once is enough.
        let there = passant.metric("passant_http_connections{state=\"open\"}").await;
        (there >= CONNECTIONS as f64 / 2.0 || open.load(Ordering::Acquire) >= CONNECTIONS).then_some(())
    })
    .await;
    let beside = latencies(passant, oracle).await;
    for (number, ended) in slow.into_iter().enumerate() {
        let answer = ended.await??;
        let (_, _, answers) = KINDS[number % KINDS.len()];
        // Nothing at all is an answer of its own.
        let fits =
            answers.iter().any(|start| answer.starts_with(start) && start.is_empty() == answer.is_empty());
        ensure!(fits, "a slow client was answered {answer:?}, expected one of {answers:?}");
    }
    until("their places are free", || async {
        (passant.metric("passant_http_connections{state=\"open\"}").await < 100.0).then_some(())
    })
    .await;
    let lost = oracle.unanswered() + oracle.refused();
    ensure!(lost == 0, "{lost} beacons of other clients were not acknowledged");
    report(&alone, &beside);
    Ok(())
}

/// Sends a byte now and then until the server closes; what it answered. A reset is as good as an end.
async fn hang_about(server: SocketAddr, number: usize, open: Arc<AtomicUsize>) -> Result<String> {
    let (start, drip, _) = KINDS[number % KINDS.len()];
    let (mut read, mut write) = TcpStream::connect(server).await?.into_split();
    open.fetch_add(1, Ordering::AcqRel);
    let mut answer = Vec::new();
    let sending = async {
        let mut sent = write.write_all(start.as_bytes()).await;
        while sent.is_ok() {
            tokio::time::sleep(DRIP).await;
            sent = write.write_all(drip.as_bytes()).await;
        }
        std::future::pending::<()>().await;
    };
    let closed = tokio::time::timeout(passant_tests::PATIENCE, async {
        tokio::select! {
            _ = read.read_to_end(&mut answer) => {}
            () = sending => {}
        }
    });
    ensure!(closed.await.is_ok(), "a slow client is never closed");
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// How long the answers to clients that behave took.
async fn latencies(passant: &Passant, oracle: &Oracle) -> Vec<Duration> {
    let clients = (0..CLIENTS).map(|client| async move {
        let public = passant.public();
        let mut took = Vec::with_capacity(EVENTS);
        for _ in 0..EVENTS {
            let began = Instant::now();
            oracle.send(&public, client).await;
            took.push(began.elapsed());
        }
        took
    });
    let mut all = join_all(clients).await.concat();
    all.sort_unstable();
    all
}

#[expect(clippy::print_stdout, reason = "a measurement, shown by the soak and on request")]
fn report(alone: &[Duration], beside: &[Duration]) {
    let p99 = |sorted: &[Duration]| sorted[sorted.len() * 99 / 100 - 1];
    println!(
        "F13: p99 of other clients {:?} alone, {:?} beside {CONNECTIONS} slow ones",
        p99(alone),
        p99(beside)
    );
}
