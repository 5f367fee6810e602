//! How fast the spool acknowledges: 64 appenders that wait for each answer, then 600 appends a second that do
//! not wait for one another. Checks that what it timed was stored.
//!
//! `append_rate [DIRECTORY] [COMMIT_DELAY_MILLISECONDS]`; the directory should lie on the disk in question.
#![expect(clippy::print_stdout, reason = "it prints its results")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use passant_spool::{Commit, Config, Foundation, Observer, Segments, Spool};

const PAYLOAD_BYTES: usize = 200;
const APPENDERS: u32 = 64;
const OPEN_LOOP_PER_SECOND: u32 = 600;
const LASTING: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Commits {
    count: AtomicU64,
    sync_micros: AtomicU64,
}

impl Observer for Commits {
    fn committed(&self, commit: Commit) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sync_micros.fetch_add(commit.sync.as_micros() as u64, Ordering::Relaxed);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let delay =
        arguments.next().map_or(Ok(Config::default().commit_delay_milliseconds), |text| text.parse())?;
    for (name, appenders) in [("saturated", APPENDERS), ("saturated", 16 * APPENDERS), ("open loop", 0)] {
        let directory = tempfile::tempdir_in(&parent)?;
        let commits = Arc::new(Commits::default());
        let foundation = Foundation { observer: Arc::clone(&commits) as _, ..Foundation::default() };
        let config = Config { commit_delay_milliseconds: delay, ..Config::default() };
        let (spool, segments) = Spool::open(directory.path(), config, foundation)?;
        let shipped = tokio::spawn(drain(segments));
        let started = Instant::now();
        let mut latencies =
            if appenders > 0 { saturate(&spool, appenders).await } else { open_loop(&spool).await };
        let seconds = started.elapsed().as_secs_f64();
        spool.close().await;
        assert_eq!(shipped.await?, latencies.len() as u64, "what was acknowledged was stored");
        latencies.sort_unstable();
        let percentile = |share: usize| latencies[(latencies.len() - 1) * share / 1000].as_secs_f64() * 1e3;
        let count = commits.count.load(Ordering::Relaxed);
        println!(
            "{name:9} {appenders:4} appenders: {:7.0} events/s, p50 {:.1} ms, p95 {:.1}, p99 {:.1}, p99.9 {:.1}; \
             {:.0} commits/s of {:.1} events, sync {:.1} ms on average",
            latencies.len() as f64 / seconds,
            percentile(500),
            percentile(950),
            percentile(990),
            percentile(999),
            count as f64 / seconds,
            latencies.len() as f64 / count as f64,
            commits.sync_micros.load(Ordering::Relaxed) as f64 / count as f64 / 1e3,
        );
    }
    Ok(())
}

async fn saturate(spool: &Spool, appenders: u32) -> Vec<Duration> {
    let end = Instant::now() + LASTING;
    let appenders: Vec<_> = (0..appenders)
        .map(|_| {
            let spool = spool.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < end {
                    latencies.push(timed_append(&spool).await);
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for appender in appenders {
        latencies.extend(appender.await.expect("appenders do not panic"));
    }
    latencies
}

async fn open_loop(spool: &Spool) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / OPEN_LOOP_PER_SECOND);
    let mut appends = Vec::new();
    for _ in 0..OPEN_LOOP_PER_SECOND * LASTING.as_secs() as u32 {
        ticks.tick().await;
        let spool = spool.clone();
        appends.push(tokio::spawn(async move { timed_append(&spool).await }));
    }
    let mut latencies = Vec::new();
    for append in appends {
        latencies.push(append.await.expect("appends do not panic"));
    }
    latencies
}

async fn timed_append(spool: &Spool) -> Duration {
    let started = Instant::now();
    spool.append(Bytes::from_static(&[7; PAYLOAD_BYTES])).await.expect("a healthy disk");
    started.elapsed()
}

/// Removes segments as a shipper does, and counts their frames.
async fn drain(mut segments: Segments) -> u64 {
    let mut frames = 0;
    while let Some(segment) = segments.next().await {
        frames += segment.read().await.expect("a healthy disk").len() as u64;
        segment.remove().await.expect("a healthy disk");
    }
    frames
}
