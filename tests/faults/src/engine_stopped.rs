//! F4: the engine is stopped in its tracks, and neither works nor ends.
//!
//! Invariant: while nothing is shipped, the age of the oldest event that the metrics tell is the time that has passed,
//! and the server's memory does not follow the backlog.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Program, signal, until};
use rustix::process::Signal;

use crate::scene::Scene;
use crate::{Rounds, Tally};

/// The first round, which the tests do, is short; the others are what the fault is about.
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);
const AGE: &str = "passant_spool_oldest_unsent_seconds";
/// How far the age that is told may be from the age.
const AGE_TOLERANCE_SECONDS: f64 = 2.0;
/// A backlog is on the disk. What grows is the list of its segments, and buffers up to their bounds.
const GROWTH_LIMIT_KIBIBYTES: u64 = 48 << 10;
/// Few clients: the backlog that they make is compared event by event afterwards.
const CLIENTS: usize = 4;

/// Stops it, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let scene = Scene::start(Program::Passant, "").await;
        for round in rounds.numbers() {
            let load = scene.oracle.load(&scene.passant.public(), CLIENTS);
            scene.until_shipped().await;
            scene.until_acknowledged(1000).await;
            let engine = scene.passant.engine_pid().await;
            signal(engine, Signal::STOP);
            let held = stopped(&scene, if round == 0 { SHORT } else { LONG }).await;
            signal(engine, Signal::CONT);
            load.stop().await;
            held?;
            ensure!(scene.passant.engine_pid().await == engine, "round {round}: the engine was given up");
            scene.oracle.check(&scene.passant).await?;
            until("the age is that of an empty spool", || async {
                (scene.passant.metric(AGE).await == 0.0).then_some(())
            })
            .await;
        }
        scene.verified(rounds.count).await
    }
    .boxed()
}

/// Looks at age and memory all the while.
async fn stopped(scene: &Scene, time: Duration) -> Result<()> {
    let began = Instant::now();
    let memory = resident_kibibytes(scene.passant.pid());
    let acknowledged = scene.oracle.acknowledged();
    // What had not been shipped when the engine was stopped may be older: how much, the metric says.
    let older_seconds = scene.passant.metric(AGE).await;
    while began.elapsed() < time {
        let asked = began.elapsed().as_secs_f64();
        let age_seconds = scene.passant.metric(AGE).await;
        let since = began.elapsed().as_secs_f64();
        ensure!(
            (asked - AGE_TOLERANCE_SECONDS..=older_seconds + since + AGE_TOLERANCE_SECONDS)
                .contains(&age_seconds),
            "the oldest event is said to be {age_seconds} s old after {since} s, {older_seconds} s at their beginning"
        );
        let growth = resident_kibibytes(scene.passant.pid()).saturating_sub(memory);
        ensure!(growth < GROWTH_LIMIT_KIBIBYTES, "{growth} KiB more memory after {since} s");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(scene.oracle.acknowledged() > acknowledged, "nothing was acknowledged meanwhile");
    Ok(())
}

fn resident_kibibytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
