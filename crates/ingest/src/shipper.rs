//! The shipper: one sealed segment of the spool becomes one INSERT, and is removed once its rows are in the store.
//!
//! Exactly once, by asking: every row carries the batch id of its segment. After any outcome that is not a plain yes,
//! and for segments that an earlier process left, the store is asked which months of the batch it holds, and only the
//! others are inserted. `insert_deduplication_token` is set as well, but it protects replicated tables only: on one
//! machine ClickHouse's deduplication log is not committed together with the part, so after a crash it may swallow
//! rows that are not there. We leave it off there.
//!
//! Invariant: a segment is removed only when the store holds all of its rows. Segments are shipped in order, since a
//! visit's later events build on its earlier ones; a store that is away leaves them on disk, at no cost of memory.

use std::sync::Arc;
use std::time::Duration;

use passant_spool::{Frames, SealedSegment, SegmentError, Segments};
use passant_store::{Batch, Store};

use crate::event::{self, DecodeError, Event};
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::ship_step::{ShipObserver, ShipStep};
use crate::visits::{Position, VISIT_GAP_SECONDS, Visits};

/// Takes sealed segments to the store.
pub struct Shipper {
    /// Where events go.
    pub store: Store,
    /// Where they come from.
    pub segments: Segments,
    /// Where batches are counted.
    pub metrics: Arc<Metrics>,
    /// Who was here, shared with the collector.
    pub presence: Arc<Presence>,
    /// When the oldest event that waits may have arrived: seconds since 1970. With nothing waiting, now.
    pub oldest_event: u32,
    /// Who is told of each step.
    pub observer: Arc<dyn ShipObserver>,
}

/// Why shipping stopped for good; the segments stay where they are. Nothing that the store says is a reason: beacons
/// are taken while a person mends it.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// A segment holds records of a version that this build does not know.
    #[error("batch {batch}: {source}; run the passant that wrote it")]
    Record {
        /// The batch.
        batch: String,
        /// What was found.
        source: DecodeError,
    },
}

/// Whether the store may already hold some of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum History {
    /// Nobody has tried to insert it yet.
    New,
    /// An earlier process, or an earlier try, may have inserted it.
    Tried,
}

impl Shipper {
    /// Ships until the spool is closed and empty. Dropping the future is safe at any point: what was not removed is
    /// asked about at the next start.
    ///
    /// # Errors
    /// [`ShipError`] for what no waiting will mend.
    pub async fn run(mut self) -> Result<(), ShipError> {
        let mut left_behind: Vec<u64> = self.segments.pending().iter().map(|batch| batch.0).collect();
        let mut visits = self.rebuild_visits(&left_behind).await;
        let mut past_is_known = false;
        loop {
            // Visits of segments left behind are known once these are read; what came in since, the collector marked.
            if !past_is_known && left_behind.is_empty() {
                self.presence.complete_with(&visits);
                past_is_known = true;
            }
            let Some(segment) = self.segments.next().await else { return Ok(()) };
            let id = segment.batch_id().0;
            let history = match left_behind.iter().position(|pending| *pending == id) {
                Some(index) => {
                    left_behind.swap_remove(index);
                    History::Tried
                }
                None => History::New,
            };
            let batch = self.batch(&segment, &mut visits).await?;
            self.metrics.open_visits.set(visits.len() as i64);
            self.ship(&batch, history).await;
            let oldest = segment.created();
            until_done(|| segment.remove()).await;
            let lag = oldest.elapsed().unwrap_or_default();
            self.metrics.ship_lag_seconds.observe(lag.as_secs_f64());
        }
    }

    /// The visits that were open when the oldest segment left behind was begun, as the store has them.
    async fn rebuild_visits(&self, pending: &[u64]) -> Visits {
        let since = self.oldest_event.saturating_sub(VISIT_GAP_SECONDS);
        let mut attempt = 0;
        loop {
            match self.store.open_visits(since, pending).await {
                Ok(rows) => {
                    tracing::info!(
                        open_visits = rows.len(),
                        batches_waiting = pending.len(),
                        "shipper started"
                    );
                    return Visits::rebuild(rows);
                }
                Err(error) => pause(&error, &mut attempt, "reading open visits").await,
            }
        }
    }

    /// Reads a segment and gives each event its place in a visit.
    async fn batch(&self, segment: &SealedSegment, visits: &mut Visits) -> Result<Batch, ShipError> {
        let batch_id = segment.batch_id().0;
        let mut batch = Batch::new(batch_id);
        let Some(frames) = read(segment).await else { return Ok(batch) };
        for frame in frames {
            let event: Event = match event::decode(&frame.payload) {
                Ok(event) => event,
                Err(source) => {
                    return Err(ShipError::Record { batch: segment.batch_id().to_string(), source });
                }
            };
            match visits.assign(&event, Position { batch_id, index: frame.number }) {
                Some(assigned) => batch.push(&assigned.row(0)),
                None => self.metrics.no_visit_after_all.inc(),
            }
        }
        Ok(batch)
    }

    /// Returns when the store holds every row of the batch.
    async fn ship(&self, batch: &Batch, mut history: History) {
        let mut attempt = 0;
        loop {
            match self.try_to_ship(batch, history).await {
                Ok(()) => {
                    self.metrics.ship_batches.with_label_values(&["shipped"]).inc();
                    return;
                }
                Err(error) => {
                    self.metrics.ship_batches.with_label_values(&["failed"]).inc();
                    history = History::Tried;
                    pause(&error, &mut attempt, "shipping a batch").await;
                }
            }
        }
    }

    async fn try_to_ship(&self, batch: &Batch, history: History) -> Result<(), passant_store::Error> {
        if history == History::New {
            self.observer.reached(ShipStep::Inserting);
            self.store.insert(batch).await?;
            self.observer.reached(ShipStep::Inserted);
            return Ok(());
        }
        self.observer.reached(ShipStep::Reconciling);
        let missing = self.store.missing_partitions(batch).await?;
        let action = if missing.is_empty() { "skipped" } else { "inserted" };
        self.metrics.ship_reconciled.with_label_values(&[action]).inc();
        for month in missing {
            self.store.insert_partition(batch, month).await?;
        }
        self.observer.reached(ShipStep::Reconciled);
        Ok(())
    }
}

/// Waits before the next try, for ever longer. What needs a person is said as such, and tried again all the same: who
/// mends the store must not have to restart us as well.
async fn pause(error: &passant_store::Error, attempt: &mut u32, doing: &'static str) {
    let wait = jittered(passant_store::Error::backoff(*attempt));
    let wait_milliseconds = wait.as_millis() as u64;
    if !error.is_passing() {
        tracing::error!(doing, %error, wait_milliseconds, "the store needs a person; events wait in the spool");
    } else if *attempt == 0 || wait >= Duration::from_secs(5) {
        tracing::warn!(doing, %error, wait_milliseconds, "the store is away; events wait in the spool");
    }
    *attempt += 1;
    tokio::time::sleep(wait).await;
}

/// Between half and all of `wait`, so that nodes that failed together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    wait.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// The payloads of a segment, waiting for a disk that fails; `None` when the file is gone, which is a loss to report.
async fn read(segment: &SealedSegment) -> Option<Frames> {
    let mut attempt = 0;
    loop {
        match segment.read().await {
            Ok(frames) => return Some(frames),
            Err(SegmentError::Missing { path }) => {
                tracing::error!(segment = %path.display(), "a segment was removed by someone else, its events are lost");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, "a segment cannot be read; trying again");
                tokio::time::sleep(jittered(passant_store::Error::backoff(attempt))).await;
                attempt += 1;
            }
        }
    }
}

async fn until_done<F: Future<Output = Result<(), SegmentError>>>(mut step: impl FnMut() -> F) {
    let mut attempt = 0;
    while let Err(error) = step().await {
        tracing::error!(%error, "a shipped segment cannot be removed; trying again");
        tokio::time::sleep(jittered(passant_store::Error::backoff(attempt))).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_failed_together_wait_for_between_half_and_all_of_the_backoff_each_for_its_own_time() {
        let backoff = Duration::from_secs(10);
        let waits: Vec<Duration> = (0..100).map(|_| jittered(backoff)).collect();
        assert!(waits.iter().all(|wait| (backoff / 2..=backoff).contains(wait)), "{waits:?}");
        let distinct: std::collections::BTreeSet<_> = waits.iter().collect();
        assert!(distinct.len() > 50, "only {} different waits", distinct.len());
    }
}
