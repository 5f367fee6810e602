//! The shared state of one running statement: who still wants its result, and on which connection it runs.
//!
//! Invariant: a statement whose client went away is either never started or killed, and a kill hits no other: while
//! [`Running::kill`] does its work, [`Running::finish`] waits, and the connection begins nothing new.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The setting that names the connection to those who list what runs. A statement's text would do too, but one with
/// parameters is listed as libchdb writes it once they are filled in, without comments.
pub(crate) const CONNECTION_SETTING: &str = "log_comment";

/// The state of one statement.
#[derive(Debug)]
pub(crate) struct Running {
    marker: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    step: Step,
    abandoned: bool,
}

/// How far it is; a started one with the name of its connection.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Queued,
    Started(Arc<str>),
    Finished,
}

impl Running {
    /// A statement that waits, under the name that its caller gave it.
    ///
    /// libchdb chooses query ids itself, so the caller's is shown in the text that `system.processes` lists.
    pub(crate) fn new(query_id: &str) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Relaxed);
        let name: String = query_id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
            .collect();
        let marker = format!("/* passant statement {number} query_id={name} */");
        Arc::new(Self { marker, state: Mutex::new(State { step: Step::Queued, abandoned: false }) })
    }

    /// A comment that makes the statement's text unique, to find it among those that run.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// The worker of this connection begins. False if nobody wants the result any more.
    pub(crate) fn start(&self, connection: &Arc<str>) -> bool {
        let mut state = self.state();
        state.step = Step::Started(connection.clone());
        !state.abandoned
    }

    /// The worker is done.
    pub(crate) fn finish(&self) {
        self.state().step = Step::Finished;
    }

    /// Whether the worker is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.state().step == Step::Finished
    }

    /// Nobody wants the result. True if the statement runs and must be killed.
    pub(crate) fn abandon(&self) -> bool {
        let mut state = self.state();
        state.abandoned = true;
        matches!(state.step, Step::Started(_))
    }

    /// Lets `kill` end what runs on the connection, if that is still this statement.
    pub(crate) fn kill(&self, kill: impl FnOnce(&str)) {
        if let Step::Started(connection) = &self.state().step {
            kill(connection);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Arc<str> {
        Arc::from("connection 1")
    }

    #[test]
    fn kills_only_what_runs() {
        let waiting = Running::new("a");
        assert!(!waiting.abandon());
        assert!(!waiting.start(&connection()));
        let running = Running::new("a");
        running.kill(|_| panic!("it has not begun"));
        assert!(running.start(&connection()) && running.abandon());
        let mut killed = None;
        running.kill(|connection| killed = Some(connection.to_owned()));
        assert_eq!(killed.as_deref(), Some("connection 1"));
        running.finish();
        assert!(running.is_finished() && !running.abandon());
        running.kill(|_| panic!("it has ended"));
        assert_ne!(waiting.marker(), running.marker());
    }

    #[test]
    fn does_not_finish_while_it_is_being_killed() {
        let running = Running::new("a");
        assert!(running.start(&connection()));
        let worker = std::thread::spawn({
            let running = running.clone();
            move || running.finish()
        });
        running.kill(|_| assert!(running.state.try_lock().is_err()));
        worker.join().expect("it finishes");
        assert!(running.is_finished());
    }

    #[test]
    fn cannot_be_closed_early_by_a_query_id() {
        let running = Running::new("x*/ DROP 'y");
        assert!(running.marker().ends_with("query_id=xDROPy */"));
        assert_eq!(running.marker().matches("*/").count(), 1);
    }
}
