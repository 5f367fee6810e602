//! Typical paths: so many pages in a row, where enough visitors saw them so. They overlap and have no total, so those
//! of too few are left out without a row.

use serde_json::{Value, json};

use super::{ExplorationRow, Keys, count};
use crate::error::Result;

pub(super) const KEYS: &[(&str, &str)] = &[
    ("pages", "pages in a row, 2 to 8; 3 unless told"),
    ("limit", "most rows, 100 unless told, 1000 at most"),
];

/// What is asked of typical paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Pages in a row; one that is loaded again counts once.
    pub pages: u64,
    /// Most rows.
    pub limit: u64,
}

impl Paths {
    pub(super) fn parse(keys: &Keys<'_>) -> Result<Self> {
        Ok(Self { pages: keys.number("pages", (3, 2, 8))?, limit: keys.number("limit", (100, 1, 1_000))? })
    }
}

pub(super) fn results(rows: &[ExplorationRow]) -> Value {
    let result = |row: &ExplorationRow| json!({ "pages": row.groups, "visitors": count(row, 0), "visits": count(row, 1) });
    rows.iter().map(result).collect()
}
