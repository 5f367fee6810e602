//! Every fault that Passant must survive, in one table: the tests run each a few times, the soak a great many.
//!
//! Invariant: a fault is one row of [`FAULTS`] and one module; who runs it, how often, and how its count is reported
//! stands elsewhere. After each round 0 acknowledged events are lost, 0 doubled, 0 refused ones stored.

mod fault;

pub use fault::{Fault, Rounds, Tally, find};

/// All faults, in the order of their numbers.
pub const FAULTS: &[Fault] = &[];
