//! F10: the server is killed again within two seconds of each start, many times running.
//!
//! Invariant: between two deaths there may be time for recovery, for some of it, or for none; what a round leaves is
//! what the next one starts from, and nothing but the last start is let live.

use std::time::Duration;

use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::Program;

use crate::scene::{Scene, pass};
use crate::{Rounds, Tally};

/// A start takes some 50 ms until it serves: most early deaths are in its midst.
const EARLY_MILLISECONDS: u64 = 100;
/// By then the engine answers and the first batches are shipped.
const LATE_MILLISECONDS: u64 = 2000;

/// Starts and kills it, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut scene = Scene::start(Program::Passant, "").await;
        for round in rounds.numbers() {
            let load = scene.load();
            let moment = Rounds::scattered(round, LATE_MILLISECONDS);
            pass(Duration::from_millis(moment)).await;
            scene.passant.kill().await;
            load.stop().await;
            // And as it starts, with what that death left.
            let early = Duration::from_millis(Rounds::scattered(round, EARLY_MILLISECONDS));
            scene.passant.die_at_start(early).await;
            scene.passant.run().await;
        }
        scene.verified(rounds.count).await
    }
    .boxed()
}
