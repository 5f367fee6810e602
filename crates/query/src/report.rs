//! A report: a question with everything resolved (the site, the instants, the buckets, the order).
//!
//! Invariant: what is in a [`Report`] can be rendered without looking at the clock, the control data or the store.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    dimension::{Column, Dimension},
    error::{Error, Result},
    filter::Filter,
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
    /// What it is restricted to; all of them hold.
    pub filters: Vec<Filter>,
    /// The order of rows, before the ties.
    pub order_by: Vec<Order>,
    /// Most rows of the answer.
    pub limit: u64,
    /// Rows to skip.
    pub offset: u64,
}

/// Most buckets of a time series. The starts travel to the store as one parameter, which ClickHouse holds to 128 KiB;
/// a year of hours fits.
const BUCKETS_MAX: i64 = 9_000;

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
            .ok_or_else(|| Error::invalid("date_range", "the range is empty or outside of 1970 to 2106"))?;
        let mut buckets = Vec::new();
        let mut dimensions = Vec::with_capacity(request.dimensions.len());
        for (index, &dimension) in request.dimensions.iter().enumerate() {
            let Column::Time(interval) = dimension.column() else {
                dimensions.push(dimension);
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
            Some(order_by) => order_by.iter().map(|order| resolve_order(*order, &dimensions)).collect(),
            None => default_order(&request.metrics, &dimensions),
        };
        Ok(Self {
            site: site.clone(),
            range,
            metrics: request.metrics.clone(),
            dimensions,
            buckets,
            filters: request.filters.clone(),
            order_by,
            limit: request.limit,
            offset: request.offset,
        })
    }
}

fn too_many_buckets(index: usize, interval: Interval) -> Error {
    let name = Dimension::from(interval).name();
    let message = format!(
        "{name:?} would give more than {BUCKETS_MAX} rows, expected a shorter range or wider buckets"
    );
    Error::invalid(format!("dimensions[{index}]"), message)
}

/// Time ascending, else the first metric descending.
fn default_order(metrics: &[Metric], dimensions: &[Dimension]) -> Vec<Order> {
    let time = dimensions.iter().find(|dimension| dimension.is_time());
    let time = time.map(|time| Order { by: OrderBy::Dimension(*time), direction: Direction::Ascending });
    let metric = Order { by: OrderBy::Metric(metrics[0]), direction: Direction::Descending };
    time.into_iter().chain([metric]).collect()
}

/// An order by `time` is one by the interval that it has become.
fn resolve_order(order: Order, dimensions: &[Dimension]) -> Order {
    let time = || dimensions.iter().find(|dimension| dimension.is_time());
    match order.by {
        OrderBy::Dimension(dimension) if dimension.is_time() => {
            Order { by: OrderBy::Dimension(*time().unwrap_or(&dimension)), ..order }
        }
        OrderBy::Dimension(_) | OrderBy::Metric(_) => order,
    }
}
