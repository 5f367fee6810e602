//! Which beacons were stored in the last minutes: a client whose answer was lost sends its beacon again, and it must
//! become one row all the same.
//!
//! A tracker gives each event of a page load a nonce of its own. Of it only a keyed hash is kept, in memory, for ten
//! to twenty minutes. Invariant: a repeat is told so only after the first one is durable; while that is open it waits,
//! and where nobody knows it gets no answer either. A restart forgets. Nothing here may be stored or logged.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::event::Event;

/// A fingerprint is remembered for at least this long, unless room runs out.
const REMEMBER_SECONDS: i64 = 600;
/// Fingerprints of one generation; with two of them, some 20 MB at most. At 700 events a second these are the events
/// of ten minutes; above that the memory reaches back less far.
const GENERATION: usize = 458_752;

/// What of an event and its nonce is remembered: 64 bits under a key that dies with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

/// The fingerprints of the last minutes.
pub(crate) struct Nonces {
    key: [u8; 32],
    known: Mutex<Known>,
}

/// What is known of the events of one beacon.
pub(crate) enum Claim {
    /// None of them is being stored: those that are stored already are marked `true`, in the order of the question.
    /// The others are the caller's, until the [`Hold`] is settled or dropped.
    Held(Hold, Vec<bool>),
    /// One of them is being stored at this moment: ask again when that has ended.
    Wait(watch::Receiver<()>),
    /// Of one of them nobody knows whether it is stored.
    Unknown,
}

/// The right to store events, and the duty to say what became of them.
pub(crate) struct Hold {
    nonces: Arc<Nonces>,
    fingerprints: Vec<Fingerprint>,
    fate: Fate,
    /// Dropped with the hold, which wakes all who wait.
    _ended: watch::Sender<()>,
}

/// What became of events that were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are durable.
    Stored,
    /// They are not stored and will not be.
    Refused,
    /// They may be stored or not.
    Unknown,
}

#[derive(Default)]
struct Known {
    current: Generation,
    previous: Generation,
    in_flight: HashMap<Fingerprint, watch::Receiver<()>>,
}

#[derive(Default)]
struct Generation {
    began_at_seconds: i64,
    stored: HashSet<Fingerprint>,
    unknown: HashSet<Fingerprint>,
}

impl Nonces {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system gives random bytes once it is up");
        Self { key, known: Mutex::default() }
    }

    /// The fingerprints under which an event may be known: the one of today, and near midnight yesterday's.
    pub(crate) fn fingerprints(&self, event: &Event, nonce: &str) -> (Fingerprint, Option<Fingerprint>) {
        let of = |visitor_id: u64| {
            let mut hasher = blake3::Hasher::new_keyed(&self.key);
            let site_id = event.site_id.to_le_bytes();
            for field in [&site_id[..], &visitor_id.to_le_bytes(), event.name.as_bytes(), nonce.as_bytes()] {
                hasher.update(&(field.len() as u64).to_le_bytes());
                hasher.update(field);
            }
            let digest = hasher.finalize();
            let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
            Fingerprint(u64::from_le_bytes(*first))
        };
        (of(event.visitor_id), event.previous_visitor_id.map(of))
    }

    /// Asks for the right to store events, all or none: whoever waits holds nothing, so that no two wait for each
    /// other.
    pub(crate) fn claim(
        self: &Arc<Self>,
        events: &[(Fingerprint, Option<Fingerprint>)],
        now_seconds: i64,
    ) -> Claim {
        let mut known = self.known();
        known.age(now_seconds);
        let names = || events.iter().flat_map(|(today, yesterday)| [Some(*today), *yesterday]).flatten();
        if let Some(ended) = names().find_map(|name| known.in_flight.get(&name)) {
            return Claim::Wait(ended.clone());
        }
        if names().any(|name| known.generations().any(|generation| generation.unknown.contains(&name))) {
            return Claim::Unknown;
        }
        let is_stored =
            |name: &Fingerprint| known.generations().any(|generation| generation.stored.contains(name));
        let repeated: Vec<bool> = events
            .iter()
            .map(|(today, yesterday)| is_stored(today) || yesterday.as_ref().is_some_and(is_stored))
            .collect();
        let fresh = events.iter().zip(&repeated).filter(|(_, repeated)| !**repeated);
        let fingerprints: Vec<_> = fresh.map(|((today, _), _)| *today).collect();
        let (sender, ended) = watch::channel(());
        known.in_flight.extend(fingerprints.iter().map(|name| (*name, ended.clone())));
        drop(known);
        // A hold that is dropped unsettled was never handed to the spool, or its task died: see `Hold::storing`.
        let hold = Hold { nonces: Arc::clone(self), fingerprints, fate: Fate::Refused, _ended: sender };
        Claim::Held(hold, repeated)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// From now on the events are in the spool's hands: if this ends without being settled, nobody knows.
    pub(crate) fn storing(&mut self) {
        self.fate = Fate::Unknown;
    }

    /// Says what became of the events.
    pub(crate) fn settle(mut self, fate: Fate) {
        self.fate = fate;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut known = self.nonces.known();
        for name in &self.fingerprints {
            known.in_flight.remove(name);
            let Generation { stored, unknown, .. } = &mut known.current;
            match self.fate {
                Fate::Stored => stored.insert(*name),
                Fate::Unknown => unknown.insert(*name),
                Fate::Refused => continue,
            };
        }
    }
}

impl Known {
    /// Forgets what is old, and what is too much. A clock that was set back counts anew and forgets nothing sooner.
    fn age(&mut self, now_seconds: i64) {
        let began_at_seconds = &mut self.current.began_at_seconds;
        *began_at_seconds = now_seconds.min(*began_at_seconds);
        let full = self.current.stored.len() + self.current.unknown.len() >= GENERATION;
        if full || now_seconds - *began_at_seconds >= REMEMBER_SECONDS {
            let next = Generation { began_at_seconds: now_seconds, ..Generation::default() };
            self.previous = std::mem::replace(&mut self.current, next);
        }
    }

    fn generations(&self) -> impl Iterator<Item = &Generation> {
        [&self.current, &self.previous].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(visitor_id: u64, previous_visitor_id: Option<u64>) -> Event {
        Event { site_id: 1, visitor_id, previous_visitor_id, name: "pageview".into(), ..Event::default() }
    }

    fn held(nonces: &Arc<Nonces>, event: &Event, now: i64) -> Option<(Hold, bool)> {
        match nonces.claim(&[nonces.fingerprints(event, "a.1")], now) {
            Claim::Held(hold, repeated) => Some((hold, repeated[0])),
            Claim::Wait(_) | Claim::Unknown => None,
        }
    }

    fn store(nonces: &Arc<Nonces>, event: &Event, now: i64) -> bool {
        let (hold, repeated) = held(nonces, event, now).unwrap();
        hold.settle(Fate::Stored);
        !repeated
    }

    #[test]
    fn knows_a_repeat_for_ten_minutes_and_forgets_it_within_twenty() {
        let nonces = Arc::new(Nonces::new());
        assert!(store(&nonces, &event(7, None), 10_000));
        assert!(!store(&nonces, &event(7, None), 10_599));
        assert!(!store(&nonces, &event(7, None), 10_600), "in the generation before");
        assert!(store(&nonces, &event(7, None), 11_201));
    }

    #[test]
    fn site_visitor_name_and_nonce_each_tell_apart() {
        let nonces = Nonces::new();
        let one = event(7, None);
        let others = [
            nonces.fingerprints(&one, "a.2"),
            nonces.fingerprints(&event(8, None), "a.1"),
            nonces.fingerprints(&Event { site_id: 2, ..one.clone() }, "a.1"),
            nonces.fingerprints(&Event { name: "Signup".into(), ..one.clone() }, "a.1"),
            // The same bytes, cut elsewhere.
            nonces.fingerprints(&Event { name: "pageviewa".into(), ..one.clone() }, ".1"),
        ];
        assert!(others.iter().all(|other| *other != nonces.fingerprints(&one, "a.1")));
        assert_ne!(Nonces::new().fingerprints(&one, "a.1").0, nonces.fingerprints(&one, "a.1").0);
    }

    #[test]
    fn a_repeat_after_midnight_is_known_by_yesterdays_pseudonym() {
        let nonces = Arc::new(Nonces::new());
        assert!(store(&nonces, &event(7, None), 0));
        assert!(!store(&nonces, &event(8, Some(7)), 60));
    }

    #[test]
    fn what_was_refused_may_be_sent_again() {
        let nonces = Arc::new(Nonces::new());
        held(&nonces, &event(7, None), 0).unwrap().0.settle(Fate::Refused);
        drop(held(&nonces, &event(7, None), 0).unwrap().0);
        assert!(store(&nonces, &event(7, None), 1));
    }

    #[test]
    fn whoever_repeats_what_nobody_knows_gets_no_answer() {
        let nonces = Arc::new(Nonces::new());
        let (mut hold, _) = held(&nonces, &event(7, None), 0).unwrap();
        hold.storing();
        drop(hold);
        let claim = nonces.claim(&[nonces.fingerprints(&event(7, None), "a.1")], 1);
        assert!(matches!(claim, Claim::Unknown));
    }

    #[tokio::test]
    async fn a_repeat_waits_for_the_first_one() {
        let nonces = Arc::new(Nonces::new());
        let (hold, _) = held(&nonces, &event(7, None), 0).unwrap();
        let claim = nonces.claim(&[nonces.fingerprints(&event(7, None), "a.1")], 0);
        let Claim::Wait(mut ended) = claim else { panic!("it is in flight") };
        hold.settle(Fate::Stored);
        assert!(ended.changed().await.is_err(), "the sender is gone");
        assert!(!store(&nonces, &event(7, None), 0));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let nonces = Arc::new(Nonces::new());
        let event = event(7, None);
        let keep = |from: usize, to: usize| {
            for number in from..to {
                let name = Fingerprint(number as u64);
                match nonces.claim(&[(name, None)], 0) {
                    Claim::Held(hold, _) => hold.settle(Fate::Stored),
                    Claim::Wait(_) | Claim::Unknown => panic!("{number}"),
                }
            }
        };
        keep(0, 2 * GENERATION + 10);
        let known = nonces.known();
        let all: usize = known.generations().map(|generation| generation.stored.len()).sum();
        assert_eq!(all, GENERATION + 10);
        drop(known);
        assert!(store(&nonces, &event, 0));
    }
}
