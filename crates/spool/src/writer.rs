//! The writer thread: group commit, sealing, and what happens when the disk fails.
//!
//! Invariant: this thread alone writes segments, and it answers a request only when the answer can no longer
//! become false: `Ok` after the sync, a refusal after everything that was written of it has been cut off.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::AppendError;
use crate::observe::{Commit, Step};
use crate::open_segment::{OpenSegment, Stored};
use crate::queue::{Request, Wishes, Work};
use crate::segment::HEADER_BYTES;
use crate::spool::Shared;

/// A buffer that a large commit has grown past this is not kept, in bytes.
const BUFFER_BYTES: usize = 4 << 20;

/// How often the payloads of one commit are tried in a new segment before they are refused.
const ATTEMPTS: usize = 2;

/// The one writer of a spool.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    open: Option<OpenSegment>,
    next_sequence: u64,
    buffer: Vec<u8>,
    directory_dirty: bool,
    last_commit: Option<Instant>,
    pause: Pause,
}

/// Tells everyone who waits that the writer has stopped, also when it stops by a panic.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.queue.finish();
        self.0.ledger.finish();
    }
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, next_sequence: u64) -> Self {
        Self {
            shared,
            open: None,
            next_sequence,
            buffer: Vec::new(),
            directory_dirty: false,
            last_commit: None,
            pause: Pause::default(),
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.shared));
        loop {
            match self.shared.queue.next(self.wishes()) {
                Work::Commit(requests) => self.commit(requests),
                Work::Seal(askers) => {
                    self.seal();
                    for asker in askers {
                        // One who no longer waits loses nothing.
                        let _ = asker.send(());
                    }
                }
                Work::SyncDirectory => self.sync_directory(),
                Work::Close => {
                    self.seal();
                    self.sync_directory();
                    break;
                }
            }
        }
    }

    fn wishes(&self) -> Wishes {
        Wishes {
            commit_at: self.last_commit.map(|at| at + self.shared.config.commit_delay()),
            gather_until: self.last_commit.map(|at| at + self.shared.config.gather()),
            seal_at: self.open.as_ref().map(|open| open.opened() + self.shared.config.seal_after()),
            directory_dirty: self.directory_dirty,
        }
    }

    /// Stores requests in as few commits as the segment's limits allow. No request is torn over two segments.
    fn commit(&mut self, requests: Vec<Request>) {
        self.last_commit = Some(Instant::now());
        let (mut group, mut frames, mut bytes) = (Vec::new(), 0, 0);
        for request in requests {
            let (more_frames, more_bytes) = (request.payloads.len() as u64, request.bytes);
            if self.overflows(frames + more_frames, bytes + more_bytes) {
                self.store(std::mem::take(&mut group));
                self.seal();
                (frames, bytes) = (0, 0);
            }
            frames += more_frames;
            bytes += more_bytes;
            group.push(request);
        }
        self.store(group);
    }

    fn overflows(&self, frames: u64, bytes: u64) -> bool {
        let (open_frames, open_bytes) = self
            .open
            .as_ref()
            .map_or((0, HEADER_BYTES as u64), |open| (u64::from(open.frames()), open.bytes()));
        open_frames + frames > u64::from(self.shared.config.seal_after_events)
            || open_bytes + bytes > self.shared.config.segment_bytes
    }

    fn store(&mut self, group: Vec<Request>) {
        if group.is_empty() {
            return;
        }
        if let Some(refusal) = self.pause.refusal() {
            return self.answer(group, Err(refusal));
        }
        if self.lacks_reserve(&group) {
            return self.answer(group, Err(AppendError::Full { retry_after: crate::RETRY_AFTER }));
        }
        let outcome = self.store_or_move(&group);
        match &outcome {
            Ok(_) => self.pause.end(),
            Err(refusal) => self.pause.begin(refusal.clone()),
        }
        self.answer(group, outcome);
    }

    /// Commits a group, moving it to a new segment once if the first fails.
    fn store_or_move(&mut self, group: &[Request]) -> Result<(), AppendError> {
        let mut attempts_left = ATTEMPTS;
        loop {
            let error = match self.try_store(group) {
                Ok(stored) => {
                    self.book(group, stored);
                    return Ok(());
                }
                Err(error) => error,
            };
            self.shared.report("a commit failed", &error);
            self.condemn().map_err(|_| AppendError::Indeterminate)?;
            attempts_left -= 1;
            if attempts_left == 0 || is_full(&error) {
                return Err(refusal(error));
            }
        }
    }

    fn try_store(&mut self, group: &[Request]) -> io::Result<Stored> {
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let sequence = self.next_sequence;
                // A creation that fails may leave a file behind, so the number is spent either way.
                self.next_sequence += 1;
                none.insert(OpenSegment::create(&self.shared, sequence)?)
            }
        };
        let payloads = group.iter().flat_map(|request| &request.payloads);
        let stored = open.commit(payloads, &mut self.buffer, &self.shared)?;
        // The sync of a new segment's entry covered any rename before it.
        self.directory_dirty &= !stored.directory_synced;
        Ok(stored)
    }

    fn book(&mut self, group: &[Request], stored: Stored) {
        let frames = group.iter().map(|request| request.payloads.len() as u64).sum();
        if let Some(open) = &self.open {
            self.shared.ledger.committed(open, frames, stored.bytes);
        }
        self.shared.observer.committed(Commit { frames, bytes: stored.bytes, sync: stored.sync });
        if self.buffer.capacity() > BUFFER_BYTES {
            self.buffer = Vec::new();
        }
    }

    fn condemn(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let condemned = open.condemn(&self.shared);
        self.directory_dirty = true;
        if let Some(segment) = condemned.segment {
            self.shared.ledger.sealed(segment);
        }
        condemned.cut.inspect_err(|error| self.shared.report("a failed segment could not be cut", error))
    }

    fn seal(&mut self) {
        if let Some(open) = self.open.take() {
            let segment = open.seal(&self.shared);
            self.directory_dirty = true;
            self.shared.ledger.sealed(segment);
        }
    }

    /// Nothing depends on this succeeding, so that a failure is reported and not tried again.
    fn sync_directory(&mut self) {
        if std::mem::take(&mut self.directory_dirty)
            && let Err(error) = self.shared.file_system.sync_directory(&self.shared.directory)
        {
            self.shared.report("the directory was not synced", &error);
        }
    }

    /// Whether the group would eat into the disk's reserve. If the disk does not tell, the write will.
    fn lacks_reserve(&self, group: &[Request]) -> bool {
        let wanted =
            self.shared.config.reserve_bytes + group.iter().map(|request| request.bytes).sum::<u64>();
        self.shared.file_system.free_bytes(&self.shared.directory).is_ok_and(|free| free < wanted)
    }

    fn answer(&self, group: Vec<Request>, outcome: Result<(), AppendError>) {
        // Before the answers, or an appender that asks again at once would find its own bytes in its way.
        self.shared.queue.release(group.iter().map(|request| request.bytes).sum());
        for request in group {
            (request.then)(outcome.clone());
        }
        self.shared.observer.reached(Step::Acknowledged);
    }
}

/// A respite for a disk that keeps failing: appends are refused without touching it, not at all after the
/// first failure, for 1 ms after the second, and up to 1 s.
#[derive(Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
    refusal: Option<AppendError>,
}

impl Pause {
    fn refusal(&self) -> Option<AppendError> {
        let lasts = self.until.is_some_and(|until| Instant::now() < until);
        lasts.then(|| self.refusal.clone()).flatten()
    }

    fn begin(&mut self, error: AppendError) {
        self.until = Some(Instant::now() + self.length);
        self.length = (self.length * 2).clamp(Duration::from_millis(1), crate::RETRY_AFTER);
        // What comes during the pause is never written, so its fate is known.
        let unknown = matches!(error, AppendError::Indeterminate);
        self.refusal = Some(if unknown { refusal(io::Error::other("the disk is failing")) } else { error });
    }

    fn end(&mut self) {
        *self = Self::default();
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn refusal(error: io::Error) -> AppendError {
    if is_full(&error) {
        AppendError::Full { retry_after: crate::RETRY_AFTER }
    } else {
        AppendError::Io { source: Arc::new(error) }
    }
}
