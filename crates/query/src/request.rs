//! The body of `POST /api/v2/query`, parsed once into a type that cannot be wrong in itself.
//!
//! Read by hand, so that every error names the path of the offending key. What needs the site or the clock to be
//! judged belongs to the report.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    comparison::Comparison,
    dimension::Dimension,
    error::{Error, Result},
    filter::Filter,
    metric::Metric,
    period::DateRange,
};

/// A question, as it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Domain of the site.
    pub site_id: String,
    /// The range of time.
    pub date_range: DateRange,
    /// What is measured, without repeats; at least one.
    pub metrics: Vec<Metric>,
    /// What it is grouped by, without repeats; at most one of them is time.
    pub dimensions: Vec<Dimension>,
    /// What it is restricted to; all of them hold.
    pub filters: Vec<Filter>,
    /// The filters in the asker's words, for the echo.
    pub filters_echo: Value,
    /// The order of rows, if the asker wants another than the default.
    pub order_by: Option<Vec<Order>>,
    /// What the answer holds beside the rows.
    pub include: Include,
    /// Most rows of the answer.
    pub limit: u64,
    /// Rows to skip.
    pub offset: u64,
}

/// One key of the order of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Which way.
    pub direction: Direction,
}

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// One of the asked metrics.
    Metric(Metric),
    /// One of the asked dimensions.
    Dimension(Dimension),
}

/// Which way rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// What an answer holds beside its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Include {
    /// Labels of all time buckets, empty ones too.
    pub time_labels: bool,
    /// How many rows there are without the limit.
    pub total_rows: bool,
    /// Imported data. None exists, and the answer says so.
    pub imports: bool,
    /// The period that every row is compared with.
    pub comparisons: Option<Comparison>,
}

/// Most rows of one answer, and as many as it has unless told.
pub const LIMIT_MAX: u64 = 10_000;

/// Dimensions of one question; a row of more is read by nobody.
const DIMENSIONS_MAX: usize = 10;

const KEYS: &[&str] =
    &["site_id", "date_range", "metrics", "dimensions", "filters", "order_by", "include", "pagination"];

impl Request {
    /// The site that a body asks for, before anything else is looked at: who may read it comes first.
    ///
    /// # Errors
    /// When the body is no JSON object, or names no site.
    pub fn parse_site_id(body: &Value) -> Result<&str> {
        let body = object(body, "#")?;
        let site_id = body.get("site_id").ok_or_else(|| missing("site_id"))?;
        let site_id = site_id.as_str().filter(|site_id| !site_id.is_empty());
        site_id.ok_or_else(|| Error::invalid("#/site_id", "expected the domain of a site"))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the path of the first key that is wrong.
    pub fn parse(body: &Value) -> Result<Self> {
        let site_id = Self::parse_site_id(body)?.to_owned();
        let body = object(body, "#")?;
        known_keys(body, "#/", KEYS)?;
        let date_range = parse_date_range(body.get("date_range").ok_or_else(|| missing("date_range"))?)?;
        let metrics = parse_metrics(body.get("metrics").ok_or_else(|| missing("metrics"))?)?;
        let dimensions = body.get("dimensions").map(parse_dimensions).transpose()?.unwrap_or_default();
        let filters_echo = body.get("filters").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        let filters = Filter::parse_all(&filters_echo)?;
        let order_by =
            body.get("order_by").map(|value| parse_order(value, &metrics, &dimensions)).transpose()?;
        let include = body.get("include").map(parse_include).transpose()?.unwrap_or_default();
        if include.time_labels && !dimensions.iter().any(Dimension::is_time) {
            return Err(Error::invalid(
                "#/include/time_labels",
                "needs a time dimension among the dimensions",
            ));
        }
        let (limit, offset) =
            body.get("pagination").map(parse_pagination).transpose()?.unwrap_or((LIMIT_MAX, 0));
        Ok(Self {
            site_id,
            date_range,
            metrics,
            dimensions,
            filters,
            filters_echo,
            order_by: order_by.filter(|order_by| !order_by.is_empty()),
            include,
            limit,
            offset,
        })
    }
}

fn parse_date_range(value: &Value) -> Result<DateRange> {
    let range = match value {
        Value::String(word) => DateRange::parse(word),
        Value::Array(ends) => match ends.as_slice() {
            [Value::String(first), Value::String(last)] => DateRange::between(first, last),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    range.ok_or_else(|| {
        let expected =
            "expected day, 24h, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, all, or two dates or two instants";
        Error::invalid("#/date_range", format!("invalid range {value}, {expected}"))
    })
}

fn parse_metrics(value: &Value) -> Result<Vec<Metric>> {
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| Error::invalid("#/metrics", "expected a list of at least one metric"))?;
    let parse = |value: &Value| value.as_str().and_then(Metric::parse);
    parse_distinct(list, "#/metrics", parse, ("metric", Metric::names))
}

fn parse_dimensions(value: &Value) -> Result<Vec<Dimension>> {
    let list =
        value.as_array().ok_or_else(|| Error::invalid("#/dimensions", "expected a list of dimensions"))?;
    if list.len() > DIMENSIONS_MAX {
        let message = format!("{} dimensions are too many, expected at most {DIMENSIONS_MAX}", list.len());
        return Err(Error::invalid("#/dimensions", message));
    }
    let parse = |value: &Value| value.as_str().and_then(Dimension::parse);
    let dimensions = parse_distinct(list, "#/dimensions", parse, ("dimension", Dimension::names))?;
    match dimensions.iter().enumerate().filter(|(_, dimension)| dimension.is_time()).nth(1) {
        Some((index, _)) => {
            Err(Error::invalid(format!("#/dimensions/{index}"), "a second time dimension, expected one"))
        }
        None => Ok(dimensions),
    }
}

/// Reads a list of members of a closed set (its noun and its names are for the message).
fn parse_distinct<T: Clone + Eq + std::hash::Hash>(
    list: &[Value],
    path: &str,
    parse: impl Fn(&Value) -> Option<T>,
    (noun, names): (&str, fn() -> String),
) -> Result<Vec<T>> {
    let mut seen = HashSet::new();
    let one = |(index, value): (usize, &Value)| {
        let at = format!("{path}/{index}");
        let member = parse(value);
        let member = member.ok_or_else(|| {
            Error::invalid(&at, format!("invalid {noun} {value}, expected one of {}", names()))
        })?;
        if seen.insert(member.clone()) {
            Ok(member)
        } else {
            Err(Error::invalid(at, format!("{noun} {value} stands twice")))
        }
    };
    list.iter().enumerate().map(one).collect()
}

fn parse_order(value: &Value, metrics: &[Metric], dimensions: &[Dimension]) -> Result<Vec<Order>> {
    let list = value
        .as_array()
        .ok_or_else(|| Error::invalid("#/order_by", "expected a list of [name, direction]"))?;
    if list.len() > metrics.len() + dimensions.len() {
        let message = "expected at most one key for each of the queried metrics and dimensions";
        return Err(Error::invalid("#/order_by", message));
    }
    let one = |(index, value): (usize, &Value)| {
        let at = format!("#/order_by/{index}");
        let Some([by, direction]) = value.as_array().map(Vec::as_slice) else {
            return Err(Error::invalid(at, "expected [metric or dimension, \"asc\" or \"desc\"]"));
        };
        let name = by.as_str().unwrap_or_default();
        let metric = Metric::parse(name).filter(|metric| metrics.contains(metric)).map(OrderBy::Metric);
        let dimension = Dimension::parse(name).filter(|dimension| dimensions.contains(dimension));
        let by = metric.or(dimension.map(OrderBy::Dimension)).ok_or_else(|| {
            Error::invalid(format!("{at}/0"), format!("{by} is none of the queried metrics and dimensions"))
        })?;
        let direction = match direction.as_str() {
            Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            _ => {
                let message = format!("invalid direction {direction}, expected \"asc\" or \"desc\"");
                return Err(Error::invalid(format!("{at}/1"), message));
            }
        };
        Ok(Order { by, direction })
    };
    list.iter().enumerate().map(one).collect()
}

fn parse_include(value: &Value) -> Result<Include> {
    let keys = object(value, "#/include")?;
    known_keys(keys, "#/include/", &["imports", "time_labels", "total_rows", "comparisons"])?;
    let flag = |key: &str| match keys.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => {
            Err(Error::invalid(format!("#/include/{key}"), format!("{other} is not true or false")))
        }
    };
    Ok(Include {
        time_labels: flag("time_labels")?,
        total_rows: flag("total_rows")?,
        imports: flag("imports")?,
        comparisons: keys.get("comparisons").map(Comparison::parse).transpose()?,
    })
}

fn parse_pagination(value: &Value) -> Result<(u64, u64)> {
    let keys = object(value, "#/pagination")?;
    known_keys(keys, "#/pagination/", &["limit", "offset"])?;
    let number = |key: &str, default: u64, range: std::ops::RangeInclusive<u64>| match keys.get(key) {
        None => Ok(default),
        Some(value) => value.as_u64().filter(|number| range.contains(number)).ok_or_else(|| {
            let message = format!("{value} is not a whole number from {} to {}", range.start(), range.end());
            Error::invalid(format!("#/pagination/{key}"), message)
        }),
    };
    Ok((number("limit", LIMIT_MAX, 1..=LIMIT_MAX)?, number("offset", 0, 0..=u64::from(u32::MAX))?))
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| Error::invalid(path, "expected an object"))
}

fn known_keys(object: &Map<String, Value>, prefix: &str, known: &[&str]) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Error::invalid(
            format!("{prefix}{key}"),
            format!("unknown key, expected one of {}", known.join(", ")),
        )),
        None => Ok(()),
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(format!("#/{key}"), "is missing")
}

#[cfg(test)]
mod tests;
