//! What the outside may know of a running spool: its [`Status`], and the [`Observer`] that is told of commits.
//!
//! Invariant: nothing here can change what the spool does. No metrics library may come in.

use std::time::{Duration, SystemTime};

/// The state of a spool at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What all segments take on disk, in bytes.
    pub bytes: u64,
    /// What they may take, in bytes.
    pub capacity_bytes: u64,
    /// The frames acknowledged and not yet removed.
    pub events: u64,
    /// The sealed segments not yet removed.
    pub segments: u64,
    /// When the oldest segment not yet removed was created, by the wall clock.
    pub oldest_unsent: Option<SystemTime>,
    /// Writes, syncs and other operations that failed since the spool was opened.
    pub io_errors_total: u64,
    /// Frames found damaged or missing in segments read since the spool was opened.
    pub frames_skipped_total: u64,
    /// Segments of a crashed process that ended in bytes of no intact frame when the spool was opened. After
    /// a power loss this is the rule: they were written and never acknowledged.
    pub torn_tails_total: u64,
}

/// One group of appends made durable together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The frames in it.
    pub frames: u64,
    /// The bytes written.
    pub bytes: u64,
    /// How long the disk took to make them durable.
    pub sync: Duration,
}

/// The steps of a segment's life at which a crash must do no harm, for tests that kill a process at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Payloads are about to be written.
    Writing,
    /// Payloads are written and not synced.
    Written,
    /// Payloads are durable and not acknowledged.
    Synced,
    /// The directory entry of a new segment is durable too.
    EntrySynced,
    /// Payloads are acknowledged.
    Acknowledged,
    /// A segment is about to get its sealed name.
    Sealing,
    /// A segment has its sealed name and is not yet handed to the reader.
    Sealed,
    /// A segment's file is about to be removed.
    Removing,
    /// A segment's file is removed, and the directory not yet synced.
    Removed,
}

/// Is told what the spool does, on the thread that does it: an implementation must not block.
pub trait Observer: Send + Sync + 'static {
    /// A commit is durable.
    fn committed(&self, commit: Commit) {
        let _ = commit;
    }

    /// A step is reached.
    fn reached(&self, step: Step) {
        let _ = step;
    }
}

/// Observes nothing.
impl Observer for () {}
