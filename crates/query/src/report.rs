//! A report: a question with everything resolved (the site, the instants, the buckets, the order).
//!
//! Invariant: what is in a [`Report`] can be rendered without looking at the clock, the control data or the store.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    comparison::Comparison,
    dimension::{Column, Dimension},
    error::{Error, Result},
    filter::{Clause, Filter, Operator},
    fit,
    goal::{Goal, Segment},
    metric::Metric,
    period::{Bucket, Interval, Range},
    request::{Direction, Order, OrderBy, Request},
};

/// A tracked property, as far as reports need to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Number in the control data; the store knows the site by it.
    pub id: u32,
    /// The name in the API.
    pub domain: String,
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// What its people want done, in the order that they want to see it.
    pub goals: Arc<[Goal]>,
    /// What its people filter by.
    pub segments: Arc<[Segment]>,
    /// Fewest visitors of a row that is shown, once a filter narrows a report or the public reads it; 1 shows all.
    pub privacy_floor: u32,
    /// Who reads it.
    pub reader: Reader,
    /// What they may read of it: every report is restricted to this, whatever it asks for.
    pub within: Arc<[Filter]>,
}

/// Who reads a site's reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Someone whom the site's people let in.
    Member,
    /// Anybody. The privacy floor then holds without a filter, too.
    Public,
}

/// The privacy floor of a site that has not chosen one.
pub const PRIVACY_FLOOR_VISITORS: u32 = 5;

impl Site {
    /// A site without goals and segments, under the privacy floor that holds unless another is set.
    pub fn new(id: u32, domain: impl Into<String>, time_zone: TimeZone) -> Self {
        Self {
            id,
            domain: domain.into(),
            time_zone,
            goals: Arc::default(),
            segments: Arc::default(),
            privacy_floor: PRIVACY_FLOOR_VISITORS,
            reader: Reader::Member,
            within: Arc::default(),
        }
    }
}

impl Site {
    /// Whether its reader may be told this number of live visitors. It is not restricted to what they may read.
    pub(crate) fn tells_live(&self, visitors: u64) -> bool {
        match self.reader {
            Reader::Member => true,
            Reader::Public => {
                self.within.is_empty() && (visitors == 0 || visitors >= u64::from(self.privacy_floor))
            }
        }
    }
}

/// A resolved question.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The site it is about.
    pub site: Site,
    /// The instants it is about.
    pub range: Range,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// What it is grouped by; `time` has become an interval.
    pub dimensions: Vec<Dimension>,
    /// The buckets of its time dimension; empty without one.
    pub buckets: Vec<Bucket>,
    /// What it is restricted to; all of them hold, and segments have become their filters.
    pub filters: Vec<Filter>,
    /// The order of rows, before the ties.
    pub order_by: Vec<Order>,
    /// Most rows of the answer.
    pub limit: u64,
    /// Rows to skip.
    pub offset: u64,
    /// Whether it is told how many rows there would be without the limit, which means to go through all of them again.
    pub counts_rows: bool,
    /// The privacy floor, where it holds.
    pub floor: Option<Floor>,
    /// The days of the range that are read from their roll-ups; without any, all is read from the events.
    pub rolled: Option<Rolled>,
}

/// Days that are read from their roll-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolled {
    pub(crate) days: Vec<RolledDay>,
    /// What of the range they leave, in order: from the first second to the one after the last.
    pub(crate) rest: Vec<(u32, u32)>,
}

/// One day and its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RolledDay {
    /// The date, in days since 1970.
    pub(crate) number: u16,
    /// First second of the day.
    pub(crate) starts: u32,
    pub(crate) build: u64,
}

/// The fewest visitors that a row may speak of, and why that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Rows with fewer are folded into one.
    pub visitors: u32,
    /// Why.
    pub reason: FloorReason,
}

/// Why the privacy floor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorReason {
    /// A filter narrows the report.
    Filtered,
    /// Anybody may read it.
    Public,
}

impl FloorReason {
    /// What the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Public => "public",
        }
    }
}

impl Floor {
    /// The floor that holds for a report on this site under these filters. A floor of one visitor holds nothing back.
    pub(crate) fn of(site: &Site, filters: &[Filter]) -> Option<Self> {
        match site.reader {
            Reader::Member if filters.is_empty() => None,
            Reader::Member | Reader::Public => Self::always(site),
        }
    }

    /// The floor of a report that narrows without a filter, as a step of a funnel does.
    pub(crate) fn always(site: &Site) -> Option<Self> {
        let reason = match site.reader {
            Reader::Public => FloorReason::Public,
            Reader::Member => FloorReason::Filtered,
        };
        (site.privacy_floor > 1).then_some(Self { visitors: site.privacy_floor, reason })
    }

    /// What stands in the place of the groups that are folded.
    pub fn label(self) -> String {
        format!("(fewer than {})", self.visitors)
    }
}

/// Most buckets of a time series. The starts travel to the store as one parameter, which ClickHouse holds to 128 KiB;
/// a year of hours fits.
const BUCKETS_MAX: i64 = 9_000;
/// Most rows of the period that another is compared with; ten pages of the longest answer.
const COMPARED_ROWS_MAX: u64 = 100_000;

impl Report {
    /// Resolves a question about `site` at `now`. `first_event` is the time of the site's first event, which only the
    /// range `all` asks for.
    ///
    /// # Errors
    /// When the range is empty, or holds too many buckets.
    pub fn resolve(
        request: &Request,
        site: &Site,
        now: Timestamp,
        first_event: Option<Timestamp>,
    ) -> Result<Self> {
        let range = request.date_range.resolve(now, &site.time_zone, first_event);
        let range = range
            .ok_or_else(|| Error::invalid("#/date_range", "the range is empty or outside of 1970 to 2106"))?;
        let mut buckets = Vec::new();
        let mut dimensions = Vec::with_capacity(request.dimensions.len());
        for (index, dimension) in request.dimensions.iter().enumerate() {
            let Column::Time(interval) = dimension.column() else {
                dimensions.push(dimension.clone());
                continue;
            };
            let interval = interval.unwrap_or_else(|| range.automatic_interval());
            if range.bucket_count_bound(interval) > BUCKETS_MAX {
                return Err(too_many_buckets(index, interval));
            }
            buckets = range.buckets(interval);
            dimensions.push(interval.into());
        }
        let order_by = match &request.order_by {
            Some(order_by) => order_by.iter().map(|order| resolve_order(order, &dimensions)).collect(),
            None => default_order(&request.metrics, &dimensions),
        };
        let expand =
            |(index, filter): (usize, &Filter)| filter.expand(&site.segments, &format!("#/filters/{index}"));
        let asked: Vec<_> = request.filters.iter().enumerate().map(expand).collect::<Result<_>>()?;
        let filters: Vec<_> = site.within.iter().cloned().chain(asked).collect();
        check_goals(&filters, &site.goals)?;
        let report = Self {
            floor: Floor::of(site, &filters),
            rolled: None,
            site: site.clone(),
            range,
            metrics: request.metrics.clone(),
            dimensions,
            buckets,
            filters,
            order_by,
            limit: request.limit,
            offset: request.offset,
            counts_rows: request.include.total_rows,
        };
        fit::check(&report)?;
        Ok(report)
    }

    /// The same question about the period that it is compared with, all rows of it that an answer may hold.
    pub(crate) fn compared(&self, comparison: &Comparison, now: Timestamp) -> Result<Self> {
        let range = comparison.range(&self.range, now).ok_or_else(|| {
            Error::invalid("#/include/comparisons", "the period to compare with is outside of 1970 to 2106")
        })?;
        let interval = self.dimensions.iter().find_map(|dimension| match dimension.column() {
            Column::Time(interval) => interval,
            _ => None,
        });
        let buckets = interval.map(|interval| range.buckets(interval)).unwrap_or_default();
        let (limit, offset, counts_rows) = (COMPARED_ROWS_MAX, 0, false);
        Ok(Self { range, buckets, limit, offset, counts_rows, rolled: None, ..self.clone() })
    }

    /// What of its range is read from the events, in seconds since 1970.
    pub(crate) fn stretches(&self) -> Vec<(u32, u32)> {
        let second = |instant: Timestamp| u32::try_from(instant.as_second()).unwrap_or(0);
        match &self.rolled {
            None => vec![(second(self.range.from), second(self.range.to))],
            Some(rolled) => rolled.rest.clone(),
        }
    }

    /// The goals that its top-level filters let through; all without such filters.
    pub(crate) fn goals(&self) -> Vec<&Goal> {
        let clauses: Vec<&Clause> = Filter::top_level(&self.filters)
            .into_iter()
            .filter_map(|filter| match filter {
                Filter::Clause(clause) if clause.dimension == Dimension::EventGoal => Some(clause),
                _ => None,
            })
            .collect();
        self.site.goals.iter().filter(|goal| clauses.iter().all(|clause| clause.picks(goal))).collect()
    }

    /// The one currency of its goals' revenue; none without revenue, or with several currencies.
    pub(crate) fn currency(&self) -> Option<&str> {
        let mut currencies = self.goals().into_iter().filter_map(|goal| goal.currency.as_deref());
        let first = currencies.next()?;
        currencies.all(|currency| currency == first).then_some(first)
    }

    /// Whether each row speaks of one goal.
    pub(crate) fn groups_by_goal(&self) -> bool {
        self.dimensions.contains(&Dimension::EventGoal)
    }
}

/// A filter on a goal that the site does not have is a mistake, and no goal that nobody met.
fn check_goals(filters: &[Filter], goals: &[Goal]) -> Result<()> {
    let clauses = filters.iter().flat_map(Filter::all_clauses);
    let is_goal =
        |clause: &&Clause| clause.dimension == Dimension::EventGoal && clause.operator == Operator::Is;
    for clause in clauses.filter(is_goal) {
        let known = |value: &&String| {
            let one = Clause { values: vec![(*value).clone()], ..clause.clone() };
            goals.iter().any(|goal| one.picks(goal))
        };
        if let Some(value) = clause.values.iter().find(|value| !known(value)) {
            return Err(Error::invalid("#/filters", format!("the site has no goal {value:?}")));
        }
    }
    Ok(())
}

fn too_many_buckets(index: usize, interval: Interval) -> Error {
    let name = Dimension::from(interval).name();
    let message = format!(
        "{name:?} would give more than {BUCKETS_MAX} rows, expected a shorter range or wider buckets"
    );
    Error::invalid(format!("#/dimensions/{index}"), message)
}

/// Time ascending, else the first metric descending.
fn default_order(metrics: &[Metric], dimensions: &[Dimension]) -> Vec<Order> {
    let time = dimensions.iter().find(|dimension| dimension.is_time()).cloned();
    let time = time.map(|time| Order { by: OrderBy::Dimension(time), direction: Direction::Ascending });
    let metric = metrics.first().map(|metric| OrderBy::Metric(*metric));
    let metric = metric.map(|by| Order { by, direction: Direction::Descending });
    time.into_iter().chain(metric).collect()
}

/// An order by `time` is one by the interval that it has become.
fn resolve_order(order: &Order, dimensions: &[Dimension]) -> Order {
    match &order.by {
        OrderBy::Dimension(dimension) if dimension.is_time() => {
            let time = dimensions.iter().find(|dimension| dimension.is_time()).unwrap_or(dimension);
            Order { by: OrderBy::Dimension(time.clone()), direction: order.direction }
        }
        OrderBy::Dimension(_) | OrderBy::Metric(_) => order.clone(),
    }
}
