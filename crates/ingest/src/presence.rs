//! Who was here in the last half hour: how the collector knows, before it answers, that an `engagement` event has no
//! visit to belong to.
//!
//! Visits are assigned later, by the shipper; this is the part of its knowledge that an honest answer needs. An event
//! is marked only after it is durable, so that whatever relies on the mark stands behind it in the spool. Invariant:
//! it errs on the side of taking the event, and the shipper has the last word. Nothing here names anybody.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{ENGAGEMENT, Event};
use crate::visits::{VISIT_GAP_SECONDS, Visits};

/// Locks are few and held for a map operation; 16 keep two cores from meeting.
const SHARDS: usize = 16;

/// When each visitor was last seen, for half an hour.
#[derive(Debug, Default)]
pub struct Presence {
    shards: [Mutex<Shard>; SHARDS],
    /// Set once the visits of before the start are known; until then nothing is called missing.
    complete: AtomicBool,
}

/// That a visitor was here: what is left to note of an event once it is durable.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    visitor: (u32, u64),
    timestamp: u32,
}

impl From<&Event> for Seen {
    fn from(event: &Event) -> Self {
        Self { visitor: (event.site_id, event.visitor_id), timestamp: event.timestamp }
    }
}

#[derive(Debug, Default)]
struct Shard {
    last_seen: HashMap<(u32, u64), u32, BuildHasherDefault<AlreadyHashed>>,
    swept_at: u32,
}

impl Presence {
    /// Whether an event may be stored: all may, but an `engagement` event whose visitor was not here.
    pub fn admits(&self, event: &Event) -> bool {
        if event.name != ENGAGEMENT || !self.complete.load(Ordering::Acquire) {
            return true;
        }
        let here = |visitor_id| {
            let shard = self.shard(visitor_id);
            let last_seen = shard.last_seen.get(&(event.site_id, visitor_id));
            last_seen.is_some_and(|seen| seen.saturating_add(VISIT_GAP_SECONDS) >= event.timestamp)
        };
        here(event.visitor_id) || event.previous_visitor_id.is_some_and(here)
    }

    /// Notes that a durable event's visitor was here.
    pub fn mark(&self, seen: Seen) {
        self.note(seen.visitor, seen.timestamp);
    }

    /// Notes the visits of before the start; from now on a visitor who is not known was not here.
    pub fn complete_with(&self, visits: &Visits) {
        for (site_id, visitor_id, last_seen) in visits.last_seen() {
            self.note((site_id, visitor_id), last_seen);
        }
        self.complete.store(true, Ordering::Release);
    }

    fn note(&self, visitor: (u32, u64), timestamp: u32) {
        let mut shard = self.shard(visitor.1);
        if timestamp.saturating_sub(shard.swept_at) >= 60 {
            shard.swept_at = timestamp;
            shard.last_seen.retain(|_, seen| seen.saturating_add(VISIT_GAP_SECONDS) >= timestamp);
        }
        let seen = shard.last_seen.entry(visitor).or_default();
        *seen = timestamp.max(*seen);
    }

    fn shard(&self, visitor_id: u64) -> MutexGuard<'_, Shard> {
        let index = (visitor_id >> 32) as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pseudonyms are keyed hashes already: nobody outside can choose them to collide.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = self.0.rotate_left(32) ^ u64::from(value);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PAGEVIEW;
    use crate::visits::Position;

    fn event(name: &str, timestamp: u32) -> Event {
        Event { site_id: 1, visitor_id: 7, timestamp, name: name.into(), ..Event::default() }
    }

    #[test]
    fn takes_everything_until_the_past_is_known() {
        assert!(Presence::default().admits(&event(ENGAGEMENT, 100)));
    }

    #[test]
    fn knows_engagement_without_a_visit() {
        let presence = Presence::default();
        presence.complete_with(&Visits::default());
        assert!(!presence.admits(&event(ENGAGEMENT, 100)));
        presence.mark(Seen::from(&event(PAGEVIEW, 100)));
        assert!(presence.admits(&event(ENGAGEMENT, 1900)));
        assert!(!presence.admits(&event(ENGAGEMENT, 1901)));
        let after_midnight = Event { visitor_id: 8, previous_visitor_id: Some(7), ..event(ENGAGEMENT, 1900) };
        assert!(presence.admits(&after_midnight));
    }

    #[test]
    fn learns_the_visits_of_before_the_start() {
        let mut visits = Visits::default();
        visits.assign(&event(PAGEVIEW, 100), Position { batch_id: 1, index: 0 }).expect("opened");
        let presence = Presence::default();
        presence.complete_with(&visits);
        assert!(presence.admits(&event(ENGAGEMENT, 200)));
    }
}
