//! The reader's side: sealed segments in order, their payloads, and their removal.
//!
//! Invariant: a segment is handed out to one holder at a time, and until its removal is durable it comes back
//! if the holder lets it go. What a payload means may not come in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use crate::frame;
use crate::ledger::Next;
use crate::observe::Step;
use crate::segment::Segment;
use crate::spool::Shared;
use crate::{BatchId, Frame, SegmentError};

/// The sealed segments of a spool, oldest first.
pub struct Segments {
    shared: Arc<Shared>,
}

/// A segment that will not change any more: one batch.
///
/// Dropped without [`SealedSegment::remove`] it is handed out again, before younger ones.
pub struct SealedSegment {
    custody: Arc<Custody>,
}

/// Outlives the handle while the disk still works for it, so that nobody else gets the segment meanwhile.
struct Custody {
    shared: Arc<Shared>,
    segment: Segment,
    removed: AtomicBool,
    damage_counted: AtomicBool,
}

/// The payloads of a segment, in the order in which they were appended.
#[derive(Debug)]
pub struct Frames {
    frames: std::vec::IntoIter<Frame>,
    skipped: u64,
}

impl Segments {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits for the next sealed segment; none once the spool is closed and all are handed out. Nothing is
    /// lost when the future is dropped.
    pub async fn next(&mut self) -> Option<SealedSegment> {
        loop {
            match self.shared.ledger.take() {
                Next::Segment(segment) => {
                    let custody = Custody {
                        shared: Arc::clone(&self.shared),
                        segment,
                        removed: AtomicBool::new(false),
                        damage_counted: AtomicBool::new(false),
                    };
                    return Some(SealedSegment { custody: Arc::new(custody) });
                }
                Next::Nothing => self.shared.ledger.change().await,
                Next::Finished => return None,
            }
        }
    }

    /// The batches that wait, oldest first: after a restart, those whose fate the store has to be asked for.
    #[must_use]
    pub fn pending(&self) -> Vec<BatchId> {
        self.shared.ledger.pending()
    }
}

impl SealedSegment {
    /// What identifies this content for ever.
    #[must_use]
    pub fn batch_id(&self) -> BatchId {
        self.custody.segment.batch
    }

    /// The frames that were acknowledged in it. Damaged ones are among them, until it is read.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.custody.segment.frames
    }

    /// Its length, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.custody.segment.bytes
    }

    /// When it was created, by the wall clock.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.custody.segment.created
    }

    /// Reads the payloads, on a blocking thread, into memory: a segment at most. Damaged frames are left out,
    /// counted and logged.
    ///
    /// # Errors
    /// [`SegmentError`]; the segment is unchanged.
    pub async fn read(&self) -> Result<Frames, SegmentError> {
        self.on_blocking_thread(Custody::read).await
    }

    /// Acknowledges the segment: removes the file, durably. May be called again after an error.
    ///
    /// # Errors
    /// [`SegmentError::Io`]; the segment may then come back after a restart.
    pub async fn remove(&self) -> Result<(), SegmentError> {
        self.on_blocking_thread(Custody::remove).await
    }

    async fn on_blocking_thread<T: Send + 'static>(
        &self,
        work: fn(&Custody) -> Result<T, SegmentError>,
    ) -> Result<T, SegmentError> {
        let custody = Arc::clone(&self.custody);
        tokio::task::spawn_blocking(move || work(&custody)).await.unwrap_or_else(|stopped| {
            Err(SegmentError::Io {
                path: self.custody.segment.path.clone(),
                source: io::Error::other(stopped),
            })
        })
    }
}

impl Custody {
    fn read(&self) -> Result<Frames, SegmentError> {
        let segment = &self.segment;
        let content =
            self.shared.file_system.read(&segment.path, u64::MAX).map_err(|source| self.failed(source))?;
        let content = Bytes::from(content);
        let mut frames = frame::scan(&content, segment.batch).frames;
        frames.retain(|frame| frame.number < segment.frames);
        let skipped = u64::from(segment.frames) - frames.len() as u64;
        if skipped > 0 && !self.damage_counted.swap(true, Ordering::Relaxed) {
            self.shared.ledger.frames_skipped(skipped);
            tracing::error!(batch = %segment.batch, skipped, "spool: damaged frames skipped");
        }
        Ok(Frames { frames: frames.into_iter(), skipped })
    }

    fn remove(&self) -> Result<(), SegmentError> {
        let Shared { file_system, observer, directory, .. } = &*self.shared;
        if self.removed.load(Ordering::Acquire) {
            return Ok(());
        }
        observer.reached(Step::Removing);
        match file_system.remove(&self.segment.path) {
            // Gone already: by an earlier attempt whose directory sync failed, or by someone else's hand.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(|source| self.failed(source))?,
        }
        observer.reached(Step::Removed);
        file_system.sync_directory(directory).map_err(|source| self.failed(source))?;
        if !self.removed.swap(true, Ordering::AcqRel) {
            self.shared.ledger.removed(&self.segment);
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> SegmentError {
        let path = self.segment.path.clone();
        if source.kind() == io::ErrorKind::NotFound {
            return SegmentError::Missing { path };
        }
        self.shared.report("a segment was not read or removed", &source);
        SegmentError::Io { path, source }
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        if !*self.removed.get_mut() {
            self.shared.ledger.returned(self.segment.clone());
        }
    }
}

impl Frames {
    /// The frames of the segment that are damaged or missing.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        self.frames.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.frames.size_hint()
    }
}

impl ExactSizeIterator for Frames {}
