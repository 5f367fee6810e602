//! A durable, checksummed, append-only segment log with group commit.
//!
//! Payloads are opaque bytes. `Spool::append` answers `Ok` only when the payload is on the disk, its file's
//! directory entry included; [`Segments`] hands sealed segments to one reader, in order, until it removes them.
//! Nothing about events, batches of rows or the store may come in here.
//!
//! # Constraints
//! 1. What was acknowledged is read exactly once, unless its own bytes are damaged: across SIGKILL, power loss
//!    and errors of the disk.
//! 2. What was refused is never read. What was not answered is read once or not at all.
//! 3. Damage costs the damaged frames and nothing else, and it is counted.
//! 4. Memory and disk are bounded. A full spool refuses, and recovers by itself.
//! 5. Nothing wakes up while nothing is written.
//!
//! # Format
//! One directory, mode 0700, belongs to one process, which holds a lock on `LOCK`. Each segment is a file:
//! a header, then frames, appended only.
//!
//! | file | is |
//! | --- | --- |
//! | `<sequence>-<batch id>.open` | being written; after a crash, to be recovered |
//! | `<sequence>-<batch id>-<frames>.sealed` | complete: a batch, until the reader removes it |
//! | `<sequence>-<batch id>.damaged` | found without one intact frame and put aside for a person |
//! | anything else | not ours, and left alone |
//!
//! Sequences order the segments of a directory; [`BatchId`] identifies content across directories, nodes and
//! backups; a frame's number identifies it within its batch. That a sealed name carries the number of frames
//! has three uses. A restart takes up gigabytes of backlog by their names and headers alone. A truncated file
//! is known to be short, even by whole frames. And the rename is a second way to cut a file (see below).
//!
//! # Operation
//! Callers put requests in a bounded queue and wait. One thread takes what has gathered, writes it with one
//! call, syncs it with one `fdatasync`, and answers. While the disk syncs the next group gathers, so that
//! groups grow with the load by themselves. On top of that a commit starts no earlier than
//! `commit_delay_milliseconds` after the one before, and waits up to `gather_milliseconds` for company, since a
//! commit costs the same for one append as for a hundred. It waits for nobody who cannot come: an append that
//! finds the spool at rest is written at once, a commit that holds an append of each caller there is
//! ([`Spool::ask_for_appenders`]) too, and where waiting brought nobody it is left out for a while.
//!
//! A segment's file is created with its first commit, whose sync is followed by one of the directory; only then
//! is that commit answered. A segment is sealed by size, count, age or on request: a rename, whose own sync is
//! left to the next idle moment, since a crash that undoes it costs a scan and changes nothing. Removal is an
//! unlink and a sync of the directory before it is answered.
//!
//! # When the disk fails
//! After a failed write or sync the kernel may have dropped the pages and marked them clean; a second sync of
//! the same file would succeed without having written them. So the segment is *condemned*: its descriptor is
//! closed and it gets no further frame. Its acknowledged frames were synced before and are safe. Its last,
//! unacknowledged ones may be on the disk wholly, partly or not at all, and must not be read later, because
//! they will be refused, or acknowledged from another segment. The file is therefore cut behind the last
//! acknowledged frame before anything else happens, and one of two cuts must be durable:
//!
//! - the file is truncated and synced through a new descriptor (a shorter length is a new transaction, whose
//!   success does not depend on the lost pages); or
//! - the sealed name, which says how many frames count, is synced with the directory. A segment without any
//!   acknowledged frame is truncated to nothing or unlinked instead.
//!
//! | crash | what a restart finds |
//! | --- | --- |
//! | before the cut is durable | acknowledged frames; of the last group, unanswered so far, any part, once |
//! | after it, before the move | acknowledged frames only; the last group, still unanswered, is not stored |
//! | in or after the move, before its sync | the same, and any part of the last group in the new segment |
//! | after the new segment's sync | everything, the last group in the new segment only |
//!
//! The group is then moved to a new segment and acknowledged from there. If that fails too, the new segment is
//! condemned likewise and the group refused; a disk that is full is not tried twice. If neither cut succeeds,
//! no true answer exists, and [`AppendError::Indeterminate`] says so. While groups keep failing, further appends
//! are refused without touching the disk for a pause that doubles from 1 ms to 1 s.
//!
//! # Recovery
//! Segments left open are scanned for intact frames, cut behind the last one, synced and sealed; they are never
//! appended to, so that any two copies of a batch agree in every frame that both have. Damage in the middle is
//! stepped over by searching for the next intact frame of the same batch, in linear time. A segment of a newer
//! format stops the start before anything is changed.

mod config;
mod error;
mod file_system;
mod frame;
mod ledger;
#[doc(hidden)]
pub mod model;
mod observe;
mod open_segment;
mod queue;
mod reader;
mod recovery;
mod segment;
mod spool;
mod writer;

pub use config::Config;
pub use error::{AppendError, OpenError, SegmentError};
pub use file_system::{FileSystem, Listed, Lock, RealFileSystem, SegmentFile};
pub use frame::{Frame, PAYLOAD_LIMIT_BYTES};
pub use observe::{Commit, Observer, Status, Step};
pub use reader::{Frames, SealedSegment, Segments};
pub use segment::{BatchId, FORMAT_VERSION};
pub use spool::{Foundation, Spool};

pub(crate) use spool::RETRY_AFTER;
