//! Returning: how many visits a visitor makes on one day. It is the only form of retention that there can be here,
//! because nobody is known from one day to the next; the answer says so.

use serde_json::{Map, Value, json};

use super::{ExplorationRow, count, name};
use crate::report::Floor;

/// Visits of one visitor on one day that are counted apart; more are in the row of this many.
pub const VISITS_MAX: u64 = 5;

const UNKNOWABLE: &str = "A visitor is known for one day of the site's calendar, because the key that makes the \
    pseudonym is destroyed when the day has ended. So this counts returning within the day; whether anybody came back \
    on another day is not stored and cannot be known.";

pub(super) fn meta() -> Map<String, Value> {
    Map::from_iter([("cannot_be_known".to_owned(), json!(UNKNOWABLE))])
}

pub(super) fn results(rows: &[ExplorationRow], floor: Option<Floor>) -> Value {
    let result = |row: &ExplorationRow| {
        let visits_per_day = match name(row, floor, 0) {
            text if text == VISITS_MAX.to_string() => format!("{text} or more"),
            text => text,
        };
        json!({ "visits_per_day": visits_per_day, "visitors": count(row, 0), "visits": count(row, 1) })
    };
    rows.iter().map(result).collect()
}
