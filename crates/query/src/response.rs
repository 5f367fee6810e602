//! Answers as JSON, in the shape of the Stats API v2.
//!
//! Key order is part of the shape, for people who read it. No computing: a row's numbers come as they are.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    dimension::Dimension,
    metric::{Form, Metric},
    report::Report,
    request::{Direction, OrderBy, Request},
};

/// A row as the store answers it.
#[derive(Clone, Debug, PartialEq, clickhouse::Row, Deserialize)]
pub struct ReportRow {
    /// The groups, in the order of the report's dimensions; a time bucket is its start in seconds.
    pub dimensions: Vec<String>,
    /// The values, in the order of the report's metrics.
    pub metrics: Vec<Option<f64>>,
    /// Rows there would be without the limit.
    pub total_rows: u64,
}

/// The body of the answer. `total_rows` may differ from what the rows say only where a page beyond the last was asked.
pub fn render(request: &Request, report: &Report, rows: &[ReportRow], total_rows: u64) -> Value {
    let labels: HashMap<String, &str> = report
        .buckets
        .iter()
        .map(|bucket| (bucket.start.as_second().to_string(), bucket.label.as_str()))
        .collect();
    let results: Vec<Value> = rows
        .iter()
        .map(|row| {
            let dimensions = report.dimensions.iter().zip(&row.dimensions);
            let dimensions = dimensions.map(|(dimension, group)| label(*dimension, group, &labels));
            let metrics = report.metrics.iter().zip(&row.metrics);
            let metrics = metrics.map(|(metric, value)| number(*metric, *value));
            json!({
                "metrics": metrics.collect::<Vec<_>>(),
                "dimensions": dimensions.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "results": results,
        "meta": meta(request, report, total_rows),
        "query": echo(request, report),
    })
}

fn label<'a>(dimension: Dimension, group: &'a str, labels: &HashMap<String, &'a str>) -> &'a str {
    if dimension.is_time() { labels.get(group).copied().unwrap_or(group) } else { group }
}

fn number(metric: Metric, value: Option<f64>) -> Value {
    match (metric.facts().form, value) {
        (_, None) => Value::Null,
        // Counts stay far below 2^53, so nothing is cut.
        (Form::Integer, Some(value)) => Value::from(value as i64),
        (Form::Decimal, Some(value)) => Value::from(value),
    }
}

fn meta(request: &Request, report: &Report, total_rows: u64) -> Value {
    let mut meta = Map::new();
    if request.include.imports {
        meta.insert("imports_included".to_owned(), Value::from(false));
        meta.insert("imports_skip_reason".to_owned(), Value::from("no_imported_data"));
    }
    if request.include.time_labels {
        let labels: Vec<_> = report.buckets.iter().map(|bucket| bucket.label.as_str()).collect();
        meta.insert("time_labels".to_owned(), Value::from(labels));
    }
    if request.include.total_rows {
        meta.insert("total_rows".to_owned(), Value::from(total_rows));
    }
    Value::Object(meta)
}

/// The question as it was understood.
fn echo(request: &Request, report: &Report) -> Value {
    let order = report.order_by.iter().map(|order| {
        let by = match order.by {
            OrderBy::Metric(metric) => metric.name(),
            OrderBy::Dimension(dimension) => dimension.name(),
        };
        let direction = match order.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        [by, direction]
    });
    let include = [
        ("imports", request.include.imports),
        ("time_labels", request.include.time_labels),
        ("total_rows", request.include.total_rows),
    ];
    let include: Map<_, _> = include
        .into_iter()
        .filter(|(_, asked)| *asked)
        .map(|(key, _)| (key.to_owned(), Value::from(true)))
        .collect();
    json!({
        "site_id": report.site.domain,
        "metrics": report.metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>(),
        "date_range": report.range.echo(),
        "filters": request.filters_echo,
        "dimensions": report.dimensions.iter().map(|dimension| dimension.name()).collect::<Vec<_>>(),
        "order_by": order.collect::<Vec<_>>(),
        "include": include,
        "pagination": { "limit": report.limit, "offset": report.offset },
    })
}

#[cfg(test)]
mod tests;
