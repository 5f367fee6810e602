//! F18: the engine gets no more memory, and is ended for it.
//!
//! Invariant: as for an engine that is killed. The limit is on the engine's address space (RLIMIT_AS), which needs no
//! cgroup of one's own. An engine that refuses all statements for want of memory and lives on, as libchdb mostly does
//! under such a limit, is then killed, as the kernel would do it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Method;
use passant_tests::{Program, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::json;

use crate::scene::Scene;
use crate::{Rounds, Tally, slowest};

/// What an engine may still take: too little for an insert and a report side by side.
const ROOM_BYTES: u64 = 1 << 20;
/// An engine that has not ended by then is ended.
const KERNEL_PATIENCE: Duration = Duration::from_secs(3);

/// Takes its memory, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut scene = Scene::start(Program::Passant, "").await;
        let bearer = format!("Bearer {}", scene.passant.token());
        let load = scene.load();
        for round in rounds.numbers() {
            scene.until_shipped().await;
            let engine = scene.passant.engine_pid().await;
            let began = Instant::now();
            starve(engine)?;
            while is_running(&scene, engine) {
                ask_much(&scene, &bearer).await;
                if began.elapsed() > KERNEL_PATIENCE {
                    // The last question may have been its end.
                    let _ = kill_process(Pid::from_raw(engine.cast_signed()).context("a pid")?, Signal::KILL);
                    break;
                }
            }
            scene.until_acknowledged(20).await;
            until("another engine runs", || async {
                (scene.passant.engine_pid().await != engine).then_some(())
            })
            .await;
            scene.until_shipped().await;
            slowest::note("storing again after the engine ran out of memory", began.elapsed());
            ensure!(
                scene.passant.metric("passant_engine_restarts_total").await > 0.0,
                "round {round}: no restart"
            );
        }
        load.stop().await;
        let failed = scene.passant.metric("passant_ship_batches_total{result=\"failed\"}").await;
        ensure!(failed > 0.0, "no insert was struck");
        scene.verified(rounds.count).await
    }
    .boxed()
}

fn starve(engine: u32) -> Result<()> {
    let status = std::fs::read_to_string(format!("/proc/{engine}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next());
    let limit = (size.context("no VmSize")?.parse::<u64>()? << 10) + ROOM_BYTES;
    prlimit(
        Pid::from_raw(engine.cast_signed()),
        Resource::As,
        Rlimit { current: Some(limit), maximum: Some(limit) },
    )?;
    Ok(())
}

fn is_running(scene: &Scene, engine: u32) -> bool {
    let parent = scene.passant.pid();
    let status = std::fs::read_to_string(format!("/proc/{engine}/stat")).unwrap_or_default();
    let mut fields = status.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.next().is_some_and(|state| state != "Z") && fields.next() == Some(&parent.to_string())
}

/// Groups by everything at hand; whether it is answered is not the question.
async fn ask_much(scene: &Scene, bearer: &str) {
    let dimensions = ["event:page", "visit:source", "visit:utm_campaign", "time:day"];
    let question = json!({"site_id": "example.com", "metrics": ["visitors", "visits"], "date_range": "all", "dimensions": dimensions});
    let headers = [("authorization", bearer), ("content-type", "application/json")];
    let _ = scene.passant.public().send(Method::POST, "/api/v2/query", &headers, question.to_string()).await;
}
