//! The shared state of one running statement: who still wants its result, and whether it runs.
//!
//! Invariant: a statement whose client went away is either never started or killed; the two sides publish their
//! own step before they read the other's, so at least one of them sees both.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst},
};

/// The setting that carries the marker of a statement whose text does not keep it.
pub(crate) const MARKER_SETTING: &str = "log_comment";

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const FINISHED: u8 = 2;

/// The state of one statement.
#[derive(Debug)]
pub(crate) struct Running {
    marker: String,
    step: AtomicU8,
    abandoned: AtomicBool,
}

impl Running {
    /// A statement that waits, under the name that its caller gave it.
    ///
    /// libchdb chooses query ids itself, so the caller's is shown in the text that `system.processes` lists.
    pub(crate) fn new(query_id: &str) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, SeqCst);
        let name: String = query_id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
            .collect();
        let marker = format!("/* passant statement {number} query_id={name} */");
        Arc::new(Self { marker, step: AtomicU8::new(QUEUED), abandoned: AtomicBool::new(false) })
    }

    /// A comment that makes the statement's text unique, to find it among those that run.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// The worker begins. False if nobody wants the result any more.
    pub(crate) fn start(&self) -> bool {
        self.step.store(STARTED, SeqCst);
        !self.abandoned.load(SeqCst)
    }

    /// The worker is done.
    pub(crate) fn finish(&self) {
        self.step.store(FINISHED, SeqCst);
    }

    /// Whether the worker is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.step.load(SeqCst) == FINISHED
    }

    /// Nobody wants the result. True if the statement runs and must be killed.
    pub(crate) fn abandon(&self) -> bool {
        self.abandoned.store(true, SeqCst);
        self.step.load(SeqCst) == STARTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_only_what_runs() {
        let waiting = Running::new("a");
        assert!(!waiting.abandon());
        assert!(!waiting.start());
        let running = Running::new("a");
        assert!(running.start() && running.abandon());
        running.finish();
        assert!(running.is_finished() && !running.abandon());
        assert_ne!(waiting.marker(), running.marker());
    }

    #[test]
    fn cannot_be_closed_early_by_a_query_id() {
        let running = Running::new("x*/ DROP 'y");
        assert!(running.marker().ends_with("query_id=xDROPy */"));
        assert_eq!(running.marker().matches("*/").count(), 1);
    }
}
