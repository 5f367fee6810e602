//! The slowest of what was timed: noted by the faults, told by whoever runs them.
//!
//! Invariant: times are kept to be read, and nothing fails by them here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

static SLOWEST: Mutex<BTreeMap<&'static str, Duration>> = Mutex::new(BTreeMap::new());

/// Notes a time under what was timed.
pub fn note(what: &'static str, time: Duration) {
    let mut slowest = SLOWEST.lock().unwrap_or_else(PoisonError::into_inner);
    let longest = slowest.entry(what).or_default();
    *longest = time.max(*longest);
}

/// What was noted since this was last asked, the slowest of each.
pub fn take() -> BTreeMap<&'static str, Duration> {
    std::mem::take(&mut *SLOWEST.lock().unwrap_or_else(PoisonError::into_inner))
}
