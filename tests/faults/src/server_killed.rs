//! F1: the whole server is killed at moments that nobody chose, under load.
//!
//! Invariant: one server goes through all rounds of a batch, and the store is held against the answers at its end.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Program, until};

use crate::scene::Scene;
use crate::{Rounds, Tally, slowest};

/// What is promised on a machine that has nothing else to do is 2 s; tests share theirs.
const SERVING_AGAIN: Duration = Duration::from_secs(10);

/// Kills it, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut scene = Scene::start(Program::Passant, "").await;
        for round in rounds.numbers() {
            let load = scene.load();
            if round % 2 == 0 {
                // At work with its store, and not only before the store is there.
                scene.until_shipped().await;
            }
            scene.until_acknowledged(20 + Rounds::scattered(round, 800)).await;
            scene.passant.kill().await;
            load.stop().await;
            let started = Instant::now();
            scene.passant.run().await;
            let (oracle, server) = (&scene.oracle, scene.passant.public());
            let before = oracle.acknowledged();
            until("it serves again", || async {
                oracle.send(&server, 0).await;
                (oracle.acknowledged() > before).then_some(())
            })
            .await;
            let took = started.elapsed();
            slowest::note("serving again after SIGKILL", took);
            ensure!(took < SERVING_AGAIN, "round {round}: serving again only after {took:?}");
        }
        scene.verified(rounds.count).await
    }
    .boxed()
}
