//! What can go wrong, one enum for each of the three callers: who opens a spool, who appends to it, who
//! ships its segments.
//!
//! Invariant: a variant tells the caller what to do. No message may carry a payload.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a spool was not opened. Nothing was changed unless the variant is [`OpenError::Io`]; nothing was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting cannot be right.
    #[error("spool.{name} is out of range, expected {expected}")]
    Setting {
        /// The setting, without its section.
        name: &'static str,
        /// The range that it must lie in.
        expected: &'static str,
    },
    /// Another process has the spool open.
    #[error("spool {directory} is in use by {}", .process.map_or("another process".to_owned(), |id| format!("process {id}")))]
    Locked {
        /// The spool's directory.
        directory: PathBuf,
        /// The process that holds it, if its lock file tells.
        process: Option<u32>,
    },
    /// The path exists and is no directory.
    #[error("spool {directory} is not a directory")]
    NotADirectory {
        /// The path.
        directory: PathBuf,
    },
    /// The directory belongs to someone else, so that files made here might be out of the owner's reach.
    #[error("spool {directory} belongs to user {owner}, expected user {expected}")]
    WrongOwner {
        /// The spool's directory.
        directory: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// The user id of this process.
        expected: u32,
    },
    /// The directory or its file system cannot be written.
    #[error("spool {directory} cannot be written: {source}")]
    ReadOnly {
        /// The spool's directory.
        directory: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A segment was written by a newer release. It was left as it is; run that release to drain the spool.
    #[error("segment {path} has format version {version}, expected at most {supported}")]
    NewerVersion {
        /// The segment's file.
        path: PathBuf,
        /// Its format version.
        version: u32,
        /// The newest format version that this release reads.
        supported: u32,
    },
    /// The disk failed. Opening again is safe at any time.
    #[error("spool {path} cannot be recovered: {source}")]
    Io {
        /// The file or directory in question.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Why an append was not acknowledged.
///
/// After every variant but [`AppendError::Indeterminate`] it is certain that none of the payloads is stored.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The spool or its disk is full, or more is queued than the disk can take now. Try again later.
    #[error("the spool is full, expected room in {} s", .retry_after.as_secs())]
    Full {
        /// When to try again.
        retry_after: Duration,
    },
    /// The disk failed. Try again later: each attempt uses a new file.
    #[error("the spool's disk failed: {source}")]
    Io {
        /// What the system answered.
        source: Arc<io::Error>,
    },
    /// More than an append may carry. Never try this again.
    #[error("{bytes} bytes in {payloads} payloads, expected at most 1 MiB a payload and less than a segment")]
    TooLarge {
        /// The bytes of all payloads.
        bytes: u64,
        /// The number of payloads.
        payloads: usize,
    },
    /// The spool is closing or closed.
    #[error("the spool is closed")]
    Closed,
    /// The disk failed, and failed again when the unacknowledged bytes were to be cut off. A restart may find
    /// all, some or none of the payloads, so **neither answer would be true**: break the connection instead.
    #[error("the spool's disk failed and the fate of the payloads is unknown")]
    Indeterminate,
}

/// Why a sealed segment was not read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The file is gone, and its frames with it: someone else removed it. Report the loss, then acknowledge
    /// the segment with `remove`.
    #[error("segment {path} is missing")]
    Missing {
        /// The segment's file.
        path: PathBuf,
    },
    /// The disk failed. Try again later.
    #[error("segment {path}: {source}")]
    Io {
        /// The segment's file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}
