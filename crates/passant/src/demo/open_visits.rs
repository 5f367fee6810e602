//! The visits under way, by when something happens in them next.
//!
//! Equal times are told apart by where the visit is kept, so that the order is the same each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::random::Random;
use super::site::Pages;
use super::visit::{Person, Step, Visit};

/// Visits under way.
#[derive(Default)]
pub(super) struct OpenVisits {
    due: BinaryHeap<Reverse<(u32, u32)>>,
    visits: Vec<Visit>,
    free: Vec<u32>,
}

/// One event of one of the visits.
pub(super) struct Event {
    pub(super) at_seconds: u32,
    pub(super) person: Person,
    /// Row of the sources.
    pub(super) source: u8,
    pub(super) step: Step,
}

impl OpenVisits {
    pub(super) fn begin(&mut self, at_seconds: u32, visit: Visit) {
        let place = match self.free.pop() {
            Some(place) => {
                self.visits[place as usize] = visit;
                place
            }
            None => {
                self.visits.push(visit);
                self.visits.len() as u32 - 1
            }
        };
        self.due.push(Reverse((at_seconds, place)));
    }

    /// When something happens next.
    pub(super) fn due_seconds(&self) -> Option<u32> {
        self.due.peek().map(|Reverse((at_seconds, _))| *at_seconds)
    }

    /// What happens next.
    pub(super) fn next(&mut self, pages: &Pages, random: &mut Random) -> Option<Event> {
        let mut first = self.due.peek_mut()?;
        let Reverse((at_seconds, place)) = *first;
        let visit = &mut self.visits[place as usize];
        let step = visit.step(pages, random);
        let (person, source) = (visit.person, visit.source);
        match step.wait_seconds {
            Some(wait_seconds) => first.0.0 = at_seconds + wait_seconds,
            None => {
                std::collections::binary_heap::PeekMut::pop(first);
                self.free.push(place);
            }
        }
        Some(Event { at_seconds, person, source, step })
    }
}
