//! From when on the store may lack events: said at each start, since a restored copy does not know that it is one.
//!
//! Invariant: it looks and tells, and changes nothing. What exactly is missing cannot be known from inside a copy; where
//! it ends can.

use std::time::SystemTime;

use jiff::Timestamp;
use passant_spool::Spool;
use passant_store::Store;

/// A silence that is worth a warning: longer than a restart takes, shorter than the time between two backups.
const SILENCE_SECONDS: i64 = 3600;

/// Logs the store's newest event, as a warning when nothing that waits in the spool goes on from there.
pub(crate) async fn tell(store: &Store, spool: &Spool, now: Timestamp) {
    let newest = match store.newest_event().await {
        Ok(Some(newest)) => Timestamp::from_second(newest.into()).unwrap_or_default(),
        Ok(None) => return tracing::info!("the store holds no events yet"),
        // The shipper will say so, and go on trying.
        Err(error) => return tracing::debug!(%error, "the store's newest event is not known"),
    };
    let waiting_since = spool.status().oldest_unsent.map(|since: SystemTime| Timestamp::try_from(since));
    let until = waiting_since.and_then(Result::ok).unwrap_or(now);
    let silence_seconds = until.duration_since(newest).as_secs();
    if silence_seconds > SILENCE_SECONDS {
        tracing::warn!(
            newest_event = %newest,
            %until,
            silence_seconds,
            "the store holds no event of this time; if this data was restored from a copy, what came in since is missing"
        );
    } else {
        tracing::info!(newest_event = %newest, "the store's events are up to date");
    }
}
