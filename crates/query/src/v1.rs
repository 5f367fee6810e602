//! The Stats API v1 as a translation onto v2: a question becomes the body of a v2 question, and its answer takes the
//! older shape.
//!
//! Invariant: nothing is counted here, so that both versions give the same numbers. Values only; the routes are in
//! [`crate::router`].

mod filters;

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::{Error, Result},
    metric::{Empty, Metric},
};

/// The parameters of all three reports; each takes those that it knows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Params {
    pub(crate) site_id: Option<String>,
    period: Option<String>,
    date: Option<String>,
    metrics: Option<String>,
    filters: Option<String>,
    compare: Option<String>,
    property: Option<String>,
    interval: Option<String>,
    limit: Option<u64>,
    page: Option<u64>,
}

/// Which of the reports is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Aggregate,
    Timeseries,
    Breakdown,
}

const PERIOD: &str = "30d";
const LIMIT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;

impl Params {
    /// The body of the same question in v2.
    ///
    /// # Errors
    /// With the path of the parameter that is wrong.
    pub(crate) fn body(&self, kind: Kind) -> Result<Value> {
        let metrics: Vec<_> =
            self.metrics.as_deref().unwrap_or("visitors").split(',').map(str::trim).collect();
        let mut body = json!({
            "site_id": self.site_id,
            "date_range": self.date_range()?,
            "metrics": metrics,
            "filters": filters::translate(self.filters.as_deref().unwrap_or_default())?,
        });
        match kind {
            Kind::Aggregate => match self.compare.as_deref() {
                None => {}
                Some("previous_period") => {
                    body["include"] = json!({ "comparisons": { "mode": "previous_period" } });
                }
                Some(other) => {
                    return Err(Error::invalid("#/compare", format!("{other:?} is not previous_period")));
                }
            },
            Kind::Timeseries => {
                body["dimensions"] = json!([self.interval()?]);
                body["include"] = json!({ "time_labels": true });
            }
            Kind::Breakdown => {
                let property = self.property.as_deref();
                body["dimensions"] =
                    json!([property.ok_or_else(|| Error::invalid("#/property", "is missing"))?]);
                body["pagination"] = self.pagination()?;
            }
        }
        Ok(body)
    }

    /// The answer to the v2 question in the shape of v1.
    pub(crate) fn reshaped(&self, kind: Kind, answer: &Value) -> Value {
        let names: Vec<&str> = strings(&answer["query"]["metrics"]);
        let rows = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        let results = match kind {
            Kind::Aggregate => rows.first().map_or(Value::Null, |row| aggregate(&names, row)),
            Kind::Timeseries => {
                // A bucket without a row may be one that the privacy floor has folded, so it is not empty.
                let folded = answer["meta"]["privacy_floor"]["rows_folded"] == json!(true);
                let gaps = if folded { Gaps::Unknown } else { Gaps::Empty };
                series((&names, gaps), rows, &strings(&answer["meta"]["time_labels"]))
            }
            Kind::Breakdown => {
                let property = self.property.as_deref().unwrap_or_default();
                // `visit:source` is `source`, and `event:props:plan` is `plan`.
                let key = property
                    .strip_prefix("event:props:")
                    .or_else(|| property.split_once(':').map(|(_, key)| key));
                let named =
                    |row: &Value| named(&names, row, (key.unwrap_or(property), &row["dimensions"][0]));
                rows.iter().map(named).collect()
            }
        };
        json!({ "results": results })
    }

    /// Periods end with or before `date`, as they do with today.
    fn date_range(&self) -> Result<Value> {
        let period = self.period.as_deref().unwrap_or(PERIOD);
        let Some(text) = self.date.as_deref() else {
            return if period == "custom" {
                Err(Error::invalid("#/date", "is missing"))
            } else {
                Ok(json!(period))
            };
        };
        if period == "custom" {
            let ends: Vec<_> = text.split(',').map(str::trim).collect();
            return Ok(json!(ends));
        }
        let bad_date =
            || Error::invalid("#/date", format!("invalid date {text:?}, expected one like 2026-01-31"));
        let date: Date = text.parse().map_err(|_| bad_date())?;
        let between = |first: Date, last: Date| json!([first.to_string(), last.to_string()]);
        let bad_period = || Error::invalid("#/period", format!("invalid period {period:?} with a date"));
        let count =
            |unit: &str| period.strip_suffix(unit).and_then(|count| count.parse::<u16>().ok()).map(i64::from);
        let range = match period {
            "day" => Some((date, date)),
            "month" => Some((date.first_of_month(), date.last_of_month())),
            "year" => Some((date.first_of_year(), date.last_of_year())),
            _ => match (count("d"), count("mo")) {
                (Some(days), _) => date.checked_sub(days.days()).ok().zip(date.yesterday().ok()),
                (None, Some(months)) => {
                    let month = date.first_of_month();
                    month.checked_sub(months.months()).ok().zip(month.yesterday().ok())
                }
                (None, None) => None,
            },
        };
        range.map(|(first, last)| between(first, last)).ok_or_else(bad_period)
    }

    fn interval(&self) -> Result<&'static str> {
        let by_period = match self.period.as_deref().unwrap_or(PERIOD) {
            "day" | "24h" => "time:hour",
            "year" => "time:month",
            period if period.ends_with("mo") => "time:month",
            _ => "time:day",
        };
        match self.interval.as_deref() {
            None => Ok(by_period),
            Some("hour") => Ok("time:hour"),
            Some("date" | "day") => Ok("time:day"),
            Some("week") => Ok("time:week"),
            Some("month") => Ok("time:month"),
            Some(other) => {
                Err(Error::invalid("#/interval", format!("{other:?} is none of hour, date, week and month")))
            }
        }
    }

    fn pagination(&self) -> Result<Value> {
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message = format!("{limit} is not a whole number from 1 to {LIMIT_MAX}");
            return Err(Error::invalid("#/limit", message));
        }
        let page = self.page.unwrap_or(1);
        let offset = page.checked_sub(1).and_then(|before| before.checked_mul(limit));
        let offset = offset.ok_or_else(|| Error::invalid("#/page", "pages are counted from 1"))?;
        Ok(json!({ "limit": limit, "offset": offset }))
    }
}

fn aggregate(names: &[&str], row: &Value) -> Value {
    let one = |(index, name): (usize, &&str)| {
        let mut entry = Map::from_iter([("value".to_owned(), row["metrics"][index].clone())]);
        if let Some(change) = row.get("comparison").map(|comparison| comparison["change"][index].clone()) {
            entry.insert("change".to_owned(), change);
        }
        ((*name).to_owned(), Value::Object(entry))
    };
    names.iter().enumerate().map(one).collect()
}

/// What a bucket without a row means.
#[derive(Clone, Copy)]
enum Gaps {
    Empty,
    Unknown,
}

/// One row for each bucket. Both are in order, so that a label which comes twice meets its own row.
fn series((names, gaps): (&[&str], Gaps), rows: &[Value], labels: &[&str]) -> Value {
    let mut rows = rows.iter().peekable();
    let one = |label: &&str| {
        let label = json!(label);
        match rows.next_if(|row| row["dimensions"][0] == label) {
            Some(row) => named(names, row, ("date", &label)),
            None => {
                let empty = |name: &&str| match (gaps, Metric::parse(name).map(|metric| metric.facts().empty))
                {
                    (Gaps::Empty, Some(Empty::Zero)) => json!(0),
                    (Gaps::Empty, Some(Empty::Null) | None) | (Gaps::Unknown, _) => Value::Null,
                };
                let metrics: Vec<_> = names.iter().map(empty).collect();
                named(names, &json!({ "metrics": metrics }), ("date", &label))
            }
        }
    };
    labels.iter().map(one).collect()
}

fn named(names: &[&str], row: &Value, (key, label): (&str, &Value)) -> Value {
    let metrics = names.iter().enumerate();
    let metrics = metrics.map(|(index, name)| ((*name).to_owned(), row["metrics"][index].clone()));
    Value::Object([(key.to_owned(), label.clone())].into_iter().chain(metrics).collect())
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
