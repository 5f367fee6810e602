//! F6: the disk is full: for a write, a sync or the next segment of the spool, or for the store.
//!
//! Invariant: a full spool answers 503 with `Retry-After`, a full store is nobody's business but the shipper's; the
//! process stays up and goes on by itself when there is room. Where no file system may be mounted, the store's part is
//! played by the spool's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Oracle, Passant, Program, Settings, until};
use serde_json::json;

use crate::{Rounds, Tally};

const CLIENTS: usize = 8;
/// What the spool cannot do for want of room; the fourth round of each kind fills the store.
const OPERATIONS: &[&str] = &["append", "sync", "create"];
/// Times that the store's disk is filled while it writes, before it stays full.
const PULSES: u32 = 8;
/// Room for an empty store and some thousand events.
const STORE_MEBIBYTES: u32 = 48;
/// A site besides the oracle's, whose beacons show how a refusal looks.
const OTHER_SITE: &str = "other.example";

/// Fills disks, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let config = "[spool]\nseal_after_seconds = 0.1\n".to_owned();
        let settings = Settings { config, program: Program::FailPoints, ..Settings::default() };
        let mut passant = Passant::with_site(settings);
        passant.cli_ok(&["site", "add", OTHER_SITE]);
        let store = SmallDisk::mount(&passant.data().join("store"));
        passant.run().await;
        let oracle = Oracle::default();
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            let load = oracle.load(&passant.public(), CLIENTS);
            match (OPERATIONS.get(round as usize % 4), &store) {
                (None, Some(store)) => fill_store(store, &oracle, &passant).await,
                (operation, _) => fill_spool(operation.unwrap_or(&OPERATIONS[0]), &oracle, &passant).await,
            }
            .with_context(|| format!("round {round}"))?;
            load.stop().await;
            tally.rounds += 1;
        }
        tally.acknowledged = oracle.check(&passant).await?;
        passant.stop().await;
        drop(store);
        Ok(tally)
    }
    .boxed()
}

async fn fill_spool(operation: &str, oracle: &Oracle, passant: &Passant) -> Result<()> {
    let pid = passant.pid();
    passant.plan_faults(&json!({"io": [{"operation": operation, "error": "ENOSPC"}]}));
    let beacon = json!({"n": "pageview", "u": format!("https://{OTHER_SITE}/"), "d": OTHER_SITE});
    let refused = until("a beacon is refused", || async {
        let answer = passant.beacon(&beacon).await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    ensure!(refused.status == 503, "{operation}: a full spool answers {}", refused.status);
    ensure!(refused.header("retry-after").parse::<u32>().is_ok(), "{operation}: no Retry-After");
    ensure!(passant.admin().get("/healthz").await.status == 200, "{operation}: it does not stay up");

    passant.plan_faults(&json!({}));
    until_taken(oracle).await;
    ensure!(passant.pid() == pid, "{operation}: the server did not stay up");
    Ok(())
}

async fn fill_store(store: &SmallDisk, oracle: &Oracle, passant: &Passant) -> Result<()> {
    let batches = |result: &'static str| async move {
        passant.metric(&format!("passant_ship_batches_total{{result=\"{result}\"}}")).await
    };
    // Its tables are made before it is full: a store that cannot even begin is another matter.
    until("batches are shipped", || async { (batches("shipped").await > 0.0).then_some(()) }).await;
    for _ in 0..PULSES {
        // There is room for what the insert asks for as it begins, and none when it writes that.
        let shipped = batches("shipped").await;
        until("batches are shipped again", || async { (batches("shipped").await > shipped).then_some(()) })
            .await;
        fs::remove_file(store.fill()?)?;
    }
    let failed = batches("failed").await;
    let ballast = store.fill()?;
    until("an insert fails", || async { (batches("failed").await > failed).then_some(()) }).await;
    until_taken(oracle).await;
    fs::remove_file(ballast)?;
    let shipped = batches("shipped").await;
    until("batches are shipped again", || async { (batches("shipped").await > shipped).then_some(()) }).await;
    Ok(())
}

async fn until_taken(oracle: &Oracle) {
    let target = oracle.acknowledged() + 20;
    until("beacons are taken", || std::future::ready((oracle.acknowledged() >= target).then_some(()))).await;
}

/// A file system of a few mebibytes, in memory, for as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where mounting is not allowed.
    fn mount(directory: &Path) -> Option<Self> {
        fs::create_dir_all(directory).ok()?;
        let size = format!("size={STORE_MEBIBYTES}m,mode=0700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "passant-store"]).arg(directory).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(directory.to_owned()))
    }

    /// Leaves no room; what was written for that is to be removed.
    fn fill(&self) -> Result<PathBuf> {
        let ballast = self.0.join("ballast");
        let room = rustix::fs::statvfs(&self.0)?;
        // More than there is, in case something is freed meanwhile: what fits is written.
        let bytes = vec![0; (room.f_bavail * room.f_frsize) as usize + (8 << 20)];
        ensure!(fs::write(&ballast, bytes).is_err(), "the small disk is not small");
        Ok(ballast)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still hold it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
