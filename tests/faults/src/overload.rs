//! F14: three times the load that the server can take.
//!
//! Invariant: what it cannot take it answers with 429 or 503 and a time to come again, and with nothing else; its memory
//! does not grow with the load, and what it acknowledges is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use http::Method;
use passant_tests::{FIREFOX, Passant, Settings, until};
use serde_json::json;

use crate::{Rounds, Tally};

/// Beacons that the server lets into its spool at once. With a commit each [`COMMIT_MILLISECONDS`] that is all it can
/// take, however fast the machine is.
const PLACES: usize = 16;
const COMMIT_MILLISECONDS: u64 = 20;
/// Events a second that the site may have in every other round: far below what even a slow disk lets in.
const SITE_RATE: usize = 100;
/// How long the peak and the overload are measured: until that many beacons are acknowledged, with a rate and without.
const ACKNOWLEDGED: (usize, usize) = (500, 1_500);
/// Resident memory that nothing here comes near, in KiB.
const RESIDENT_KIB: u64 = 512 * 1024;

/// Overloads a server of its own each round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            tally.acknowledged += overload(round).await.with_context(|| format!("round {round}"))?;
            tally.rounds += 1;
        }
        Ok(tally)
    }
    .boxed()
}

async fn overload(round: u32) -> Result<u64> {
    let (site_rate, enough) = if round % 2 == 1 { (SITE_RATE, ACKNOWLEDGED.0) } else { (0, ACKNOWLEDGED.1) };
    let config = format!(
        "[ingest]\nbeacons_in_flight = {PLACES}\nevents_per_second_per_site = {site_rate}\n\
         [spool]\ncommit_delay_milliseconds = {COMMIT_MILLISECONDS}\n"
    );
    let passant = Passant::start_with(Settings { config, ..Settings::default() }).await;
    let peak = load(&passant, PLACES, enough).await?;
    let over = load(&passant, 3 * PLACES, enough).await?;
    let resident = resident_kib(&passant)?;
    ensure!(resident < RESIDENT_KIB, "{resident} KiB are resident");
    let expected = if site_rate > 0 { 429 } else { 503 };
    ensure!(over.answers.contains_key(&expected), "no answer was {expected}: {:?}", over.answers);
    if site_rate == 0 {
        // Below a rate that is set, what gets through says nothing of the server.
        report(&peak, &over, resident);
    }

    let acknowledged = peak.acknowledged() + over.acknowledged();
    until("the spool is empty", || async {
        (passant.metric("passant_spool_events").await == 0.0).then_some(())
    })
    .await;
    let export = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    let stored = export.lines().count() as u64;
    ensure!(stored == acknowledged, "{acknowledged} beacons were acknowledged and {stored} are stored");
    Ok(acknowledged)
}

/// What came of some load.
struct Outcome {
    /// How many answers had which status.
    answers: BTreeMap<u16, u64>,
    seconds: f64,
}

impl Outcome {
    fn acknowledged(&self) -> u64 {
        self.answers.get(&202).copied().unwrap_or(0)
    }

    fn goodput(&self) -> f64 {
        self.acknowledged() as f64 / self.seconds
    }
}

/// Clients that send one beacon after the other, without a pause, until enough are acknowledged.
async fn load(passant: &Passant, clients: usize, acknowledged: usize) -> Result<Outcome> {
    let enough = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let public = passant.public();
    let tasks = (0..clients).map(|client| {
        let (enough, public) = (enough.clone(), public.clone());
        let body = json!({"n": "Load", "u": format!("https://example.com/{client}"), "d": "example.com"})
            .to_string();
        async move {
            let mut answers: BTreeMap<u16, u64> = BTreeMap::new();
            let headers = [("content-type", "text/plain"), ("user-agent", FIREFOX)];
            while !enough.load(Ordering::Acquire) {
                let answer = public.send(Method::POST, "/api/event", &headers, body.clone()).await?;
                let status = answer.status.as_u16();
                ensure!([202, 429, 503].contains(&status), "a beacon was answered {status}");
                ensure!(status == 202 || !answer.header("retry-after").is_empty(), "{status} without a time");
                let count = answers.entry(status).or_default();
                *count += 1;
                if status == 202 && *count >= (acknowledged / clients) as u64 {
                    enough.store(true, Ordering::Release);
                }
            }
            Ok(answers)
        }
    });
    let mut answers = BTreeMap::new();
    for part in try_join_all(tasks.map(|task| async { tokio::spawn(task).await? })).await? {
        for (status, count) in part {
            *answers.entry(status).or_default() += count;
        }
    }
    Ok(Outcome { answers, seconds: began.elapsed().as_secs_f64() })
}

fn resident_kib(passant: &Passant) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", passant.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[expect(clippy::print_stdout, reason = "a measurement, shown by the soak and on request")]
fn report(peak: &Outcome, over: &Outcome, resident_kib: u64) {
    println!(
        "F14: {:.0} a second at the peak, {:.0} at three times the load ({:.0} %), answers {:?}, {resident_kib} KiB resident",
        peak.goodput(),
        over.goodput(),
        100.0 * over.goodput() / peak.goodput(),
        over.answers,
    );
}
