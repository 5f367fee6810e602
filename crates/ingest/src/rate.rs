//! How much one address prefix and one site may send: token buckets, bounded in number.
//!
//! A bucket that is forgotten to make room is a full one, so that memory never grows and an attack with many
//! addresses costs others nothing. Time is an argument and may jump either way.

use std::hash::Hash;
use std::time::Duration;

use jiff::Timestamp;
use quick_cache::sync::Cache;

/// Buckets that are remembered for each kind of key.
const BUCKETS: usize = 65_536;
/// A bucket holds what this many seconds bring, so that a page that loads with a handful of events passes.
const BURST_SECONDS: i64 = 2;
/// Tokens are counted in thousandths, which is what a millisecond brings at one a second.
const TOKEN: i64 = 1000;

/// Token buckets by key.
pub(crate) struct Rates<K> {
    per_second: i64,
    buckets: Cache<K, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    thousandths: i64,
    filled_at_milliseconds: i64,
}

impl<K: Copy + Eq + Hash> Rates<K> {
    /// Buckets that fill with `per_second` tokens a second; 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let buckets = if per_second == 0 { 1 } else { BUCKETS };
        Self { per_second: i64::from(per_second), buckets: Cache::new(buckets) }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The time until there is one again.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        if self.per_second == 0 {
            return Ok(());
        }
        let now = now.as_millisecond();
        let full = self.per_second * BURST_SECONDS * TOKEN;
        // Two takers of one bucket at one moment may both take its last token: a limit of this kind bears that, and
        // it spares a lock.
        let mut bucket =
            self.buckets.get(&key).unwrap_or(Bucket { thousandths: full, filled_at_milliseconds: now });
        // A clock that was set back fills nothing, and from then on counts anew.
        let passed = (now - bucket.filled_at_milliseconds).clamp(0, BURST_SECONDS * 1000);
        bucket.thousandths = (bucket.thousandths + passed * self.per_second).min(full);
        bucket.filled_at_milliseconds = now;
        let answer = if bucket.thousandths >= TOKEN {
            bucket.thousandths -= TOKEN;
            Ok(())
        } else {
            let missing = TOKEN - bucket.thousandths;
            Err(Duration::from_millis(missing.unsigned_abs().div_ceil(self.per_second.unsigned_abs())))
        };
        self.buckets.insert(key, bucket);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rates = Rates::new(10);
        let burst = (0..100).filter(|_| rates.take(1, at(0)).is_ok()).count();
        assert_eq!(burst, 20);
        assert_eq!(rates.take(1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(rates.take(2, at(0)), Ok(()), "another key has its own bucket");
        let later = (0..100).filter(|_| rates.take(1, at(1000)).is_ok()).count();
        assert_eq!(later, 10);
    }

    #[test]
    fn a_clock_that_jumps_neither_blocks_for_ever_nor_opens_the_gate() {
        let rates = Rates::new(1);
        let day = 86_400_000;
        assert!(rates.take(1, at(10 * day)).is_ok() && rates.take(1, at(10 * day)).is_ok());
        assert!(rates.take(1, at(9 * day)).is_err());
        assert!(rates.take(1, at(9 * day + 1000)).is_ok());
        assert_eq!((0..100).filter(|_| rates.take(1, at(20 * day)).is_ok()).count(), 2);
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = Rates::new(0);
        assert!((0..10_000).all(|_| rates.take(1, at(0)).is_ok()));
    }
}
