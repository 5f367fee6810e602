//! F3: the engine is killed in the midst of inserts, or ends as after a fault of its own.
//!
//! Invariant: the server stays the same process all the while and acknowledges events with and without an engine.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Oracle, Passant, Settings, has_ended, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{CLIENTS, Scene, pass};
use crate::{Rounds, Tally, slowest};

/// Batches come nearly one upon the other, so that many a moment is in the midst of an insert.
const CONFIG: &str = "[spool]\nseal_after_seconds = 0.04\n";

/// Kills it, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let settings = Settings { config: CONFIG.into(), ..Settings::default() };
        let scene = Scene { passant: Passant::start_with(settings).await, oracle: Oracle::default() };
        let server = scene.passant.pid();
        let load = scene.oracle.load(&scene.passant.public(), CLIENTS);
        for round in rounds.numbers() {
            // At work, not as it starts: another batch has to be there first.
            scene.until_shipped().await;
            pass(Duration::from_millis(Rounds::scattered(round, 60))).await;
            let engine = scene.passant.engine_pid().await;
            let killed = Instant::now();
            end(engine, [Signal::KILL, Signal::ABORT, Signal::SEGV][round as usize % 3]).await;
            scene.until_acknowledged(20).await;
            until("another engine runs", || async {
                (scene.passant.engine_pid().await != engine).then_some(())
            })
            .await;
            scene.until_shipped().await;
            slowest::note("storing again after the engine's end", killed.elapsed());
            ensure!(scene.passant.pid() == server, "round {round}: the server is another one");
        }
        load.stop().await;
        let restarts = scene.passant.metric("passant_engine_restarts_total").await;
        ensure!(restarts >= f64::from(rounds.count), "{restarts} restarts after {} kills", rounds.count);
        let failed = scene.passant.metric("passant_ship_batches_total{result=\"failed\"}").await;
        ensure!(failed > 0.0, "no insert was struck");
        scene.verified(rounds.count).await
    }
    .boxed()
}

/// Sends the signal until the process is gone: the handler for stack overflows takes the first SIGSEGV that comes from
/// outside for none and steps aside, so that the second one counts.
async fn end(pid: u32, by: Signal) {
    let process = Pid::from_raw(pid.cast_signed()).expect("a process id is above 0");
    until("the engine ends", || {
        // It may be gone between the look and the signal.
        let gone = has_ended(pid) || kill_process(process, by).is_err();
        std::future::ready(gone.then_some(()))
    })
    .await;
}
