//! F12: descriptors run out, first for connections at a limit of 64, then altogether.
//!
//! Invariant: who is connected is served all the while, segments included; the server does not spin, and lets others
//! in again as soon as it can.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{HttpClient, Oracle, Passant, Settings, until};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::net::TcpStream;

use crate::{Rounds, Tally};

/// The limit of the first half, as a container or a unit file may set it.
const FEW: u64 = 64;
/// Clients that are connected before.
const CLIENTS: usize = 4;
/// Connections that come on top.
const FLOOD: usize = 200;
/// What has to come through meanwhile: several segments of a tenth of a second.
const EVENTS: usize = 500;
/// The unit of times in proc(5), on each architecture that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
/// Errors of accept that are waited for in the second half: two seconds at 20 a second.
const ERRORS: f64 = 40.0;

/// Takes the descriptors of one server away, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let config = "[spool]\nseal_after_seconds = 0.1\n".into();
        let passant = Passant::start_with(Settings { config, ..Settings::default() }).await;
        let oracle = Oracle::default();
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            // The server has raised its own to what it inherited.
            let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
            let before = Rlimit { current: maximum, maximum };
            few(&passant, &oracle, &before).await.with_context(|| format!("round {round}: few"))?;
            none(&passant, &oracle, &before).await.with_context(|| format!("round {round}: none"))?;
            tally.rounds += 1;
        }
        tally.acknowledged = oracle.check(&passant).await?;
        Ok(tally)
    }
    .boxed()
}

/// A flood of connections meets a limit of 64.
async fn few(passant: &Passant, oracle: &Oracle, before: &Rlimit) -> Result<()> {
    let load = oracle.load(&passant.public(), CLIENTS);
    let start = oracle.acknowledged();
    until("clients are connected", || {
        std::future::ready((oracle.acknowledged() >= start + 50).then_some(()))
    })
    .await;
    limit(passant, Rlimit { current: Some(FEW), maximum: before.maximum })?;
    let refused = passant.metric(REFUSED).await;
    let lost = oracle.unanswered() + oracle.refused();
    let flood = connect(passant.public_address(), FLOOD).await;
    until("connections are refused", || async { (passant.metric(REFUSED).await > refused).then_some(()) })
        .await;
    let (acknowledged, shipped) = (oracle.acknowledged(), passant.metric(SHIPPED).await);
    until("the connected are served", || {
        std::future::ready((oracle.acknowledged() >= acknowledged + EVENTS).then_some(()))
    })
    .await;
    until("segments are shipped", || async {
        (passant.metric(SHIPPED).await >= shipped + 3.0).then_some(())
    })
    .await;
    load.stop().await;
    let lost = oracle.unanswered() + oracle.refused() - lost;
    ensure!(lost == 0, "{lost} beacons of connected clients were not acknowledged\n{}", passant.log());
    drop(flood);
    limit(passant, *before)
}

/// Not one descriptor is left, not even for files.
async fn none(passant: &Passant, oracle: &Oracle, before: &Rlimit) -> Result<()> {
    let (connected, admin) = (passant.public(), passant.admin());
    let failed = value(&admin, FAILED).await;
    ensure!(oracle.send(&connected, 0).await, "no answer before");
    limit(passant, Rlimit { current: Some(3), maximum: before.maximum })?;
    let waiting = connect(passant.public_address(), 5).await;
    let (began, used) = (Instant::now(), processor_seconds(passant)?);
    let mut served = 0;
    while value(&admin, FAILED).await < failed + ERRORS {
        ensure!(began.elapsed() < passant_tests::PATIENCE, "accept does not fail: {}", passant.log());
        ensure!(connected.get("/api/health").await.status == 200, "a connected client is not served");
        served += 1;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (seconds, used) = (began.elapsed().as_secs_f64(), processor_seconds(passant)? - used);
    ensure!(used < seconds / 2.0, "{used:.2} s of processor in {seconds:.2} s: it spins");
    ensure!(served > 1, "nobody was served");
    limit(passant, *before)?;
    drop(waiting);
    // A connection of its own, and a segment of its own.
    until("beacons are taken again", || async {
        let acknowledged = oracle.acknowledged();
        oracle.send(&passant.public(), 1).await;
        (oracle.acknowledged() > acknowledged).then_some(())
    })
    .await;
    Ok(())
}

const REFUSED: &str = "passant_http_connections_refused_total";
const FAILED: &str = "passant_http_connections_failed_total";
const SHIPPED: &str = "passant_ship_batches_total{result=\"shipped\"}";

async fn value(admin: &HttpClient, metric: &str) -> f64 {
    let text = admin.get("/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok()).unwrap_or(0.0)
}

async fn connect(server: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.extend(TcpStream::connect(server).await.ok());
    }
    streams
}

/// Sets the server's limit. Its engine keeps its own.
fn limit(passant: &Passant, limit: Rlimit) -> Result<()> {
    let pid = Pid::from_raw(passant.pid().cast_signed()).context("a pid")?;
    prlimit(Some(pid), Resource::Nofile, limit)?;
    Ok(())
}

/// Processor time of the server so far, in user and kernel mode.
fn processor_seconds(passant: &Passant) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", passant.pid()))?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in brackets")?;
    // The 14th and 15th field of proc(5), counted from behind the name, which is the second.
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}
