//! Attribution: where the visitors who met a goal came from, by the first or the last visit that led to it.
//!
//! A visit has one origin. So within a visit the first and the last touch are the same; within a day the first touch
//! is the origin of the visitor's first visit, the last touch that of the visit in which the goal was met.

use serde_json::{Map, Value, json};

use super::{ExplorationRow, Keys, Span, count, name};
use crate::{
    dimension::Dimension,
    error::{Error, Result},
    goal::Goal,
    report::{Floor, Site},
};

pub(super) const KEYS: &[(&str, &str)] = &[
    ("goal", "the goal that was met"),
    (
        "by",
        "visit:channel, visit:source, visit:referrer, visit:utm_campaign, visit:utm_source or visit:utm_medium",
    ),
    ("touch", "first or last"),
    ("within", "visit, or day: all visits of a visitor on one day of the site's calendar"),
];
const DIMENSIONS: &[(&str, Dimension)] = &[
    ("visit:channel", Dimension::Channel),
    ("visit:source", Dimension::Source),
    ("visit:referrer", Dimension::Referrer),
    ("visit:utm_campaign", Dimension::UtmCampaign),
    ("visit:utm_source", Dimension::UtmSource),
    ("visit:utm_medium", Dimension::UtmMedium),
];

const ONE_ORIGIN: &str = "A visit has one origin, so that its first and its last touch are the same.";

/// What is asked of attribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// What was met.
    pub goal: Goal,
    /// What the origin is told by.
    pub by: Dimension,
    /// Which visit is credited.
    pub touch: Touch,
    /// Among which visits.
    pub within: Span,
}

/// Which visit is credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The first.
    First,
    /// The one in which the goal was met.
    Last,
}

impl Attribution {
    pub(super) fn parse(keys: &Keys<'_>, site: &Site) -> Result<Self> {
        let name = keys.text("goal")?;
        let goal = site.goals.iter().find(|goal| goal.name == name).cloned();
        let goal = goal.ok_or_else(|| Error::invalid("#/goal", format!("the site has no goal {name:?}")))?;
        let numbers: Vec<(&str, usize)> =
            DIMENSIONS.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
        Ok(Self {
            goal,
            by: DIMENSIONS[keys.word("by", &numbers)?].1.clone(),
            touch: keys.word("touch", &[("last", Touch::Last), ("first", Touch::First)])?,
            within: keys.word("within", &[("visit", Span::Visit), ("day", Span::Day)])?,
        })
    }

    pub(super) fn meta(&self) -> Map<String, Value> {
        match self.within {
            Span::Visit => Map::from_iter([("note".to_owned(), json!(ONE_ORIGIN))]),
            Span::Day => Map::new(),
        }
    }

    pub(super) fn results(&self, rows: &[ExplorationRow], floor: Option<Floor>) -> Value {
        let by = self.by.name();
        let result = |row: &ExplorationRow| {
            let origin = match name(row, floor, 0) {
                text if text.is_empty() => self.by.facts().blank.to_owned(),
                text => text,
            };
            json!({ by.as_ref(): origin, "visitors": count(row, 0), "conversions": count(row, 1) })
        };
        rows.iter().map(result).collect()
    }
}
