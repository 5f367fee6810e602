//! One server under one load: what was acknowledged and what it took, and that the store holds it.
//!
//! Invariant: CPU is the kernel's account of a process, over events that were acknowledged; a run with a refusal or a
//! discard gives no figures.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::load::{Order, Outcome};
use crate::process::{self, Memory};
use crate::server::Server;
use crate::store;

/// How long one run of the load client is while events are only to be there.
const PRELOAD_SECONDS: u64 = 5;
/// The gauge is set when it is asked for; a backlog of a minute's saturation takes this long at the most.
const DRAIN_PATIENCE: Duration = Duration::from_secs(300);

/// One server under one load.
pub(crate) struct Measured {
    pub(crate) server: &'static str,
    pub(crate) outcome: Outcome,
    /// CPU seconds until the last answer: server and engine.
    pub(crate) at_answer: [f64; 2],
    /// The same until everything is in the store.
    pub(crate) at_rest: [f64; 2],
    pub(crate) drain_seconds: f64,
    pub(crate) memory: [Memory; 2],
    /// Share of the machine that was used by none of the processes measured.
    pub(crate) others: f64,
}

/// What was acknowledged, in all.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) runs: u64,
    pub(crate) events: u64,
    pub(crate) purchases: u64,
    pub(crate) purchases_cents: u64,
}

/// One load on one server, which may be idle or busy with what came before.
///
/// # Errors
/// When a process has ended, or an event was not taken.
pub(crate) async fn measured(
    name: &'static str,
    server: &Server,
    ledger: &mut Ledger,
    (seconds, per_second): (u64, Option<u64>),
) -> Result<Measured> {
    let engine = server.engine_pid();
    let cpu = || -> Result<[f64; 2]> {
        Ok([process::cpu_seconds(server.pid()?)?, engine.map_or(Ok(0.0), process::cpu_seconds)?])
    };
    let (before, machine_before, began) = (cpu()?, process::machine_cpu_seconds()?, Instant::now());
    let outcome = ledger.load(server, seconds, per_second).await?;
    let (at_answer, machine_after, elapsed) = (cpu()?, process::machine_cpu_seconds()?, began.elapsed());
    let memory = [process::memory(server.pid()?)?, engine.map_or(Ok(Memory::default()), process::memory)?];
    let drain_seconds = if engine.is_some() { drained(server).await? } else { 0.0 };
    let spent = |after: [f64; 2]| [after[0] - before[0], after[1] - before[1]];
    let at_rest = spent(cpu()?);
    let at_answer = spent(at_answer);
    let ours = at_answer[0] + at_answer[1] + outcome.cpu_seconds;
    let cores = std::thread::available_parallelism()?.get() as f64;
    let others = (machine_after - machine_before - ours).max(0.0) / elapsed.as_secs_f64() / cores;
    Ok(Measured { server: name, outcome, at_answer, at_rest, drain_seconds, memory, others })
}

impl Ledger {
    /// Saturates a server until it took at least so many events, and waits until they are in the store. None of it is
    /// measured.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub(crate) async fn preload(&mut self, server: &Server, events: u64) -> Result<()> {
        let target = self.events + events;
        while self.events < target {
            self.load(server, PRELOAD_SECONDS, None).await?;
        }
        if events > 0 { drained(server).await.map(drop) } else { Ok(()) }
    }

    /// One run of the load client.
    ///
    /// # Errors
    /// When the client fails, or an event was not taken.
    pub(crate) async fn load(
        &mut self,
        server: &Server,
        seconds: u64,
        per_second: Option<u64>,
    ) -> Result<Outcome> {
        self.runs += 1;
        let order = serde_json::to_string(&Order { seconds, per_second, run: self.runs })?;
        let mut client = Command::new(std::env::current_exe()?);
        client.args(["load", &server.public().to_string(), &order]);
        let output = client.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
        ensure!(output.status.success(), "the load client failed");
        let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
        ensure!(
            outcome.discarded == 0 && outcome.refused == 0,
            "{} events were discarded and {} refused, expected none",
            outcome.discarded,
            outcome.refused
        );
        self.events += outcome.acknowledged;
        self.purchases += outcome.purchases;
        self.purchases_cents += outcome.purchases_cents;
        Ok(outcome)
    }
}

/// Waits until everything is in the store, and says how long it took.
///
/// # Errors
/// When that takes too long.
pub(crate) async fn drained(server: &Server) -> Result<f64> {
    let began = Instant::now();
    while server.metric("passant_spool_events").await? > 0.0 {
        ensure!(began.elapsed() < DRAIN_PATIENCE, "the spool is not empty after {DRAIN_PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Counts, and by the amounts of purchases, no two of which are alike, that none is lost while another is doubled.
///
/// # Errors
/// When the store does not hold what was acknowledged.
pub(crate) async fn verify(engine: &passant_store::Store, ledger: &Ledger) -> Result<()> {
    let expected = [
        ("count()", ledger.events),
        ("countIf(name = 'Purchase')", ledger.purchases),
        ("uniqExactIf(revenue_amount, name = 'Purchase')", ledger.purchases),
        ("sum(revenue_amount) * 100", ledger.purchases_cents),
    ];
    for (what, expected) in expected {
        let found = store::number(engine, what, "events").await?;
        ensure!(found == expected, "{what} is {found} in the store, but {expected} was acknowledged");
    }
    Ok(())
}
