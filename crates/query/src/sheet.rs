//! Sheets: what the rolled days of a range add up to, in one statement that many reports are read from.
//!
//! Whoever opens a dashboard asks for the same days by channel, source, country, device, browser and system, by day and as
//! a whole. A statement costs the store several milliseconds before it has read a row, and these dimensions have few: so
//! they are read together, once, and each report takes its rows out of what is remembered of them.
//!
//! Invariant: a sheet gives to the byte what the report's own statement would; where it may not, there is none.

use std::collections::BTreeMap;

use passant_store::{Remembered, Statement};
use serde::Deserialize;

use crate::{
    country,
    dimension::{Column, Dimension},
    metric::Sums,
    report::{Report, Rolled},
    request::{Direction, OrderBy},
    response::ReportRow,
    sql::{
        self,
        rolled::{self, Presence, WHOLE_SITE},
    },
};

/// The dimensions that are read together: those of a dashboard's first view that have few values.
const DIMENSIONS: &[Dimension] = &[
    Dimension::Source,
    Dimension::Channel,
    Dimension::Device,
    Dimension::Browser,
    Dimension::Os,
    Dimension::Country,
];
/// Rows of a sheet. A site of more sources than that has reports of their own statements.
const ROWS_MAX: u64 = 10_000;

/// What one value adds up to; the whole site has a row for each day.
#[derive(Clone, Debug, clickhouse::Row, Deserialize)]
pub(crate) struct SheetRow {
    dimension: String,
    value: String,
    /// In days since 1970; 0 but for the whole site.
    whole_site_day: u16,
    has_events: u8,
    has_visits: u8,
    visitors: u64,
    pageviews: u64,
    events: u64,
    visits: u64,
    duration_seconds: u64,
    bounces: i64,
}

impl Remembered for SheetRow {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.dimension.capacity() + self.value.capacity()
    }
}

/// A report that is read from a sheet.
pub struct Sheet<'a> {
    report: &'a Report,
    rolled: &'a Rolled,
}

/// A group of the answer: its label, and what it is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Whole,
    Bucket(u64),
    Value(String),
}

impl<'a> Sheet<'a> {
    /// The sheet of a report that builds alone answer.
    pub fn of(report: &'a Report) -> Option<Self> {
        let rolled = report.rolled.as_ref().filter(|rolled| rolled.rest.is_empty())?;
        let is_in = |dimension: &Dimension| {
            dimension.is_time()
                || DIMENSIONS.iter().any(|one| rolled::held_as(dimension) == rolled::held_as(one))
        };
        let fits = match &report.dimensions[..] {
            [] => true,
            [one] => is_in(one),
            [..] => false,
        };
        let computes = report.metrics.iter().all(|metric| metric.facts().of_sums.is_some());
        (fits && computes && report.floor.is_none()).then_some(Self { report, rolled })
    }

    /// What is read; the same for all reports of these days.
    pub(crate) fn statement(&self) -> Statement {
        let names = DIMENSIONS.iter().filter_map(rolled::held_as).chain([WHOLE_SITE]);
        let names = names.map(str::to_owned).collect();
        rolled::sheet(self.report.site.id, self.rolled, names, ROWS_MAX)
    }

    /// The rows of the report; none where the sheet is not whole.
    pub(crate) fn rows(&self, sheet: &[SheetRow]) -> Option<Vec<ReportRow>> {
        if sheet.len() as u64 == ROWS_MAX {
            return None;
        }
        let presence = rolled::presence(self.report, &sql::measures(self.report));
        let whole_site = || sheet.iter().filter(|row| row.dimension == WHOLE_SITE);
        let total_visitors = whole_site().map(|row| row.visitors).sum::<u64>() as f64;
        let dimension = self.report.dimensions.first();
        let held_as = dimension.and_then(rolled::held_as).unwrap_or(WHOLE_SITE);
        let mut groups: BTreeMap<Group, Sums> = BTreeMap::new();
        if dimension.is_none() {
            groups.insert(Group::Whole, Sums { total_visitors, ..Sums::default() });
        }
        let is_present = |row: &&SheetRow| match presence {
            Presence::Events => row.has_events == 1,
            Presence::Visits => row.has_visits == 1,
            Presence::Either => true,
        };
        for row in sheet.iter().filter(|row| row.dimension == held_as).filter(is_present) {
            let group = self.group(dimension, row)?;
            let sums = groups.entry(group).or_insert(Sums { total_visitors, ..Sums::default() });
            sums.visitors += row.visitors as f64;
            sums.pageviews += row.pageviews as f64;
            sums.events += row.events as f64;
            sums.visits += row.visits as f64;
            sums.duration_seconds += row.duration_seconds as f64;
            sums.bounces += row.bounces as f64;
        }
        Some(self.page(groups))
    }

    fn group(&self, dimension: Option<&Dimension>, row: &SheetRow) -> Option<Group> {
        Some(match dimension.map(Dimension::column) {
            None => Group::Whole,
            Some(Column::Time(_)) => {
                let day = self.rolled.days.iter().find(|day| day.number == row.whole_site_day)?;
                Group::Bucket(rolled::bucket(self.report, day))
            }
            Some(Column::CountryName(_)) => Group::Value(country::name(&row.value).to_owned()),
            Some(_) => Group::Value(row.value.clone()),
        })
    }

    /// The rows in their order, as many as are asked for.
    fn page(&self, groups: BTreeMap<Group, Sums>) -> Vec<ReportRow> {
        let report = self.report;
        let values = |sums: &Sums| {
            let value = |metric: &crate::Metric| metric.facts().of_sums.map(|of_sums| of_sums(sums));
            report.metrics.iter().map(value).collect::<Vec<_>>()
        };
        let blank = report.dimensions.first().map_or("", |dimension| dimension.facts().blank);
        let labelled = |group| match group {
            Group::Value(value) if value.is_empty() => Group::Value(blank.to_owned()),
            group => group,
        };
        let mut rows: Vec<(Group, Vec<Option<f64>>)> =
            groups.into_iter().map(|(group, sums)| (labelled(group), values(&sums))).collect();
        rows.sort_by(|(one, one_values), (other, other_values)| {
            let keys = report.order_by.iter().map(|order| {
                let ascending = match &order.by {
                    OrderBy::Dimension(_) => one.cmp(other),
                    OrderBy::Metric(metric) => {
                        let place = report.metrics.iter().position(|asked| asked == metric);
                        place.map_or(std::cmp::Ordering::Equal, |place| {
                            let value = |values: &[Option<f64>]| values[place].unwrap_or_default();
                            value(one_values).total_cmp(&value(other_values))
                        })
                    }
                };
                match order.direction {
                    Direction::Ascending => ascending,
                    Direction::Descending => ascending.reverse(),
                }
            });
            let decided = keys.into_iter().find(|ordering| ordering.is_ne());
            decided.unwrap_or_else(|| one.cmp(other))
        });
        let total_rows = if report.counts_rows { rows.len() as u64 } else { 0 };
        let skipped = usize::try_from(report.offset).unwrap_or(usize::MAX);
        let taken = usize::try_from(report.limit).unwrap_or(usize::MAX);
        let rows = rows.into_iter().skip(skipped).take(taken).map(|(group, metrics)| {
            let dimensions = match group {
                Group::Whole => Vec::new(),
                Group::Bucket(start) => vec![start.to_string()],
                Group::Value(value) => vec![value],
            };
            ReportRow { total_rows, ..ReportRow::plain(dimensions, metrics) }
        });
        rows.collect()
    }
}
