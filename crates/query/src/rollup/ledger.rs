//! What is known of the parts of `events`: how many rows of which site-local day each holds, and the sum of their hashes.
//!
//! A row counts for every day from the start of its visit to its own. A part never changes, so it is read once; merged ones
//! are the sum of those that they were merged from. Invariant: the sums are those of exactly the parts of the last list
//! that was settled completely. No I/O may go in.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use passant_store::{Part, PartSlot, SLOT_SECONDS};

use crate::period::Day;

/// Rows that something was or would be added up from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) rows: u64,
    pub(super) hash: u64,
}

/// A site and the first second of one of its days.
pub(super) type SiteDay = (u32, u32);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    zones: HashMap<u32, TimeZone>,
    parts: HashMap<String, Known>,
    sums: HashMap<SiteDay, Source>,
    /// Raised whenever rows may have gone, or become others.
    losses: u64,
}

/// A part that was read.
#[derive(Clone, Debug)]
struct Known {
    part: Part,
    sites: HashSet<u32>,
    days: HashMap<SiteDay, Source>,
}

impl Source {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { rows: self.rows.wrapping_add(other.rows), hash: self.hash.wrapping_add(other.hash) }
    }

    fn minus(self, other: Self) -> Self {
        Self { rows: self.rows.wrapping_sub(other.rows), hash: self.hash.wrapping_sub(other.hash) }
    }
}

impl Ledger {
    /// Takes the sites as they are now, and answers which of those known before have another time zone. Parts with rows of
    /// a site that is new or moved have to be read again.
    pub(super) fn set_zones(&mut self, zones: HashMap<u32, TimeZone>) -> Vec<u32> {
        let moved = |id: &u32, zone: &TimeZone| self.zones.get(id).is_some_and(|before| before != zone);
        let moved: Vec<u32> = zones.iter().filter(|(id, zone)| moved(id, zone)).map(|(id, _)| *id).collect();
        let new = zones.keys().filter(|id| !self.zones.contains_key(id));
        let changed: HashSet<u32> = moved.iter().chain(new).copied().collect();
        self.zones = zones;
        let outdated = self.parts.values().filter(|known| !known.sites.is_disjoint(&changed));
        let outdated: Vec<String> = outdated.map(|known| known.part.name.clone()).collect();
        outdated.iter().for_each(|name| drop(self.forget(name)));
        moved
    }

    pub(super) fn zone(&self, site_id: u32) -> Option<&TimeZone> {
        self.zones.get(&site_id)
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses
    }

    /// Takes a list of the active parts, and answers those that have to be read before the sums are those of the list.
    pub(super) fn settle<'p>(&mut self, active: &[&'p Part]) -> Vec<&'p Part> {
        let mut unread = Vec::new();
        let mut merged = HashSet::new();
        for part in active {
            if self.parts.contains_key(&part.name) {
                continue;
            }
            let pieces = self.pieces(part);
            if let Some(whole) = sum_of(part, &pieces) {
                merged.extend(pieces.iter().map(|piece| piece.part.name.clone()));
                self.enter(whole);
            } else {
                unread.push(*part);
            }
        }
        let names: HashSet<&str> = active.iter().map(|part| part.name.as_str()).collect();
        let gone: Vec<_> = self.parts.keys().filter(|name| !names.contains(name.as_str())).cloned().collect();
        for name in gone {
            let piece = self.forget(&name);
            // A part that some others went into while nobody looked still has their rows, unless it has fewer.
            let goes_on = |piece: Known| {
                active.iter().any(|part| {
                    holds(part, &piece.part)
                        && part.rows >= piece.part.rows
                        && part.mutation() == piece.part.mutation()
                })
            };
            if !merged.contains(&name) && !piece.is_some_and(goes_on) {
                self.losses += 1;
            }
        }
        unread
    }

    /// Enters a part of which all rows were read.
    pub(super) fn read(&mut self, part: &Part, slots: &[PartSlot]) {
        let mut starts: HashMap<(u32, u32), Option<Day>> = HashMap::new();
        let mut days: HashMap<SiteDay, Source> = HashMap::new();
        for slot in slots {
            let Some(zone) = self.zones.get(&slot.site_id) else { continue };
            let mut day_of = |number: u32| {
                *starts.entry((slot.site_id, number)).or_insert_with(|| {
                    let seconds = number.saturating_mul(SLOT_SECONDS);
                    Day::of(Day::date_at(seconds, zone), zone)
                })
            };
            let first = slot.slot.min(slot.start_slot);
            let last = slot.slot.max(slot.start_slot);
            let (Some(mut day), Some(last)) = (day_of(first), day_of(last)) else { continue };
            let source = Source { rows: slot.rows, hash: slot.hash };
            loop {
                let sum = days.entry((slot.site_id, day.starts)).or_default();
                *sum = sum.plus(source);
                if day.starts >= last.starts {
                    break;
                }
                match Day::of(Day::date_at(day.ends, zone), zone) {
                    Some(next) => day = next,
                    None => break,
                }
            }
        }
        let sites = slots.iter().map(|slot| slot.site_id).collect();
        self.forget(&part.name);
        self.enter(Known { part: part.clone(), sites, days });
    }

    /// The rows that count for a day.
    pub(super) fn own(&self, site_id: u32, day: &Day) -> Source {
        self.sums.get(&(site_id, day.starts)).copied().unwrap_or_default()
    }

    /// The rows that a day is built from. What entered before its midnight is told by the day before.
    pub(super) fn source(&self, site_id: u32, day: &Day) -> Source {
        let before = self.zones.get(&site_id).and_then(|zone| day.previous(zone));
        let before = before.map(|before| self.own(site_id, &before)).unwrap_or_default();
        self.own(site_id, day).plus(before)
    }

    /// All days that have rows, by site and in order.
    pub(super) fn days(&self) -> Vec<(u32, Day)> {
        let mut days: Vec<_> = self
            .sums
            .iter()
            .filter(|(_, source)| source.rows > 0)
            .filter_map(|((site, starts), _)| {
                let zone = self.zones.get(site)?;
                Some((*site, Day::of(Day::date_at(*starts, zone), zone)?))
            })
            .collect();
        days.sort_unstable_by_key(|(site, day)| (*site, day.starts));
        days
    }

    fn pieces(&self, whole: &Part) -> Vec<Known> {
        self.parts.values().filter(|known| holds(whole, &known.part)).cloned().collect()
    }

    fn enter(&mut self, known: Known) {
        for (day, source) in &known.days {
            let sum = self.sums.entry(*day).or_default();
            *sum = sum.plus(*source);
        }
        self.parts.insert(known.part.name.clone(), known);
    }

    fn forget(&mut self, name: &str) -> Option<Known> {
        let known = self.parts.remove(name)?;
        for (day, source) in &known.days {
            let left = self.own_of(*day).minus(*source);
            if left == Source::default() {
                self.sums.remove(day);
            } else {
                self.sums.insert(*day, left);
            }
        }
        Some(known)
    }

    fn own_of(&self, day: SiteDay) -> Source {
        self.sums.get(&day).copied().unwrap_or_default()
    }
}

/// Whether all inserts of `piece` went into `whole`.
fn holds(whole: &Part, piece: &Part) -> bool {
    whole.partition_id == piece.partition_id
        && whole.first_block <= piece.first_block
        && piece.last_block <= whole.last_block
}

/// A part that is its pieces and nothing else.
fn sum_of(whole: &Part, pieces: &[Known]) -> Option<Known> {
    let rows: u64 = pieces.iter().map(|piece| piece.part.rows).sum();
    let mutation = pieces.iter().map(|piece| piece.part.mutation()).max()?;
    if rows != whole.rows || mutation != whole.mutation() {
        return None;
    }
    let mut days: HashMap<SiteDay, Source> = HashMap::new();
    for (day, source) in pieces.iter().flat_map(|piece| &piece.days) {
        let sum = days.entry(*day).or_default();
        *sum = sum.plus(*source);
    }
    let sites = pieces.iter().flat_map(|piece| piece.sites.iter().copied()).collect();
    Some(Known { part: whole.clone(), sites, days })
}

#[cfg(test)]
mod tests;
