//! Answers as JSON, in the shape of the Stats API v2, and as CSV.
//!
//! Key order is part of the shape, for people who read it. No computing but the change between two periods: a row's
//! numbers come as they are, and what the privacy floor holds back has not come at all.

pub(crate) mod csv;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    comparison::change,
    dimension::Dimension,
    metric::{Empty, Form, Metric},
    money,
    report::{Floor, Report},
    request::{Direction, OrderBy, Request},
};

/// A row as the store answers it.
#[derive(Clone, Debug, PartialEq, clickhouse::Row, Deserialize)]
pub struct ReportRow {
    /// The groups, in the order of the report's dimensions; a time bucket is its start in seconds.
    pub dimensions: Vec<String>,
    /// The values, in the order of the report's metrics.
    pub metrics: Vec<Option<f64>>,
    /// Events with revenue in another currency than the goal's.
    pub foreign_events: u64,
    /// Rows there would be without the limit; 0 where nobody asked.
    pub total_rows: u64,
    /// Whether groups of too few visitors have become this row: 1 or 0, as the two that follow.
    pub is_folded: u8,
    /// Whether a row of the answer is such a one, on this page or another.
    pub folds: u8,
    /// Whether its numbers are held back, because the whole report has too few visitors.
    pub withheld: u8,
}

impl ReportRow {
    /// A row of these groups and values that stands for no other groups.
    pub(crate) fn plain(dimensions: Vec<String>, metrics: Vec<Option<f64>>) -> Self {
        Self { dimensions, metrics, foreign_events: 0, total_rows: 0, is_folded: 0, folds: 0, withheld: 0 }
    }
}

impl passant_store::Remembered for ReportRow {
    fn weight_bytes(&self) -> usize {
        let labels: usize = self.dimensions.iter().map(|label| label.capacity() + size_of::<String>()).sum();
        size_of::<Self>() + labels + self.metrics.capacity() * size_of::<Option<f64>>()
    }
}

/// A question with what the store answered to it.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The question as it was asked.
    pub request: &'a Request,
    /// The question as it was understood.
    pub report: &'a Report,
    /// One page of rows.
    pub rows: Vec<ReportRow>,
    /// How many rows all pages have, where the question asks for it. It may differ from what the rows say only where a page beyond the last was asked.
    pub total_rows: u64,
    /// The same question about another period, and all its rows.
    pub compared: Option<(Report, Vec<ReportRow>)>,
}

/// Beyond which a metric means less than it seems: code and words of the warning.
const NO_CURRENCY: (&str, &str) =
    ("no_revenue_goals_matching", "no goal of the question has a currency, so that there is no revenue");
const CURRENCIES: (&str, &str) = (
    "no_single_revenue_currency",
    "the goals of the question have several currencies, which are never converted",
);
const FOREIGN: (&str, &str) = (
    "other_currencies_left_out",
    "some events carry revenue in another currency than the goal's; it is left out",
);

impl Answer<'_> {
    /// The body of the answer.
    pub fn json(&self) -> Value {
        json!({ "results": self.results(), "meta": self.meta(), "query": self.echo() })
    }

    /// The rows as CSV with a header; the rows' comparisons are left out.
    pub fn csv(&self) -> String {
        let labels = labels(self.report);
        let names = self.report.dimensions.iter().map(|dimension| dimension.name().into_owned());
        let names = names.chain(self.report.metrics.iter().map(|metric| metric.name().to_owned()));
        csv::line(names) + &self.csv_rows(None, &self.report.metrics, &labels)
    }

    /// The rows as CSV under these titles, with these metrics in this order; one that was not asked for is blank.
    pub(crate) fn csv_titled(&self, titles: &[&str], metrics: &[Metric]) -> String {
        let titles = titles.iter().map(|title| (*title).to_owned());
        csv::line(titles) + &self.csv_rows(None, metrics, &labels(self.report))
    }

    /// The rows as CSV without a header, each of which begins with what it is a row of.
    pub(crate) fn csv_of(&self, what: &str) -> String {
        self.csv_rows(Some(what), &self.report.metrics, &labels(self.report))
    }

    fn csv_rows(&self, first: Option<&str>, metrics: &[Metric], labels: &HashMap<String, String>) -> String {
        let rows = self.rows.iter().map(|row| {
            let groups = first.map(str::to_owned).into_iter().chain(self.groups(row, labels)).map(csv::label);
            let value = |metric: &Metric| {
                let place = self.report.metrics.iter().position(|asked| asked == metric)?;
                Some(bare(*metric, row.metrics[place]))
            };
            let metrics = metrics.iter().map(|metric| match value(metric) {
                None | Some(Value::Null) => String::new(),
                Some(value) => value.to_string(),
            });
            csv::line(groups.chain(metrics))
        });
        rows.collect()
    }

    fn results(&self) -> Vec<Value> {
        let then = labels(self.report);
        let rows = self.filled();
        let Some((before, before_rows)) = &self.compared else {
            return rows.iter().map(|row| Value::Object(self.row(row, &then))).collect();
        };
        let labels_before = labels(before);
        let shown = before_rows.iter().filter(|row| row.is_folded == 0);
        let by_group: HashMap<Vec<String>, &ReportRow> =
            shown.map(|row| (row.dimensions.clone(), row)).collect();
        let one = |row: &ReportRow| {
            let group = self.group_before(row, before);
            let nothing = absent(self.report, before_rows, group.clone().unwrap_or_default());
            let other = group.as_ref().and_then(|group| by_group.get(group).copied()).unwrap_or(&nothing);
            let mut comparison = match &group {
                Some(_) => self.row(other, &labels_before),
                // The other period has no such bucket.
                None => Map::from_iter([
                    ("metrics".to_owned(), Value::Null),
                    ("dimensions".to_owned(), Value::Null),
                ]),
            };
            let metrics = self.report.metrics.iter().zip(row.metrics.iter().zip(&other.metrics));
            let changes = metrics
                .map(|(metric, (now, before))| group.as_ref().and_then(|_| change(*metric, *now, *before)));
            comparison.insert("change".to_owned(), changes.collect());
            let mut row = self.row(row, &then);
            row.insert("comparison".to_owned(), Value::Object(comparison));
            Value::Object(row)
        };
        rows.iter().map(one).collect()
    }

    /// The rows; a compared series that is not paged has one for each bucket, so that the two can be laid over another.
    fn filled(&self) -> Vec<ReportRow> {
        let is_series = matches!(self.report.dimensions.as_slice(), [time] if time.is_time());
        let is_whole = self.report.offset == 0 && self.report.limit >= self.report.buckets.len() as u64;
        if self.compared.is_none() || !is_series || !is_whole {
            return self.rows.clone();
        }
        let by_group: HashMap<&str, &ReportRow> = self
            .rows
            .iter()
            .filter(|row| row.is_folded == 0)
            .map(|row| (row.dimensions[0].as_str(), row))
            .collect();
        let of = |start: String| match by_group.get(start.as_str()) {
            Some(row) => (*row).clone(),
            None => absent(self.report, &self.rows, vec![start]),
        };
        let starts = self.report.buckets.iter().map(|bucket| bucket.start.as_second().to_string());
        starts.map(of).chain(self.rows.iter().filter(|row| row.is_folded == 1).cloned()).collect()
    }

    /// The group of the other period that a row is compared with: the bucket of the same number, else the same labels.
    fn group_before(&self, row: &ReportRow, before: &Report) -> Option<Vec<String>> {
        if row.is_folded == 1 {
            return None;
        }
        let dimensions = self.report.dimensions.iter().zip(&row.dimensions);
        let same = dimensions.map(|(dimension, group)| {
            if !dimension.is_time() {
                return Some(group.clone());
            }
            let starts = |bucket: &crate::period::Bucket| bucket.start.as_second().to_string() == *group;
            let index = self.report.buckets.iter().position(starts)?;
            before.buckets.get(index).map(|bucket| bucket.start.as_second().to_string())
        });
        same.collect()
    }

    fn row(&self, row: &ReportRow, labels: &HashMap<String, String>) -> Map<String, Value> {
        let dimensions: Vec<_> = self.groups(row, labels).collect();
        let goal = self.report.dimensions.iter().position(|dimension| *dimension == Dimension::EventGoal);
        let currency = match goal.and_then(|index| row.dimensions.get(index)) {
            Some(name) => {
                let goal = self.report.site.goals.iter().find(|goal| goal.name == *name);
                goal.and_then(|goal| goal.currency.as_deref())
            }
            None => self.report.currency(),
        };
        let metrics = self.report.metrics.iter().zip(&row.metrics);
        let metrics: Vec<_> = metrics.map(|(metric, value)| number(*metric, *value, currency)).collect();
        Map::from_iter([
            ("metrics".to_owned(), Value::from(metrics)),
            ("dimensions".to_owned(), Value::from(dimensions)),
        ])
    }

    /// What a row's groups are called.
    fn groups<'b>(
        &'b self,
        row: &'b ReportRow,
        labels: &'b HashMap<String, String>,
    ) -> impl Iterator<Item = String> + 'b {
        let folded = self.report.floor.filter(|_| row.is_folded == 1).map(Floor::label);
        let groups = self.report.dimensions.iter().zip(&row.dimensions);
        groups.map(move |(dimension, group)| match &folded {
            Some(folded) => folded.clone(),
            None => label(dimension, group, labels).to_owned(),
        })
    }

    /// What the privacy floor has done to the answer.
    fn floor(&self) -> Option<Value> {
        let floor = self.report.floor?;
        Some(json!({
            "visitors": floor.visitors,
            "reason": floor.reason.name(),
            "rows_folded": self.rows.iter().any(|row| row.folds == 1),
            "numbers_withheld": self.rows.iter().any(|row| row.withheld == 1),
        }))
    }

    fn meta(&self) -> Value {
        let include = &self.request.include;
        let mut meta = Map::new();
        if let Some(floor) = self.floor() {
            meta.insert("privacy_floor".to_owned(), floor);
        }
        if include.imports {
            meta.insert("imports_included".to_owned(), Value::from(false));
            meta.insert("imports_skip_reason".to_owned(), Value::from("no_imported_data"));
        }
        let warnings = self.warnings();
        if !warnings.is_empty() {
            meta.insert("metric_warnings".to_owned(), Value::Object(warnings));
        }
        if include.time_labels {
            let labels: Vec<_> = self.report.buckets.iter().map(|bucket| bucket.label.as_str()).collect();
            meta.insert("time_labels".to_owned(), Value::from(labels));
        }
        if include.total_rows {
            meta.insert("total_rows".to_owned(), Value::from(self.total_rows));
        }
        if let (true, Some((before, _))) = (include.time_labels, &self.compared) {
            let labels: Vec<_> = before.buckets.iter().map(|bucket| bucket.label.as_str()).collect();
            meta.insert("comparison_time_labels".to_owned(), Value::from(labels));
        }
        Value::Object(meta)
    }

    fn warnings(&self) -> Map<String, Value> {
        let goals = self.report.goals();
        let warning = if goals.iter().all(|goal| goal.currency.is_none()) {
            Some(NO_CURRENCY)
        } else if self.report.currency().is_none() && !self.report.groups_by_goal() {
            Some(CURRENCIES)
        } else {
            self.rows.iter().any(|row| row.foreign_events > 0).then_some(FOREIGN)
        };
        let Some((code, text)) = warning else { return Map::new() };
        let money = self.report.metrics.iter().filter(|metric| metric.is_money());
        money.map(|metric| (metric.name().to_owned(), json!({ "code": code, "warning": text }))).collect()
    }

    /// The question as it was understood.
    fn echo(&self) -> Value {
        let report = self.report;
        let order = report.order_by.iter().map(|order| {
            let by = match &order.by {
                OrderBy::Metric(metric) => metric.name().into(),
                OrderBy::Dimension(dimension) => dimension.name(),
            };
            let direction = match order.direction {
                Direction::Ascending => "asc",
                Direction::Descending => "desc",
            };
            [by.into_owned(), direction.to_owned()]
        });
        let include = &self.request.include;
        let flags = [
            ("imports", include.imports),
            ("time_labels", include.time_labels),
            ("total_rows", include.total_rows),
        ];
        let flags = flags.into_iter().filter(|(_, asked)| *asked);
        let include: Map<_, _> = flags.map(|(key, _)| (key.to_owned(), Value::from(true))).collect();
        let mut echo = json!({
            "site_id": report.site.domain,
            "metrics": report.metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>(),
            "date_range": report.range.echo(),
            "filters": self.request.filters_echo,
            "dimensions": report.dimensions.iter().map(Dimension::name).collect::<Vec<_>>(),
            "order_by": order.collect::<Vec<_>>(),
            "include": include,
            "pagination": { "limit": report.limit, "offset": report.offset },
        });
        if let Some((before, _)) = &self.compared {
            echo["comparison_date_range"] = json!(before.range.echo());
        }
        echo
    }
}

/// What each bucket is called, by its start in seconds.
fn labels(report: &Report) -> HashMap<String, String> {
    let of = |bucket: &crate::period::Bucket| (bucket.start.as_second().to_string(), bucket.label.clone());
    report.buckets.iter().map(of).collect()
}

fn label<'a>(dimension: &Dimension, group: &'a str, labels: &'a HashMap<String, String>) -> &'a str {
    if dimension.is_time() { labels.get(group).map_or(group, String::as_str) } else { group }
}

/// A group that none of these rows speaks of: it has nothing, or it is among those that were folded.
fn absent(report: &Report, rows: &[ReportRow], dimensions: Vec<String>) -> ReportRow {
    let folded = rows.iter().any(|row| row.folds == 1);
    let metrics = if folded { vec![None; report.metrics.len()] } else { nothing(report) };
    ReportRow::plain(dimensions, metrics)
}

/// The values of a group that no row speaks of.
fn nothing(report: &Report) -> Vec<Option<f64>> {
    let value = |metric: &Metric| match metric.facts().empty {
        Empty::Zero => Some(0.0),
        Empty::Null => None,
    };
    report.metrics.iter().map(value).collect()
}

fn number(metric: Metric, value: Option<f64>, currency: Option<&str>) -> Value {
    match (metric.facts().form, value) {
        (Form::Money, Some(amount)) => currency.map_or(Value::Null, |currency| money::json(amount, currency)),
        (Form::Integer | Form::Decimal | Form::Money, _) => bare(metric, value),
    }
}

fn bare(metric: Metric, value: Option<f64>) -> Value {
    match (metric.facts().form, value) {
        (_, None) => Value::Null,
        // Counts stay far below 2^53, so nothing is cut.
        (Form::Integer, Some(value)) => Value::from(value as i64),
        (Form::Decimal | Form::Money, Some(value)) => Value::from(value),
    }
}

#[cfg(test)]
mod tests;
