//! The spool from outside: the promise under faults (`durability`), damaged files (`damage`), who may open a
//! spool and what is found there (`opening`), limits and sealing (`operation`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod damage;
mod durability;
mod opening;
mod operation;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use passant_spool::{Config, Foundation, SealedSegment, Segments, Spool};

/// Seals on request only and waits for nobody.
pub(crate) fn config() -> Config {
    Config {
        commit_delay_milliseconds: 0,
        gather_milliseconds: 0,
        seal_after_seconds: 3600.0,
        reserve_bytes: 0,
        ..Config::default()
    }
}

pub(crate) fn open(directory: &Path) -> (Spool, Segments) {
    Spool::open(directory, config(), Foundation::default()).unwrap()
}

/// The next segment, which must come soon.
pub(crate) async fn next(segments: &mut Segments) -> Option<SealedSegment> {
    tokio::time::timeout(Duration::from_secs(10), segments.next()).await.expect("a segment or the end")
}

pub(crate) async fn payloads(segment: &SealedSegment) -> Vec<Bytes> {
    segment.read().await.unwrap().map(|frame| frame.payload).collect()
}
