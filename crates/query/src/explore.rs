//! Reports on what people do in a row: funnels, journeys, typical paths, returning within the day, attribution.
//!
//! All take the site, the range and the filters of a question; the filters choose visits, namely those with an event in
//! the range that passes them, and then all their events in the range count. Each report adds keys of its own. The
//! privacy floor always holds: a step, a page or a source narrows as a filter does. No SQL here.

mod attribution;
mod funnel;
mod journey;
mod paths;
mod returning;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use self::{
    attribution::{Attribution, Touch},
    funnel::{Funnel, Span, Step, StepOrder},
    journey::{Direction, Journey},
    paths::Paths,
    returning::VISITS_MAX,
};
use crate::{
    error::{Error, Result},
    report::{Floor, Report, Site},
    request::Request,
};

/// What is asked of the events beside site, range and filters.
#[derive(Clone, Debug, PartialEq)]
pub enum Exploration {
    /// How many get from step to step.
    Funnel(Funnel),
    /// From which page people go to which.
    Journey(Journey),
    /// Pages in a row that enough people saw.
    Paths(Paths),
    /// How often visitors come on one day.
    Returning,
    /// Where those who met a goal came from.
    Attribution(Attribution),
}

/// The reports of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Exploration::Funnel`].
    Funnel,
    /// See [`Exploration::Journey`].
    Journey,
    /// See [`Exploration::Paths`].
    Paths,
    /// See [`Exploration::Returning`].
    Returning,
    /// See [`Exploration::Attribution`].
    Attribution,
}

/// One kind of report.
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    /// Its route.
    pub(crate) path: &'static str,
    /// What it answers, in one line.
    pub(crate) summary: &'static str,
    /// The keys beside `site_id`, `date_range` and `filters`, each with what it says.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// What the description calls a row of the answer.
    pub(crate) row: &'static str,
    parse: fn(&Keys<'_>, &Site) -> Result<Exploration>,
}

/// Every kind.
pub(crate) static TABLE: &[Facts] = &[
    Facts {
        kind: Kind::Funnel,
        path: "/api/v2/funnel",
        summary: "How many visitors get from step to step",
        keys: funnel::KEYS,
        row: "FunnelStep",
        parse: |keys, site| Funnel::parse(keys, site).map(Exploration::Funnel),
    },
    Facts {
        kind: Kind::Journey,
        path: "/api/v2/journeys",
        summary: "From which page visitors go to which, step by step",
        keys: journey::KEYS,
        row: "Move",
        parse: |keys, _| Journey::parse(keys).map(Exploration::Journey),
    },
    Facts {
        kind: Kind::Paths,
        path: "/api/v2/paths",
        summary: "Pages in a row that enough visitors saw",
        keys: paths::KEYS,
        row: "Path",
        parse: |keys, _| Paths::parse(keys).map(Exploration::Paths),
    },
    Facts {
        kind: Kind::Returning,
        path: "/api/v2/returning",
        summary: "How often visitors come on one day",
        keys: &[],
        row: "Returning",
        parse: |_, _| Ok(Exploration::Returning),
    },
    Facts {
        kind: Kind::Attribution,
        path: "/api/v2/attribution",
        summary: "Where the visitors who met a goal came from",
        keys: attribution::KEYS,
        row: "Origin",
        parse: |keys, site| Attribution::parse(keys, site).map(Exploration::Attribution),
    },
];

/// The keys that all kinds take.
pub(crate) const SHARED_KEYS: &[&str] = &["site_id", "date_range", "filters"];

/// A row as the store answers it.
#[derive(Clone, Debug, PartialEq, clickhouse::Row, Deserialize)]
pub struct ExplorationRow {
    /// What it is about.
    pub groups: Vec<String>,
    /// Its numbers; nothing where they are held back.
    pub numbers: Vec<Option<f64>>,
    /// Whether groups of too few visitors have become this row: 1 or 0.
    pub is_folded: u8,
}

impl passant_store::Remembered for ExplorationRow {
    fn weight_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| group.capacity() + size_of::<String>()).sum();
        size_of::<Self>() + groups + self.numbers.capacity() * size_of::<Option<f64>>()
    }
}

impl Kind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|facts| facts.kind)
    }

    /// Its route.
    pub fn path(self) -> &'static str {
        self.facts().path
    }

    fn facts(self) -> &'static Facts {
        TABLE.iter().find(|facts| facts.kind == self).expect("a test holds the table to a row for every kind")
    }
}

/// The whole question: which events, and what of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Site, range, filters and floor.
    pub report: Report,
    /// What is asked.
    pub exploration: Exploration,
    filters_echo: Value,
}

impl Question {
    /// Reads a body about `site` at `now`. `first_event` is as for [`Report::resolve`].
    ///
    /// # Errors
    /// With the path of the key that is wrong.
    pub fn parse(
        kind: Kind,
        body: &Value,
        site: &Site,
        (now, first_event): (Timestamp, Option<Timestamp>),
    ) -> Result<Self> {
        let request = Self::request(kind, body)?;
        let facts = kind.facts();
        let mut report = Report::resolve(&request, site, now, first_event)?;
        report.floor = Floor::always(site);
        let keys = Keys(body);
        Ok(Self { report, exploration: (facts.parse)(&keys, site)?, filters_echo: request.filters_echo })
    }

    /// The plain question about the same events.
    pub(crate) fn request(kind: Kind, body: &Value) -> Result<Request> {
        let keys = body.as_object().ok_or_else(|| Error::invalid("#", "expected an object"))?;
        let own = kind.facts().keys;
        let known = |key: &&String| {
            SHARED_KEYS.contains(&key.as_str()) || own.iter().any(|(name, _)| name == &key.as_str())
        };
        if let Some(key) = keys.keys().find(|key| !known(key)) {
            let names: Vec<_> =
                SHARED_KEYS.iter().copied().chain(own.iter().map(|(name, _)| *name)).collect();
            let message = format!("unknown key, expected one of {}", names.join(", "));
            return Err(Error::invalid(format!("#/{key}"), message));
        }
        let shared = keys.iter().filter(|(key, _)| SHARED_KEYS.contains(&key.as_str()));
        let mut plain: Map<String, Value> = shared.map(|(key, value)| (key.clone(), value.clone())).collect();
        plain.insert("metrics".to_owned(), json!(["visitors"]));
        Request::parse(&Value::Object(plain))
    }

    /// The body of the answer.
    pub fn json(&self, rows: &[ExplorationRow]) -> Value {
        let floor = self.report.floor;
        let (results, mut meta) = match &self.exploration {
            Exploration::Funnel(funnel) => (funnel.results(rows, floor), Map::new()),
            Exploration::Journey(journey) => (journey.results(rows, floor), Map::new()),
            Exploration::Paths(_) => (paths::results(rows), Map::new()),
            Exploration::Returning => (returning::results(rows, floor), returning::meta()),
            Exploration::Attribution(attribution) => (attribution.results(rows, floor), attribution.meta()),
        };
        if let Some(floor) = floor {
            let folded = rows.iter().any(|row| row.is_folded == 1);
            let floor =
                json!({ "visitors": floor.visitors, "reason": floor.reason.name(), "rows_folded": folded });
            meta.insert("privacy_floor".to_owned(), floor);
        }
        let query = json!({
            "site_id": self.report.site.domain,
            "date_range": self.report.range.echo(),
            "filters": self.filters_echo,
        });
        json!({ "results": results, "meta": meta, "query": query })
    }
}

/// The body, for whoever reads keys of it.
pub(crate) struct Keys<'a>(&'a Value);

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A text that must be there and not blank.
    fn text(&self, key: &str) -> Result<&str> {
        let value = self.get(key).ok_or_else(|| Error::invalid(format!("#/{key}"), "is missing"))?;
        let text = value.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| Error::invalid(format!("#/{key}"), format!("{value} is not a text")))
    }

    /// One of a few words; the first unless told.
    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.get(key) else { return Ok(words[0].1) };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            Error::invalid(
                format!("#/{key}"),
                format!("invalid {value}, expected one of {}", words.join(", ")),
            )
        })
    }

    /// A whole number within bounds.
    fn number(&self, key: &str, (default, min, max): (u64, u64, u64)) -> Result<u64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_u64().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
            let message = format!("{value} is not a whole number from {min} to {max}");
            Error::invalid(format!("#/{key}"), message)
        })
    }
}

/// What a row is called: its group, or that it is folded.
pub(crate) fn name(row: &ExplorationRow, floor: Option<Floor>, index: usize) -> String {
    match floor.filter(|_| row.is_folded == 1) {
        Some(floor) => floor.label(),
        None => row.groups.get(index).cloned().unwrap_or_default(),
    }
}

/// A count of a row; nothing where it is held back.
pub(crate) fn count(row: &ExplorationRow, index: usize) -> Value {
    // Counts stay far below 2^53, so nothing is cut.
    row.numbers.get(index).copied().flatten().map_or(Value::Null, |number| Value::from(number as u64))
}

/// A share in percent, with two decimals, halves to even as everywhere.
fn percent(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { (part / whole * 10_000.0).round_ties_even() / 100.0 }
}

#[cfg(test)]
mod tests;
