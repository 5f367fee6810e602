//! What a fault is, and what is asked of it.

use anyhow::Result;
use futures_util::future::BoxFuture;

use crate::FAULTS;

/// One thing that goes wrong.
pub struct Fault {
    /// `F1` and so on.
    pub id: &'static str,
    /// What goes wrong, in words for an operator.
    pub title: &'static str,
    /// What must hold besides that nothing is lost or doubled.
    pub holds: &'static str,
    /// How often the tests do it.
    pub test_rounds: u32,
    /// How often the soak does it.
    pub soak_rounds: u32,
    /// How many rounds the soak asks for at once: what one server can go through, seconds and not minutes.
    pub batch_rounds: u32,
    /// Does it `rounds.count` times; the first failure ends it.
    pub run: fn(Rounds) -> BoxFuture<'static, Result<Tally>>,
}

/// Which rounds are to be run.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Number of the first one: rounds of the same number do the same.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Rounds that were run.
    pub rounds: u32,
    /// Events that were acknowledged meanwhile, and all found again.
    pub acknowledged: u64,
}

impl Rounds {
    /// A number that differs from round to round and is the same each time: below `below`.
    pub fn scattered(round: u32, below: u64) -> u64 {
        (u64::from(round) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % below.max(1)
    }

    /// The rounds' numbers.
    pub fn numbers(self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }
}

/// The fault of that number.
pub fn find(id: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.id == id)
}
