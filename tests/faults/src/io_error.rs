//! F7: the disk answers EIO: to a write, to a sync, to the creation of the next segment, to every try to cut a failed one.
//!
//! Invariant: the server is real, its disk fails as planned. What failed is refused or acknowledged from another file,
//! and a file that has failed once is never written again.

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Oracle, Passant, Program, Settings, until};
use serde_json::{Value, json};

use crate::{Rounds, Tally};

const CLIENTS: usize = 8;
/// Operations that fail together, once or twice each: the last leave a segment that can neither be kept nor cut.
const TROUBLES: &[&[&str]] = &[
    &["append"],
    &["sync"],
    &["sync", "create"],
    // The file keeps what failed; its sealed name says that it does not count.
    &["sync", "truncate"],
    &["sync", "sync_directory"],
    &["sync", "truncate", "rename"],
    &["append", "truncate", "sync_directory"],
];

/// Makes the disk of one server fail, once a round; every fourth time the server is killed after it.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        // Sealed by failures alone, so that a new file means that the old one was given up.
        let config = "[spool]\nseal_after_seconds = 3600\n".to_owned();
        let settings = Settings { config, program: Program::FailPoints, ..Settings::default() };
        let mut passant = Passant::start_with(settings).await;
        let oracle = Oracle::default();
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            fail(round, &oracle, &passant).await.with_context(|| format!("round {round}"))?;
            if round % 4 == 3 {
                passant.kill().await;
                passant.run().await;
            }
            tally.rounds += 1;
        }
        // What is open is sealed by the end.
        passant.stop().await;
        passant.run().await;
        tally.acknowledged = oracle.check(&passant).await?;
        Ok(tally)
    }
    .boxed()
}

async fn fail(round: u32, oracle: &Oracle, passant: &Passant) -> Result<()> {
    let errors = || passant.metric("passant_spool_io_errors_total");
    take(oracle, passant).await;
    let (file, before, pid) = (open_sequence(passant)?, errors().await, passant.pid());

    let load = oracle.load(&passant.public(), CLIENTS);
    passant.plan_faults(&plan(round));
    until("the disk fails", || async { (errors().await > before).then_some(()) }).await;
    // Not the first error alone: that may have been the directory's, which concerns no file.
    until("the segment that failed is given up for another", || {
        std::future::ready(open_sequence(passant).ok().filter(|next| *next > file))
    })
    .await;
    load.stop().await;
    passant.plan_faults(&json!({}));
    take(oracle, passant).await;
    ensure!(passant.pid() == pid, "the server did not stay up");
    Ok(())
}

fn plan(round: u32) -> Value {
    let operations = TROUBLES[round as usize % TROUBLES.len()];
    let times = 1 + round / TROUBLES.len() as u32 % 2;
    let fault = |operation: &&str| {
        // The first operation fails at some moment under load; the others belong to what is done about it.
        let after = if *operation == operations[0] { Rounds::scattered(round, 12) } else { 0 };
        json!({"operation": operation, "error": "EIO", "after": after, "times": times})
    };
    json!({"io": operations.iter().map(fault).collect::<Vec<_>>()})
}

/// Until an event is acknowledged: the spool recovers by itself.
async fn take(oracle: &Oracle, passant: &Passant) {
    let (server, before) = (passant.public(), oracle.acknowledged());
    until("an event is acknowledged", || async {
        oracle.send(&server, 0).await;
        (oracle.acknowledged() > before).then_some(())
    })
    .await;
}

/// The sequence number of the segment that is being written.
fn open_sequence(passant: &Passant) -> Result<u64> {
    let mut open = None;
    for entry in std::fs::read_dir(passant.data().join("spool"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".open") {
            let (sequence, _) = name.split_once('-').context("a name with its sequence")?;
            open = open.max(Some(sequence.parse()?));
        }
    }
    open.context("no segment is open though an event was acknowledged")
}
