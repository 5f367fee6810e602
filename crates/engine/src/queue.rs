//! A bounded queue between the asynchronous front and the threads that own connections.
//!
//! Invariant: it never holds more than its bound, and it never waits to push: a full queue is the caller's answer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Jobs for a set of threads.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    bound: usize,
}

#[derive(Debug)]
struct State<J> {
    jobs: VecDeque<J>,
    closed: bool,
}

/// What a thread finds when it asks for work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<J> {
    /// Something to do.
    Job(J),
    /// Nothing yet.
    Idle,
    /// Nothing, and nothing will come.
    Closed,
}

impl<J> Queue<J> {
    /// A queue of at most `bound` jobs.
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            state: Mutex::new(State { jobs: VecDeque::new(), closed: false }),
            changed: Condvar::new(),
            bound,
        }
    }

    /// Adds a job.
    ///
    /// # Errors
    /// Gives the job back if the queue is full or closed.
    pub(crate) fn push(&self, job: J) -> Result<(), J> {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= self.bound {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the oldest job, waiting for one at most so long.
    pub(crate) fn pop(&self, patience: Duration) -> Next<J> {
        let state = self.lock();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| state.jobs.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        match state.jobs.pop_front() {
            Some(job) => Next::Job(job),
            None if state.closed => Next::Closed,
            None => Next::Idle,
        }
    }

    /// Refuses further jobs; what waits is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // No code panics while it holds the lock, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_over_its_bound_and_drains_after_close() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Ok(()), Ok(()), Err(3)));
        queue.close();
        assert_eq!(queue.push(4), Err(4));
        let patience = Duration::ZERO;
        assert_eq!(queue.pop(patience), Next::Job(1));
        assert_eq!(queue.pop(patience), Next::Job(2));
        assert_eq!(queue.pop(patience), Next::Closed);
    }

    #[test]
    fn reports_idle_when_nothing_comes_in_time() {
        assert_eq!(Queue::<u8>::new(1).pop(Duration::from_millis(1)), Next::Idle);
    }
}
