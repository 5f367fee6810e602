//! F2: the server kills itself at each named step of an event's way to the disk and of a batch's way into the store.
//!
//! Invariant: a round is a walk through all of [`STEPS`] on one server, and every one of its deaths is by the step that
//! was planned, or the round fails.

use std::os::unix::process::ExitStatusExt;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::Program;
use serde_json::json;

use crate::scene::Scene;
use crate::{Rounds, Tally};

/// When a step is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// All the time, under load.
    UnderLoad,
    /// Once, after a start that found batches whose fate is unknown.
    AfterStart,
}

/// Every step that there is, from the bytes' first write to the removal of their file.
const STEPS: [(&str, When); 15] = [
    ("created", When::UnderLoad),
    ("writing", When::UnderLoad),
    ("appending", When::UnderLoad),
    ("written", When::UnderLoad),
    ("synced", When::UnderLoad),
    ("entry_synced", When::UnderLoad),
    ("acknowledged", When::UnderLoad),
    ("sealing", When::UnderLoad),
    ("sealed", When::UnderLoad),
    ("inserting", When::UnderLoad),
    ("inserted", When::UnderLoad),
    ("reconciling", When::AfterStart),
    ("reconciled", When::AfterStart),
    ("removing", When::UnderLoad),
    ("removed", When::UnderLoad),
];

/// Walks through the steps, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut scene = Scene::start(Program::FailPoints, "").await;
        for round in rounds.numbers() {
            for (number, (step, when)) in STEPS.into_iter().enumerate() {
                let after = 1 + Rounds::scattered(round * 16 + number as u32, 5);
                die_at(&mut scene, step, when, after)
                    .await
                    .with_context(|| format!("round {round}, {step}"))?;
            }
            // Here a crash loop or a stuck tail would show: what is left of all those deaths has to be shipped.
            scene.oracle.check(&scene.passant).await.with_context(|| format!("round {round}"))?;
        }
        scene.verified(rounds.count).await
    }
    .boxed()
}

async fn die_at(scene: &mut Scene, step: &str, when: When, after: u64) -> Result<()> {
    let load = scene.load();
    scene.until_acknowledged(20).await;
    match when {
        When::UnderLoad => scene.passant.plan_faults(&json!({"kill_at": {"step": step, "after": after}})),
        When::AfterStart => {
            // Killed in the midst of events: there is a segment that nobody has shipped for certain.
            scene.passant.kill().await;
            scene.passant.plan_faults(&json!({"kill_at": {"step": step}}));
            scene.passant.run().await;
        }
    }
    let status = scene.passant.ended().await;
    load.stop().await;
    ensure!(status.signal() == Some(9), "it ended by itself: {status}");
    scene.passant.plan_faults(&json!({}));
    scene.passant.run().await;
    Ok(())
}
