//! The books: which segments exist, which of them wait for the reader, what they hold, what went wrong.
//!
//! Invariant: a sealed segment is in the books from its sealing or recovery until its removal is durable, and
//! is either waiting or in the reader's custody, never both. No file is touched here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use crate::open_segment::OpenSegment;
use crate::segment::Segment;
use crate::{BatchId, Status};

/// The books of one spool.
pub(crate) struct Ledger {
    books: Mutex<Books>,
    /// Wakes the one reader.
    changed: Notify,
}

#[derive(Default)]
struct Books {
    /// Sealed segments that the reader has not taken, by sequence.
    waiting: BTreeMap<u64, Segment>,
    /// When each segment with acknowledged frames was created, open or sealed, by sequence.
    unsent: BTreeMap<u64, SystemTime>,
    status: Status,
    finished: bool,
}

/// What the reader finds.
pub(crate) enum Next {
    Segment(Segment),
    Nothing,
    Finished,
}

impl Ledger {
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let status = Status { capacity_bytes, ..Status::default() };
        Self { books: Mutex::new(Books { status, ..Books::default() }), changed: Notify::new() }
    }

    /// Enters a segment that an earlier process left.
    pub(crate) fn recovered(&self, segment: Segment) {
        let mut books = self.lock();
        books.status.bytes += segment.bytes;
        books.status.events += u64::from(segment.frames);
        books.status.segments += 1;
        books.unsent.insert(segment.sequence, segment.created);
        books.waiting.insert(segment.sequence, segment);
    }

    pub(crate) fn torn_tails(&self, count: u64) {
        self.lock().status.torn_tails_total += count;
    }

    /// Enters frames that became durable in the open segment.
    pub(crate) fn committed(&self, open: &OpenSegment, frames: u64, bytes: u64) {
        let mut books = self.lock();
        books.status.bytes += bytes;
        books.status.events += frames;
        books.unsent.entry(open.sequence()).or_insert(open.created());
    }

    /// Hands the segment that was open to the reader.
    pub(crate) fn sealed(&self, segment: Segment) {
        let mut books = self.lock();
        books.status.segments += 1;
        books.waiting.insert(segment.sequence, segment);
        drop(books);
        self.changed.notify_one();
    }

    /// Strikes a segment out.
    pub(crate) fn removed(&self, segment: &Segment) {
        let mut books = self.lock();
        books.status.bytes = books.status.bytes.saturating_sub(segment.bytes);
        books.status.events = books.status.events.saturating_sub(u64::from(segment.frames));
        books.status.segments = books.status.segments.saturating_sub(1);
        books.unsent.remove(&segment.sequence);
    }

    /// Takes back a segment that the reader let go without removing it.
    pub(crate) fn returned(&self, segment: Segment) {
        self.lock().waiting.insert(segment.sequence, segment);
        self.changed.notify_one();
    }

    pub(crate) fn io_error(&self) {
        self.lock().status.io_errors_total += 1;
    }

    pub(crate) fn frames_skipped(&self, count: u64) {
        self.lock().status.frames_skipped_total += count;
    }

    /// The writer has stopped: no segment will be sealed any more.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    /// Takes the oldest waiting segment.
    pub(crate) fn take(&self) -> Next {
        let mut books = self.lock();
        match books.waiting.pop_first() {
            Some((_, segment)) => Next::Segment(segment),
            None if books.finished => Next::Finished,
            None => Next::Nothing,
        }
    }

    /// Resolves once something may have changed since the last call.
    pub(crate) async fn change(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn pending(&self) -> Vec<BatchId> {
        self.lock().waiting.values().map(|segment| segment.batch).collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().status.bytes
    }

    pub(crate) fn status(&self) -> Status {
        let books = self.lock();
        Status {
            oldest_unsent: books.unsent.first_key_value().map(|(_, created)| *created),
            ..books.status.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        // Every change to the books is complete before anything that could panic.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
