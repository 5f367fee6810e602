//! What goes wrong on purpose: the process dies at a step, a disk operation fails, the clock is wrong.
//!
//! The variable `PASSANT_FAULTS` names a JSON file, which is read anew whenever it was replaced:
//! ```json
//! {"kill_at": {"step": "synced", "after": 3},
//!  "io": [{"operation": "append|sync", "error": "ENOSPC", "after": 2, "times": 5}],
//!  "clock_offset_seconds": 86400}
//! ```
//! Invariant: compiled with the feature `fail-points` only. Without the variable, or while its file is not there,
//! nothing goes wrong. All counts begin when the file is read.

mod disk;
mod plan;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use passant_ingest::{Metrics, ShipObserver, ShipStep};
use passant_spool::{Commit, Observer, Step};

pub(crate) use disk::FailingFileSystem;
use plan::Plan;

/// Names the file.
const VARIABLE: &str = "PASSANT_FAULTS";

/// From the step at which the process dies to its death: longer than an answer takes to its client.
const LAST_ANSWERS: Duration = Duration::from_millis(20);

/// The plan as it was last read.
#[derive(Default)]
struct Planned {
    /// Which file that was: device, inode, modification time in seconds and nanoseconds.
    read: Option<[i64; 4]>,
    plan: Plan,
}

/// One a process: the clock of the reports is a plain function, which has nothing else to look at.
static PLANNED: OnceLock<Option<(PathBuf, Mutex<Planned>)>> = OnceLock::new();

/// The plan as its file has it now.
fn planned() -> Option<MutexGuard<'static, Planned>> {
    let named = PLANNED.get_or_init(|| Some((PathBuf::from(std::env::var_os(VARIABLE)?), Mutex::default())));
    let (path, planned) = named.as_ref()?;
    let mut planned = planned.lock().unwrap_or_else(PoisonError::into_inner);
    let found = std::fs::metadata(path).ok().map(|metadata| identity(&metadata));
    if planned.read != found {
        let plan = match std::fs::read(path).ok().map(|text| serde_json::from_slice(&text)) {
            None => Plan::default(),
            Some(Ok(plan)) => plan,
            Some(Err(error)) => {
                tracing::error!(%error, "what is to go wrong cannot be read");
                Plan::default()
            }
        };
        *planned = Planned { read: found, plan };
    }
    Some(planned)
}

fn identity(file: &Metadata) -> [i64; 4] {
    [file.dev().cast_signed(), file.ino().cast_signed(), file.mtime(), file.mtime_nsec()]
}

fn clock_offset_seconds() -> i64 {
    planned().map_or(0, |planned| planned.plan.clock_offset_seconds)
}

/// The time that the plan makes of it.
pub(crate) fn shifted(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(clock_offset_seconds())).unwrap_or(now)
}

/// The same for the clock that stamps segments.
fn shifted_system(now: SystemTime) -> SystemTime {
    let offset_seconds = clock_offset_seconds();
    let offset = Duration::from_secs(offset_seconds.unsigned_abs());
    if offset_seconds < 0 { now - offset } else { now + offset }
}

/// Ends the process if the plan says so at this step.
fn reached(step: &str) {
    if is_due(step) {
        die();
    }
}

/// Counts a step, and says whether it is the one at which to die.
fn is_due(step: &str) -> bool {
    planned().is_some_and(|mut planned| planned.plan.reaches(step))
}

/// As a power cut would: nothing more is written, nobody is told any more.
fn die() -> ! {
    // An answer that was given too soon has to get out, or nobody could tell that it was.
    std::thread::park_timeout(LAST_ANSWERS);
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

/// Passes the spool's steps to the plan and its commits to the metrics.
pub(crate) struct StepObserver {
    pub(crate) metrics: Arc<Metrics>,
}

impl Observer for StepObserver {
    fn committed(&self, commit: Commit) {
        self.metrics.committed(commit);
    }

    fn reached(&self, step: Step) {
        reached(match step {
            Step::Writing => "writing",
            Step::Written => "written",
            Step::Synced => "synced",
            Step::EntrySynced => "entry_synced",
            Step::Acknowledged => "acknowledged",
            Step::Sealing => "sealing",
            Step::Sealed => "sealed",
            Step::Removing => "removing",
            Step::Removed => "removed",
        });
    }
}

/// Passes the shipper's steps to the plan.
pub(crate) struct ShipSteps;

impl ShipObserver for ShipSteps {
    fn reached(&self, step: ShipStep) {
        reached(match step {
            ShipStep::Inserting => "inserting",
            ShipStep::Inserted => "inserted",
            ShipStep::Reconciling => "reconciling",
            ShipStep::Reconciled => "reconciled",
        });
    }
}
