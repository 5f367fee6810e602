//! How often somebody may try a password or a code: for each account, and for each address prefix.
//!
//! Invariant: an address is not kept, its prefix in memory only. What is forgotten to make room counts as rested, so
//! that memory is bounded. Time is an argument and may jump either way.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use passant_ingest::AddressPrefix;
use quick_cache::unsync::Cache;

/// What is remembered of each kind.
const REMEMBERED: usize = 16_384;
/// A person mistypes a few times; a guesser gets 2,880 guesses a day, which no password of ten characters fears.
const ACCOUNT: Pace = Pace { burst: 10, every_milliseconds: 30_000 };
/// An office stands behind one prefix.
const PREFIX: Pace = Pace { burst: 30, every_milliseconds: 10_000 };

/// Attempts that may be made at once, and how soon there is one more.
#[derive(Clone, Copy)]
struct Pace {
    burst: i64,
    every_milliseconds: i64,
}

/// Attempts to sign in.
pub(crate) struct Throttle {
    accounts: Attempts<[u8; 32]>,
    prefixes: Attempts<AddressPrefix>,
}

/// When each key would be rested (the generic cell rate algorithm: one number a key).
struct Attempts<K> {
    pace: Pace,
    rested_at_milliseconds: Mutex<Cache<K, i64>>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { accounts: Attempts::new(ACCOUNT), prefixes: Attempts::new(PREFIX) }
    }

    /// Takes one attempt on the account of this address by this prefix.
    ///
    /// # Errors
    /// The time until there is one again.
    pub(crate) fn attempt(
        &self,
        email: &str,
        prefix: Option<AddressPrefix>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        self.attempt_by(prefix, now)?;
        self.accounts.take(key(email), now)
    }

    /// Takes one attempt by this prefix, on an account that is not known yet.
    ///
    /// # Errors
    /// The time until there is one again.
    pub(crate) fn attempt_by(&self, prefix: Option<AddressPrefix>, now: Timestamp) -> Result<(), Duration> {
        prefix.map_or(Ok(()), |prefix| self.prefixes.take(prefix, now))
    }

    /// Gives an attempt back that was right.
    pub(crate) fn succeeded(&self, email: &str, prefix: Option<AddressPrefix>) {
        self.succeeded_by(prefix);
        self.accounts.give_back(key(email));
    }

    /// Gives an attempt by this prefix back that was right.
    pub(crate) fn succeeded_by(&self, prefix: Option<AddressPrefix>) {
        if let Some(prefix) = prefix {
            self.prefixes.give_back(prefix);
        }
    }
}

/// An account by what is typed for it.
fn key(email: &str) -> [u8; 32] {
    *blake3::hash(email.trim().to_lowercase().as_bytes()).as_bytes()
}

impl<K: Eq + Hash> Attempts<K> {
    fn new(pace: Pace) -> Self {
        Self { pace, rested_at_milliseconds: Mutex::new(Cache::new(REMEMBERED)) }
    }

    fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let now = now.as_millisecond();
        let Pace { burst, every_milliseconds } = self.pace;
        let mut rested_at = self.rested_at_milliseconds.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes nobody wait longer than the burst takes.
        let before = rested_at.get(&key).copied().unwrap_or(now).clamp(now, now + burst * every_milliseconds);
        let after = before + every_milliseconds;
        let wait = after - (now + burst * every_milliseconds);
        if wait > 0 {
            rested_at.insert(key, before);
            return Err(Duration::from_millis(wait.unsigned_abs()));
        }
        rested_at.insert(key, after);
        Ok(())
    }

    fn give_back(&self, key: K) {
        let mut rested_at = self.rested_at_milliseconds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = rested_at.get(&key).copied() {
            rested_at.insert(key, at - self.pace.every_milliseconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("an instant")
    }

    #[test]
    fn a_guesser_waits_and_others_do_not() {
        let throttle = Throttle::new();
        let tries =
            |email: &str, now| (0..100).filter(|_| throttle.attempt(email, None, now).is_ok()).count();
        assert_eq!(tries("ada@example.com", at(0)), 10);
        assert_eq!(throttle.attempt(" ADA@example.com", None, at(0)), Err(Duration::from_secs(30)));
        assert_eq!(tries("bob@example.com", at(0)), 10, "another account");
        assert_eq!(tries("ada@example.com", at(60)), 2);
        assert_eq!(tries("ada@example.com", at(86_400)), 10);
    }

    #[test]
    fn who_is_right_never_waits() {
        let throttle = Throttle::new();
        for _ in 0..1_000 {
            throttle.attempt("ada@example.com", None, at(0)).expect("let in");
            throttle.succeeded("ada@example.com", None);
        }
    }

    #[test]
    fn one_prefix_does_not_try_every_account() {
        let attempts = Attempts::new(PREFIX);
        let tried = |now| (0..100).filter(|_| attempts.take(7, now).is_ok()).count();
        assert_eq!((tried(at(0)), tried(at(10))), (30, 1));
        assert!(attempts.take(8, at(10)).is_ok());
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out_for_long() {
        let attempts = Attempts::new(ACCOUNT);
        assert_eq!((0..10).filter(|_| attempts.take(1, at(1_000_000)).is_ok()).count(), 10);
        assert_eq!(attempts.take(1, at(0)), Err(Duration::from_secs(30)));
        assert!(attempts.take(1, at(30)).is_ok());
    }
}
