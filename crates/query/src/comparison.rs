//! The period that a report is compared with, and how two numbers are compared.
//!
//! Invariant: calendar questions are asked of [`Range`]; here only whole days and years are counted. No SQL.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    metric::{Change, Metric},
    period::Range,
};

/// With what a report is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// With which period.
    pub mode: ComparisonMode,
    /// Whether its days are shifted to the same days of the week.
    pub weekdays: Weekdays,
}

/// Which period a report is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonMode {
    /// As many days (or seconds) right before.
    PreviousPeriod,
    /// The same dates a year earlier.
    YearOverYear,
    /// From one date to another, both included.
    Custom(Date, Date),
}

/// Whether the days of a comparison are shifted to the same days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weekdays {
    /// They begin on the same day of the week.
    Match,
    /// They begin where they fall.
    Ignore,
}

const KEYS: &[&str] = &["mode", "date_range", "match_day_of_week"];
const DAYS_A_WEEK: i64 = 7;

impl Comparison {
    /// Reads the `include.comparisons` key.
    ///
    /// # Errors
    /// With the path of what is wrong.
    pub(crate) fn parse(value: &Value) -> Result<Self> {
        let path = "#/include/comparisons";
        let keys = value.as_object().ok_or_else(|| Error::invalid(path, "expected an object"))?;
        if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let message = format!("unknown key, expected one of {}", KEYS.join(", "));
            return Err(Error::invalid(format!("{path}/{key}"), message));
        }
        let dates = keys.get("date_range");
        let mode = match (keys.get("mode").and_then(Value::as_str), dates) {
            (Some("previous_period"), None) => ComparisonMode::PreviousPeriod,
            (Some("year_over_year"), None) => ComparisonMode::YearOverYear,
            (Some("custom"), Some(dates)) => {
                let (first, last) = parse_dates(dates).ok_or_else(|| {
                    Error::invalid(
                        format!("{path}/date_range"),
                        format!("invalid range {dates}, expected two dates"),
                    )
                })?;
                ComparisonMode::Custom(first, last)
            }
            (Some("custom"), None) => {
                return Err(Error::invalid(format!("{path}/date_range"), "is missing"));
            }
            (Some("previous_period" | "year_over_year"), Some(_)) => {
                return Err(Error::invalid(format!("{path}/date_range"), "only the mode custom takes one"));
            }
            _ => {
                let message = "expected previous_period, year_over_year or custom";
                return Err(Error::invalid(format!("{path}/mode"), message));
            }
        };
        let weekdays = match keys.get("match_day_of_week") {
            None | Some(Value::Bool(false)) => Weekdays::Ignore,
            Some(Value::Bool(true)) => Weekdays::Match,
            Some(other) => {
                let message = format!("{other} is not true or false");
                return Err(Error::invalid(format!("{path}/match_day_of_week"), message));
            }
        };
        Ok(Self { mode, weekdays })
    }

    /// The period to compare `range` with. Days that have not begun at `now` are compared with nothing.
    pub(crate) fn range(&self, range: &Range, now: Timestamp) -> Option<Range> {
        if let ComparisonMode::Custom(first, last) = self.mode {
            return Range::of_dates(first, last, &range.time_zone);
        }
        let Some((first, last)) = range.dates() else { return self.instants(range) };
        let last = last.min(range.time_zone.to_datetime(now).date()).max(first);
        let days = i64::from(last.since(first).ok()?.get_days()) + 1;
        let earlier = match self.mode {
            ComparisonMode::PreviousPeriod => first.checked_sub(days.days()).ok()?,
            ComparisonMode::YearOverYear | ComparisonMode::Custom(..) => first.checked_sub(1.year()).ok()?,
        };
        let begin = match self.weekdays {
            Weekdays::Ignore => earlier,
            Weekdays::Match => same_weekday(earlier, first, days)?,
        };
        Range::of_dates(begin, begin.checked_add((days - 1).days()).ok()?, &range.time_zone)
    }

    /// Instants are shifted by their own length, or by a year of the site's calendar.
    fn instants(&self, range: &Range) -> Option<Range> {
        let length = range.to.duration_since(range.from);
        let from = match self.mode {
            ComparisonMode::PreviousPeriod => range.from.checked_sub(length).ok()?,
            ComparisonMode::YearOverYear | ComparisonMode::Custom(..) => {
                let local: DateTime = range.time_zone.to_datetime(range.from);
                range.time_zone.to_timestamp(local.checked_sub(1.year()).ok()?).ok()?
            }
        };
        Range::of_instants(from, from.checked_add(length).ok()?, &range.time_zone)
    }
}

/// The date next to `earlier` that is on the day of the week of `first`, so that `days` from it end before `first`.
fn same_weekday(earlier: Date, first: Date, days: i64) -> Option<Date> {
    let ahead = i64::from(earlier.weekday().until(first.weekday()));
    let nearest = if ahead > DAYS_A_WEEK / 2 { ahead - DAYS_A_WEEK } else { ahead };
    let begin = earlier.checked_add(nearest.days()).ok()?;
    let end = begin.checked_add((days - 1).days()).ok()?;
    if end < first { Some(begin) } else { begin.checked_sub(DAYS_A_WEEK.days()).ok() }
}

fn parse_dates(value: &Value) -> Option<(Date, Date)> {
    let [first, last] = value.as_array()?.as_slice() else { return None };
    let (first, last): (Date, Date) = (first.as_str()?.parse().ok()?, last.as_str()?.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// How much a value has changed; nothing where one of the two is missing. From nothing to something is 100 percent.
pub(crate) fn change(metric: Metric, now: Option<f64>, before: Option<f64>) -> Option<Value> {
    let (now, before) = (now?, before?);
    Some(match metric.facts().change {
        // One decimal at most, as the metrics have; the difference of two floats has more.
        Change::Points => {
            let points = ((now - before) * 10.0).round() / 10.0;
            if points.fract() == 0.0 { Value::from(points as i64) } else { Value::from(points) }
        }
        Change::Percent if before == 0.0 => Value::from(if now == 0.0 { 0 } else { 100 }),
        Change::Percent => Value::from(((now - before) / before * 100.0).round() as i64),
    })
}

#[cfg(test)]
mod tests;
