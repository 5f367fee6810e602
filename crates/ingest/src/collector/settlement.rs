//! What has to follow a beacon's events into the spool: presence, counts, the fate of their nonces.
//!
//! Invariant: a settlement ends once, whoever drops it, and what it then does is true. A client that goes away drops
//! its request, not this: from the moment that the events are queued the spool's writer holds it. Nothing here may
//! wait, because it ends on the writer's thread.

use std::sync::Arc;

use passant_spool::AppendError;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::Refusal;
use super::understanding::Resolved;
use super::{Parts, refusal};
use crate::Discard;
use crate::event::Event;
use crate::nonce::{Fate, Hold};
use crate::presence::Seen;

/// One beacon on its way into the spool.
pub(super) struct Settlement {
    parts: Arc<Parts>,
    events: u64,
    /// Who was here, if the events become durable.
    seen: Vec<Seen>,
    discards: Vec<Discard>,
    hold: Option<Hold>,
    fate: Fate,
    _place: OwnedSemaphorePermit,
}

impl Settlement {
    /// Of a beacon of which nothing is queued yet: dropped now, it counts as refused.
    pub(super) fn new(parts: Arc<Parts>, resolved: &Resolved, place: OwnedSemaphorePermit) -> Self {
        let events = resolved.count();
        let (seen, discards) = (Vec::new(), Vec::new());
        Self { parts, events, seen, discards, hold: None, fate: Fate::Refused, _place: place }
    }

    /// The events that remain are about to be queued: dropped from now on, nobody knows whether they are stored.
    pub(super) fn storing(&mut self, events: &[Event], discards: Vec<Discard>, mut hold: Option<Hold>) {
        self.seen = events.iter().map(Seen::from).collect();
        self.discards = discards;
        if let Some(hold) = &mut hold {
            hold.storing();
        }
        self.hold = hold;
        self.fate = Fate::Unknown;
    }

    /// Ends it as the spool says, and returns what the answer tells.
    pub(super) fn end(mut self, outcome: Result<(), AppendError>) -> Result<Vec<Discard>, Refusal> {
        let outcome = outcome.map_err(refusal);
        self.fate = match &outcome {
            Ok(()) => Fate::Stored,
            Err(Refusal::Unanswerable) => Fate::Unknown,
            Err(_) => Fate::Refused,
        };
        outcome.map(|()| self.discards.clone())
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.settle(self.fate);
        }
        let metrics = &self.parts.outlets.metrics;
        match self.fate {
            Fate::Stored => {
                self.seen.iter().for_each(|seen| self.parts.outlets.presence.mark(*seen));
                metrics.accepted(self.seen.len() as u64);
                self.discards.iter().for_each(|reason| metrics.discarded(*reason));
            }
            Fate::Unknown => metrics.unknown(self.events),
            Fate::Refused => metrics.refused(self.events),
        }
    }
}
