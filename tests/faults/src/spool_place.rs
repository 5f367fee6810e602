//! F16: the spool's directory cannot be written, is deleted, belongs to someone else, or is in use.
//!
//! Invariant: whatever is wrong with the place, a start refuses in one line that names it, a running server refuses
//! beacons and stays up, and no two processes ever write to one spool.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Method;
use passant_tests::{FIREFOX, Oracle, Passant, Settings, until};
use serde_json::json;

use crate::refusal::{ensure_says, refusal};
use crate::{Rounds, Tally};

/// Events that are sent between two looks.
const EVENTS: usize = 50;
/// A site besides the oracle's, whose events may get lost.
const OTHER_SITE: &str = "other.example";
/// Nobody's user id.
const SOMEONE_ELSE: u32 = 65_534;

/// Spoils the place, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            let config = "[spool]\nseal_after_seconds = 0.1\n".to_owned();
            let mut passant = Passant::with_site(Settings { config, ..Settings::default() });
            passant.cli_ok(&["site", "add", OTHER_SITE]);
            passant.run().await;
            let oracle = Oracle::default();
            send(&oracle, &passant).await;
            match round % 4 {
                0 => read_only(&oracle, &mut passant).await?,
                1 => deleted(&oracle, &mut passant).await?,
                2 => wrong_owner(&mut passant).await?,
                _ => second_process(&oracle, &mut passant).await?,
            }
            send(&oracle, &passant).await;
            tally.rounds += 1;
            tally.acknowledged += oracle.check(&passant).await?;
        }
        Ok(tally)
    }
    .boxed()
}

async fn send(oracle: &Oracle, passant: &Passant) {
    let server = passant.public();
    for visitor in 0..EVENTS {
        oracle.send(&server, visitor).await;
    }
}

/// While it runs, and before it starts.
async fn read_only(oracle: &Oracle, passant: &mut Passant) -> Result<()> {
    let spool = passant.data().join("spool");
    let place = ReadOnly::make(&spool)?;
    // A segment that is open already may still be written; no other can be begun.
    until_refused(oracle, passant).await;
    ensure!(passant.admin().get("/readyz").await.status == 503, "ready though nothing can be stored");
    drop(place);
    until_taken(oracle, passant).await;
    oracle.check(passant).await?;

    passant.stop().await;
    let place = ReadOnly::make(&spool)?;
    let words = refusal(passant, &passant.data()).await?;
    drop(place);
    ensure_says(&words, &[&spool.display().to_string(), "cannot be written"])?;
    passant.run().await;
    Ok(())
}

/// With everything in it: what was acknowledged has to be in the store before, or someone else has lost it.
async fn deleted(oracle: &Oracle, passant: &mut Passant) -> Result<()> {
    oracle.check(passant).await?;
    let spool = passant.data().join("spool");
    // A segment is open, and goes on existing for who has it open. What is in it is lost with the directory.
    let beacon = json!({"n": "pageview", "u": format!("https://{OTHER_SITE}/"), "d": OTHER_SITE});
    ensure!(passant.beacon(&beacon).await.status == 202, "beacons are not taken");
    // A segment that is sealed meanwhile is one more to remove.
    until("the directory is gone", || {
        let _ = fs::remove_dir_all(&spool);
        std::future::ready((!spool.exists()).then_some(()))
    })
    .await;
    let headers = [("content-type", "text/plain"), ("user-agent", FIREFOX)];
    let answer = passant.public().send(Method::POST, "/api/event", &headers, beacon.to_string()).await;
    // No answer is as good as a refusal: nothing may be promised.
    let acknowledged = answer.is_ok_and(|answer| answer.status == 202);
    ensure!(!acknowledged, "a beacon in a deleted file is acknowledged");
    until_refused(oracle, passant).await;
    ensure!(passant.admin().get("/healthz").await.status == 200, "it does not stay up");
    ensure!(passant.admin().get("/readyz").await.status == 503, "ready though nothing can be stored");
    ensure!(!spool.exists(), "a directory that someone deleted came back while nobody watched");
    passant.stop().await;
    passant.run().await;
    Ok(())
}

async fn wrong_owner(passant: &mut Passant) -> Result<()> {
    let spool = passant.data().join("spool");
    passant.stop().await;
    let owner = fs::metadata(&spool)?.uid();
    // Only root can give files away; anyone else cannot get into this state, but can lose the right to write.
    let expected = if owner == 0 {
        chown(&spool, Some(SOMEONE_ELSE), None)?;
        format!("belongs to user {SOMEONE_ELSE}, expected user {owner}")
    } else {
        fs::set_permissions(&spool, fs::Permissions::from_mode(0o500))?;
        "cannot be written".to_owned()
    };
    let before = listing(&spool)?;
    let words = refusal(passant, &passant.data()).await?;
    ensure_says(&words, &[&spool.display().to_string(), &expected])?;
    ensure!(listing(&spool)? == before, "a refused spool was changed");
    if owner == 0 {
        chown(&spool, Some(owner), None)?;
    } else {
        fs::set_permissions(&spool, fs::Permissions::from_mode(0o700))?;
    }
    passant.run().await;
    Ok(())
}

/// The same data directory, and another whose spool is this one by a link, both while events come in.
async fn second_process(oracle: &Oracle, passant: &mut Passant) -> Result<()> {
    let load = oracle.load(&passant.public(), 4);
    let process = format!("process {}", passant.pid());
    let words = refusal(passant, &passant.data()).await?;
    ensure_says(&words, &["is in use by another server", &process])?;

    let other = passant.file("other");
    fs::create_dir(&other)?;
    symlink(passant.data().join("spool"), other.join("spool"))?;
    let words = refusal(passant, &other).await?;
    ensure_says(&words, &["spool", "is in use by", &process])?;
    load.stop().await;

    // A lock dies with its process, whatever its file says.
    passant.kill().await;
    passant.run().await;
    Ok(())
}

async fn until_refused(oracle: &Oracle, passant: &Passant) {
    let server = passant.public();
    until("beacons are refused", || async {
        let before = oracle.acknowledged();
        oracle.send(&server, 0).await;
        (oracle.acknowledged() == before).then_some(())
    })
    .await;
}

async fn until_taken(oracle: &Oracle, passant: &Passant) {
    let server = passant.public();
    until("beacons are taken again", || async {
        let before = oracle.acknowledged();
        oracle.send(&server, 0).await;
        (oracle.acknowledged() > before).then_some(())
    })
    .await;
}

fn listing(directory: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

/// A directory that takes no files until this is dropped: mounted over itself, read-only; where mounting is not
/// allowed, by its mode, which binds everyone but root.
struct ReadOnly {
    directory: PathBuf,
    mounted: bool,
}

impl ReadOnly {
    fn make(directory: &Path) -> Result<Self> {
        let mounted = run_quietly(Command::new("mount").arg("--bind").args([directory, directory]));
        let place = Self { directory: directory.to_owned(), mounted };
        if mounted {
            let remounted = run_quietly(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(directory));
            ensure!(
                remounted,
                "{} was mounted over itself and cannot be made read-only",
                directory.display()
            );
        } else {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o500))?;
        }
        ensure!(
            fs::write(directory.join("probe"), "").is_err(),
            "root that may not mount cannot be kept from writing to {}",
            directory.display()
        );
        Ok(place)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: whoever looks into it at this moment must not keep it there.
            run_quietly(Command::new("umount").arg("--lazy").arg(&self.directory));
        } else {
            let _ = fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700));
        }
    }
}

fn run_quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
