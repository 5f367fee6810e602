//! The appenders' queue: where async callers and the one writer thread meet.
//!
//! Invariant: what is queued or being written is bounded in bytes, and is served in the order of arrival. A
//! request leaves with exactly one answer; if the writer dies, the answer is that nobody knows.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::frame::FRAME_HEADER_BYTES;
use crate::{AppendError, Config};

/// What may be queued or in writing at once, in bytes. A disk that is further behind than this is seconds
/// behind, and refusing is then kinder to the memory and to the client than waiting.
pub(crate) const QUEUE_BYTES: u64 = 32 << 20;

/// What follows an append. It is dropped uncalled if the writer dies: then nobody knows.
pub(crate) type Then = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

/// The most commits for which waiting is left out before it is tried again.
const LEAVE_OUT: u32 = 64;

/// One durability point: payloads that are acknowledged together.
pub(crate) struct Request {
    pub(crate) payloads: Vec<Bytes>,
    /// What the frames take on disk.
    pub(crate) bytes: u64,
    pub(crate) then: Then,
}

impl Request {
    pub(crate) fn new(payloads: Vec<Bytes>, then: Then) -> Self {
        let bytes = payloads.iter().map(|payload| (payload.len() + FRAME_HEADER_BYTES) as u64).sum();
        Self { payloads, bytes, then }
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
    /// No commit may start before.
    pub(crate) commit_at: Option<Instant>,
    /// A commit may wait for company until then.
    pub(crate) gather_until: Option<Instant>,
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
    /// The writer sleeps and wants to be woken by this many requests; 0 while it is awake. Whoever wakes it resets
    /// this: a wake-up is a system call, and one is enough.
    wake_at: usize,
    /// Requests among the items.
    requests: usize,
    patience: Patience,
    closing: bool,
    finished: bool,
    closers: Vec<oneshot::Sender<()>>,
}

/// Whether waiting for company is worth it. Where it brought nobody it is left out, for twice as many commits each
/// time: a client that sends one thing after the other is not made to wait for others that do not exist.
#[derive(Default)]
struct Patience {
    left_out: u32,
    leave_out: u32,
}

/// The queue of one spool.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    commit_bytes: u64,
    gather_requests: usize,
    appenders: OnceLock<Appenders>,
}

/// Says how many appenders there are.
pub(crate) type Appenders = Box<dyn Fn() -> usize + Send + Sync>;

impl Queue {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            commit_bytes: config.commit_bytes,
            gather_requests: config.gather_appends,
            appenders: OnceLock::new(),
        }
    }

    /// Sets who says how many appenders there are; the first one counts.
    pub(crate) fn ask_for_appenders(&self, appenders: Appenders) {
        let _ = self.appenders.set(appenders);
    }

    /// Queues a request, unless it would take what is held past the queue's bound or `room_bytes`: then it comes back.
    pub(crate) fn push(&self, request: Request, room_bytes: u64) -> Result<(), (AppendError, Request)> {
        let mut state = self.lock();
        if state.closing || state.finished {
            return Err((AppendError::Closed, request));
        }
        if state.held_bytes + request.bytes > QUEUE_BYTES.min(room_bytes) {
            return Err((AppendError::Full { retry_after: crate::RETRY_AFTER }, request));
        }
        state.held_bytes += request.bytes;
        state.queued_bytes += request.bytes;
        state.items.push_back(Item::Append(request));
        state.requests += 1;
        let enough = state.requests >= state.wake_at || state.queued_bytes >= self.commit_bytes;
        let wanted = enough && std::mem::take(&mut state.wake_at) > 0;
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
            let (until, wake_at) = match state.items.front() {
                Some(Item::Seal(_)) => return Work::Seal(state.take_seals()),
                Some(Item::Append(_)) => match self.company(&state, wishes, now) {
                    Some(company) => company,
                    None => {
                        let requests = state.requests;
                        state.patience.judge(wishes, now, requests);
                        return Work::Commit(state.take_requests(self.commit_bytes));
                    }
                },
                None if state.closing => return Work::Close,
                None if wishes.directory_dirty => return Work::SyncDirectory,
                None => (None, 1),
            };
            let until = [until, wishes.seal_at].into_iter().flatten().min();
            state.wake_at = wake_at;
            state = self.sleep(state, until.map(|at| at.saturating_duration_since(now)));
            state.wake_at = 0;
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

    /// Until when a commit waits for further requests, and how many of them end that early; nothing once it is due.
    fn company(&self, state: &State, wishes: Wishes, now: Instant) -> Option<(Option<Instant>, usize)> {
        let sealing = state.items.iter().any(|item| matches!(item, Item::Seal(_)));
        if sealing || state.closing || state.queued_bytes >= self.commit_bytes {
            return None;
        }
        let ahead = |at: Option<Instant>| at.filter(|at| *at > now);
        let most = self.appenders.get().map_or(usize::MAX, |appenders| appenders().max(1));
        let enough = self.gather_requests.min(most);
        if state.requests < enough
            && state.patience.left_out == 0
            && let Some(until) = ahead(wishes.gather_until)
        {
            return Some((Some(until), enough));
        }
        ahead(wishes.commit_at).map(|until| (Some(until), usize::MAX))
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
        self.requests -= requests.len();
        requests
    }
}

impl Patience {
    /// A commit is due with so many requests. Was it worth waiting?
    fn judge(&mut self, wishes: Wishes, now: Instant, requests: usize) {
        if requests > 1 {
            *self = Self::default();
        } else if self.left_out > 0 {
            self.left_out -= 1;
        } else if wishes.gather_until.is_some_and(|until| until <= now) {
            self.leave_out = (self.leave_out * 2).clamp(1, LEAVE_OUT);
            self.left_out = self.leave_out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3600);

    /// A queue with so many requests, whose window for company has just begun.
    fn queued(requests: usize) -> (Queue, Wishes, Instant) {
        let queue = Queue::new(&Config { gather_appends: 3, ..Config::default() });
        for _ in 0..requests {
            let request = Request::new(vec![Bytes::from("one")], Box::new(drop));
            assert!(queue.push(request, u64::MAX).is_ok());
        }
        let now = Instant::now();
        (queue, Wishes { gather_until: Some(now + WINDOW), ..Wishes::default() }, now)
    }

    #[test]
    fn a_commit_waits_for_company_until_enough_have_come_or_the_time_is_over() {
        for (requests, waits) in [(1, true), (2, true), (3, false)] {
            let (queue, wishes, now) = queued(requests);
            let expected = waits.then_some((wishes.gather_until, 3));
            assert_eq!(queue.company(&queue.lock(), wishes, now), expected, "{requests} requests");
            assert_eq!(queue.company(&queue.lock(), wishes, now + WINDOW), None);
        }
        let (queue, wishes, now) = queued(3);
        let wishes = Wishes { commit_at: wishes.gather_until, ..wishes };
        let expected = Some((wishes.commit_at, usize::MAX));
        assert_eq!(queue.company(&queue.lock(), wishes, now), expected, "no commit starts before its time");
    }

    #[test]
    fn nobody_is_waited_for_when_all_who_could_append_have() {
        for (appenders, waits) in [(0, false), (1, false), (2, false), (3, true), (100, true)] {
            let (queue, wishes, now) = queued(2);
            queue.ask_for_appenders(Box::new(move || appenders));
            assert_eq!(queue.company(&queue.lock(), wishes, now).is_some(), waits, "{appenders} appenders");
        }
    }

    #[test]
    fn waiting_that_brought_nobody_is_left_out_for_twice_as_long() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        let wishes = Wishes { gather_until: Some(now), ..Wishes::default() };
        for left_out in [1, 2, 4, 8, 16, 32, 64, 64] {
            patience.judge(wishes, now, 1);
            for left in (0..left_out).rev() {
                assert_eq!(patience.left_out, left + 1);
                patience.judge(wishes, now, 1);
            }
            assert_eq!(patience.left_out, 0, "after {left_out}");
        }
        patience.judge(wishes, now, 1);
        patience.judge(wishes, now, 2);
        assert_eq!((patience.left_out, patience.leave_out), (0, 0), "company came");
        let (queue, wishes, now) = queued(1);
        queue.lock().patience.left_out = 1;
        assert_eq!(queue.company(&queue.lock(), wishes, now), None);
    }

    #[test]
    fn the_writer_is_woken_once_by_as_many_as_it_wants() {
        let (queue, ..) = queued(0);
        queue.lock().wake_at = 2;
        for wanted in [2, 0, 0] {
            let request = Request::new(vec![Bytes::from("one")], Box::new(drop));
            assert!(queue.push(request, u64::MAX).is_ok());
            assert_eq!(queue.lock().wake_at, wanted);
        }
    }
}
