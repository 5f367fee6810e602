//! Journeys: from which page visitors go to which, step by step, after a page, before a page, or from where they enter.
//!
//! A page that is loaded again counts once. Invariant: within one step, moves of too few visitors are folded as rows of
//! any report are.

use serde_json::{Value, json};

use super::{ExplorationRow, Keys, count, name};
use crate::{
    error::{Error, Result},
    goal::PagePattern,
    report::Floor,
};

pub(super) const KEYS: &[(&str, &str)] = &[
    (
        "from",
        "the page that journeys start at (* and ** allowed); where visits enter, without it and without to",
    ),
    ("to", "the page that journeys end at; not together with from"),
    ("steps", "pages in a journey, 2 to 8; 4 unless told"),
];
/// What stands beyond the ends of a visit.
const ENTRY: &str = "(entry)";
const EXIT: &str = "(exit)";

/// What is asked of journeys.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Which way they are followed.
    pub direction: Direction,
    /// Pages of a journey.
    pub steps: u64,
}

/// Which way journeys are followed.
#[derive(Clone, Debug, PartialEq)]
pub enum Direction {
    /// From where the visit enters.
    FromEntry,
    /// From the first time that such a page is seen.
    From(PagePattern),
    /// Back from the last time that such a page is seen.
    To(PagePattern),
}

impl Journey {
    pub(super) fn parse(keys: &Keys<'_>) -> Result<Self> {
        let page = |key: &str| keys.text(key).map(|text| PagePattern(text.to_owned()));
        let direction = match (keys.get("from"), keys.get("to")) {
            (None, None) => Direction::FromEntry,
            (Some(_), None) => Direction::From(page("from")?),
            (None, Some(_)) => Direction::To(page("to")?),
            (Some(_), Some(_)) => return Err(Error::invalid("#/to", "expected either from or to")),
        };
        Ok(Self { direction, steps: keys.number("steps", (4, 2, 8))? })
    }

    pub(super) fn results(&self, rows: &[ExplorationRow], floor: Option<Floor>) -> Value {
        let end = match self.direction {
            Direction::FromEntry | Direction::From(_) => EXIT,
            Direction::To(_) => ENTRY,
        };
        let page = |row: &ExplorationRow, index: usize| match name(row, floor, index) {
            text if text.is_empty() => end.to_owned(),
            text => text,
        };
        let result = |row: &ExplorationRow| {
            let step: u64 = row.groups.first().and_then(|step| step.parse().ok()).unwrap_or_default();
            let (near, far) = (page(row, 1), page(row, 2));
            let (from, to) = match self.direction {
                Direction::FromEntry | Direction::From(_) => (near, far),
                Direction::To(_) => (far, near),
            };
            json!({ "step": step, "from": from, "to": to, "visitors": count(row, 0), "visits": count(row, 1) })
        };
        rows.iter().map(result).collect()
    }
}
