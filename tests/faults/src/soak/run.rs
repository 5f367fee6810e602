//! Batches of the faults in turn, the one that is furthest behind first, so that after any time all have counts.
//!
//! Invariant: a batch's counts are on disk before the next one begins.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use passant_faults::{Fault, Rounds, Tally, slowest};

use crate::progress::Progress;
use crate::report;
use crate::state::State;

/// A batch takes seconds, or a few minutes; one that takes longer hangs, which is a failure.
const BATCH_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Words of a failure that go into the state; all of them stand with the log.
const WORDS_LIMIT_CHARACTERS: usize = 1000;

/// One run of `soak`.
pub(crate) struct Soak {
    pub(crate) faults: Vec<&'static Fault>,
    pub(crate) scale: f64,
    pub(crate) state_file: PathBuf,
    pub(crate) report: Option<PathBuf>,
    pub(crate) failures: PathBuf,
}

impl Soak {
    /// Runs until all counts are reached, the minutes are over, or ^C; whether anything has failed, now or before.
    ///
    /// # Errors
    /// When the state or the report cannot be written.
    pub(crate) async fn run(&self, state: &mut State, minutes: Option<u64>) -> Result<bool> {
        let started = Instant::now();
        let panics = heard_panics();
        let interrupted = interrupted();
        let total = self.faults.iter().map(|fault| u64::from(self.target(fault))).sum();
        let done =
            self.faults.iter().map(|fault| u64::from(state.of(fault).next.min(self.target(fault)))).sum();
        let progress = Progress::new(total, done);
        while let Some(fault) = self.behind(state) {
            let over = minutes.is_some_and(|minutes| started.elapsed() >= Duration::from_secs(minutes * 60));
            if over || interrupted.load(std::sync::atomic::Ordering::Acquire) {
                break;
            }
            let first = state.of(fault).next;
            let rounds = Rounds { first, count: fault.batch_rounds.clamp(1, self.target(fault) - first) };
            progress.begins(format!("{} {}", fault.id, fault.title));
            let logs = self.failures.join(format!("{}-{}", fault.id, rounds.first));
            let _ = std::fs::remove_dir_all(&logs);
            std::fs::create_dir_all(&logs)?;
            passant_tests::keep_logs_in(&logs);
            panics.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let batch = Batch { fault, rounds, logs, began: Instant::now() };
            let outcome = batch.run(&panics).await;
            let words = batch.count(outcome, state, self.target(fault))?;
            state.write(&self.state_file)?;
            if let Some(report) = &self.report {
                report::write(report, state)?;
            }
            progress.ended(rounds.count, &words);
        }
        progress.say(&format!(
            "{} failures in all; counts in {}",
            state.failures(),
            self.state_file.display()
        ));
        Ok(state.failures() > 0)
    }

    fn target(&self, fault: &Fault) -> u32 {
        ((f64::from(fault.soak_rounds) * self.scale).ceil() as u32).max(1)
    }

    /// The fault with the smallest share of its rounds done, unless all are.
    fn behind(&self, state: &State) -> Option<&'static Fault> {
        let share = |fault: &Fault| f64::from(state.of(fault).next) / f64::from(self.target(fault));
        let unfinished = self.faults.iter().filter(|fault| share(fault) < 1.0);
        unfinished.min_by(|one, two| share(one).total_cmp(&share(two))).copied()
    }
}

/// Some rounds of a fault, one after the other.
struct Batch {
    fault: &'static Fault,
    rounds: Rounds,
    /// Where the servers' logs are kept if it fails.
    logs: PathBuf,
    began: Instant,
}

impl Batch {
    async fn run(&self, panics: &Panics) -> Result<Tally, String> {
        // In a task of its own: the harness panics when something does not hold.
        let mut task = tokio::spawn((self.fault.run)(self.rounds));
        match tokio::time::timeout(BATCH_PATIENCE, &mut task).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| format!("{error:#}")),
            Ok(Err(_)) => Err(panics.lock().unwrap_or_else(PoisonError::into_inner).join("\n")),
            Err(_) => {
                task.abort();
                Err(format!("not done after {BATCH_PATIENCE:?}"))
            }
        }
    }

    /// Adds what came of it to the state; a line about it.
    fn count(&self, outcome: Result<Tally, String>, state: &mut State, target: u32) -> Result<String> {
        let (fault, rounds) = (self.fault, self.rounds);
        let seconds = self.began.elapsed().as_secs_f64();
        let count = state.faults.entry(fault.id.to_owned()).or_default();
        count.next = rounds.first + rounds.count;
        count.seconds += seconds;
        let mut times = String::new();
        for (what, time) in slowest::take() {
            let longest = count.slowest_seconds.entry(what.to_owned()).or_default();
            *longest = longest.max(time.as_secs_f64());
            times += &format!("; {what} in at most {:.2} s", time.as_secs_f64());
        }
        match outcome {
            Ok(Tally { rounds: run, acknowledged }) => {
                count.rounds += run;
                count.acknowledged += acknowledged;
                std::fs::remove_dir_all(&self.logs)?;
                Ok(format!(
                    "{}: {run} rounds held, {acknowledged} events, {seconds:.1} s; {}/{target} rounds{times}",
                    fault.id, count.next
                ))
            }
            Err(words) => {
                count.rounds += 1;
                count.failures += 1;
                std::fs::write(self.logs.join("words.txt"), format!("{rounds:?}\n{words}\n"))?;
                let brief: String = words.chars().take(WORDS_LIMIT_CHARACTERS).collect();
                count.words.push(format!("{rounds:?}: {brief}"));
                Ok(format!("{}: FAILED in {rounds:?}: {brief}\n    see {}", fault.id, self.logs.display()))
            }
        }
    }
}

type Panics = Arc<Mutex<Vec<String>>>;

/// What panics say, instead of the screen.
fn heard_panics() -> Panics {
    let panics = Panics::default();
    std::panic::set_hook(Box::new({
        let panics = panics.clone();
        move |panic| panics.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string())
    }));
    panics
}

/// Set by ^C; a second one ends the process.
fn interrupted() -> Arc<std::sync::atomic::AtomicBool> {
    let flag = Arc::new(std::sync::atomic::AtomicBool::new(false));
    tokio::spawn({
        let flag = flag.clone();
        async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if flag.swap(true, std::sync::atomic::Ordering::AcqRel) {
                    std::process::exit(130);
                }
            }
        }
    });
    flag
}
