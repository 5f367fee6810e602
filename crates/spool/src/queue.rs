//! The appenders' queue: where async callers and the one writer thread meet.
//!
//! Invariant: what is queued or being written is bounded in bytes, and is served in the order of arrival. A
//! request leaves with exactly one answer; if the writer dies, the answer is that nobody knows.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::AppendError;
use crate::frame::FRAME_HEADER_BYTES;

/// What may be queued or in writing at once, in bytes. A disk that is further behind than this is seconds
/// behind, and refusing is then kinder to the memory and to the client than waiting.
pub(crate) const QUEUE_BYTES: u64 = 32 << 20;

/// One durability point: payloads that are acknowledged together.
pub(crate) struct Request {
    pub(crate) payloads: Vec<Bytes>,
    /// What the frames take on disk.
    pub(crate) bytes: u64,
    pub(crate) answer: oneshot::Sender<Result<(), AppendError>>,
}

impl Request {
    pub(crate) fn new(payloads: Vec<Bytes>) -> (Self, oneshot::Receiver<Result<(), AppendError>>) {
        let bytes = payloads.iter().map(|payload| (payload.len() + FRAME_HEADER_BYTES) as u64).sum();
        let (answer, answered) = oneshot::channel();
        (Self { payloads, bytes, answer }, answered)
    }
}

/// What the writer is to do next.
pub(crate) enum Work {
    Commit(Vec<Request>),
    /// Seal the open segment, then tell those who asked for it.
    Seal(Vec<oneshot::Sender<()>>),
    SyncDirectory,
    Close,
}

/// What the writer wants to be woken for besides requests.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// A commit may wait for company until then.
    pub(crate) commit_at: Option<Instant>,
    /// The open segment is due then.
    pub(crate) seal_at: Option<Instant>,
    /// The directory wants syncing, as soon as nothing else is to do.
    pub(crate) directory_dirty: bool,
}

enum Item {
    Append(Request),
    Seal(oneshot::Sender<()>),
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    queued_bytes: u64,
    /// Queued and in writing.
    held_bytes: u64,
    /// The writer sleeps for company, so that a single append need not wake it.
    in_company: bool,
    closing: bool,
    finished: bool,
    closers: Vec<oneshot::Sender<()>>,
}

/// The queue of one spool.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    commit_bytes: u64,
}

impl Queue {
    pub(crate) fn new(commit_bytes: u64) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), commit_bytes }
    }

    /// Queues a request, unless it would take what is held past the queue's bound or `room_bytes`.
    pub(crate) fn push(&self, request: Request, room_bytes: u64) -> Result<(), AppendError> {
        let mut state = self.lock();
        if state.closing || state.finished {
            return Err(AppendError::Closed);
        }
        if state.held_bytes + request.bytes > QUEUE_BYTES.min(room_bytes) {
            return Err(AppendError::Full { retry_after: crate::RETRY_AFTER });
        }
        state.held_bytes += request.bytes;
        state.queued_bytes += request.bytes;
        state.items.push_back(Item::Append(request));
        let wanted = !state.in_company || state.queued_bytes >= self.commit_bytes;
        drop(state);
        if wanted {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Queues a wish to seal what was appended so far. The receiver fails at once if the writer has stopped.
    pub(crate) fn push_seal(&self) -> oneshot::Receiver<()> {
        let (done, sealed) = oneshot::channel();
        let mut state = self.lock();
        if !state.finished {
            state.items.push_back(Item::Seal(done));
        }
        drop(state);
        self.wake.notify_one();
        sealed
    }

    /// Admits no more appends and lets the writer stop once the queue is empty.
    pub(crate) fn close(&self) -> oneshot::Receiver<()> {
        let (done, closed) = oneshot::channel();
        let mut state = self.lock();
        state.closing = true;
        if !state.finished {
            state.closers.push(done);
        }
        drop(state);
        self.wake.notify_one();
        closed
    }

    /// Releases the room that answered requests held.
    pub(crate) fn release(&self, bytes: u64) {
        self.lock().held_bytes -= bytes;
    }

    /// Waits for work. A due seal goes first, or steady traffic would put it off for ever.
    pub(crate) fn next(&self, wishes: Wishes) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if wishes.seal_at.is_some_and(|at| at <= now) {
                return Work::Seal(Vec::new());
            }
            let company = match state.items.front() {
                Some(Item::Seal(_)) => return Work::Seal(state.take_seals()),
                Some(Item::Append(_)) => match wishes.commit_at {
                    Some(at) if at > now && self.may_wait(&state) => Some(at),
                    _ => return Work::Commit(state.take_requests(self.commit_bytes)),
                },
                None if state.closing => return Work::Close,
                None if wishes.directory_dirty => return Work::SyncDirectory,
                None => None,
            };
            state.in_company = company.is_some();
            let until = [company, wishes.seal_at].into_iter().flatten().min();
            state = self.sleep(state, until.map(|at| at.saturating_duration_since(now)));
            state.in_company = false;
        }
    }

    /// The writer stops: whatever is still queued gets no answer, which its appender takes as indeterminate.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        state.finished = true;
        state.items.clear();
        for closer in state.closers.drain(..) {
            let _ = closer.send(());
        }
    }

    fn may_wait(&self, state: &State) -> bool {
        let sealing = state.items.iter().any(|item| matches!(item, Item::Seal(_)));
        !sealing && !state.closing && state.queued_bytes < self.commit_bytes
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>, limit: Option<Duration>) -> MutexGuard<'a, State> {
        match limit {
            Some(limit) => self.wake.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_seals(&mut self) -> Vec<oneshot::Sender<()>> {
        let mut seals = Vec::new();
        while let Some(item) = self.items.pop_front() {
            match item {
                Item::Seal(done) => seals.push(done),
                Item::Append(_) => {
                    self.items.push_front(item);
                    break;
                }
            }
        }
        seals
    }

    /// At least one request, then as many as fit in `limit_bytes`.
    fn take_requests(&mut self, limit_bytes: u64) -> Vec<Request> {
        let mut requests: Vec<Request> = Vec::new();
        let mut bytes = 0;
        while let Some(item) = self.items.pop_front() {
            match item {
                Item::Append(request) if requests.is_empty() || bytes + request.bytes <= limit_bytes => {
                    bytes += request.bytes;
                    requests.push(request);
                }
                Item::Append(_) | Item::Seal(_) => {
                    self.items.push_front(item);
                    break;
                }
            }
        }
        self.queued_bytes -= bytes;
        requests
    }
}
