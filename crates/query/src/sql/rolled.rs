//! Roll-ups in a statement: which reports can be answered from `daily`, the scan that does it, and what a day is built of.
//!
//! Invariant: a day is built by the scans that a report of that day would make, so both ways give the same numbers; and
//! `daily` is read by the numbers of builds, never by days alone.

use jiff::Timestamp;
use passant_store::Statement;

use crate::{
    dimension::{self, Column, Dimension},
    metric::{self, Measure, Scope},
    period::{Bucket, Day, Interval, Range},
    report::{Report, Rolled, RolledDay, Site},
    request::LIMIT_MAX,
};

use super::{
    Params, groups_by_event, metric_measures,
    scan::{Coverage, Scan},
    tells_rows,
};

/// Whether `daily` holds what the report asks for. Groups under a privacy floor need to know who is in several of them,
/// which no number tells.
pub(crate) fn suits(report: &Report) -> bool {
    let measured = report.metrics.iter().all(|metric| {
        let elsewhere = [metric::ALL, metric::GROUP].iter().any(|one| metric.facts().formula.contains(one));
        let is_held = |measure: &Measure| measure.facts().rolled.is_some();
        !elsewhere && metric_measures(report, *metric).iter().all(is_held)
    });
    let (times, others): (Vec<_>, Vec<_>) =
        report.dimensions.iter().partition(|dimension| dimension.is_time());
    let times_fit = match times[..] {
        [] => true,
        [time] => time.column() != Column::Time(Some(Interval::Hour)),
        [..] => false,
    };
    let others_fit = match others[..] {
        [] => true,
        [other] => held_as(other).is_some(),
        [..] => false,
    };
    let floor_fits = report.floor.is_none() || report.dimensions.is_empty();
    report.filters.is_empty() && measured && times_fit && others_fit && floor_fits
}

/// The dimensions that `daily` has rows of; none is the whole site.
pub(crate) fn dimensions() -> impl Iterator<Item = Option<Dimension>> {
    let held = |dimension: &Dimension| held_as(dimension) == Some(dimension.facts().name);
    let all = dimension::TABLE.0.iter().map(|facts| facts.dimension.clone());
    std::iter::once(None).chain(all.filter(held).map(Some))
}

/// The `dimension` of its rows in `daily`.
pub(crate) fn held_as(dimension: &Dimension) -> Option<&'static str> {
    match dimension.column() {
        Column::Event(..) | Column::Visit(_) | Column::Page(_) => Some(dimension.facts().name),
        Column::CountryName(_) => Some(Dimension::Country.facts().name),
        Column::Nothing => Some(WHOLE_SITE),
        Column::Goal | Column::Prop | Column::Time(_) => None,
    }
}

/// The `dimension` of rows that are not broken down.
pub(crate) const WHOLE_SITE: &str = "";

/// The rows of the report's rolled days, with the columns of its other scans. The outer query adds them up; to do so here
/// first would be done twice.
pub(crate) fn render(report: &Report, rolled: &Rolled, measures: &[Measure], params: &mut Params) -> String {
    let mut columns: Vec<_> = (0..)
        .zip(&report.dimensions)
        .map(|(index, dimension)| format!("{} AS d{index}", group_column(report, rolled, dimension, params)))
        .collect();
    for measure in measures {
        let facts = measure.facts();
        columns.push(format!("{} AS {}", facts.rolled.unwrap_or("0"), facts.name));
    }
    if tells_rows(report) {
        columns.push("has_events AS seen".to_owned());
    }
    format!(
        "    SELECT {}\n    FROM daily\n    WHERE {}",
        columns.join(", "),
        rows(report, rolled, (measures, &mut *params))
    )
}

/// Distinct visitors of the whole report, rolled days and others.
pub(crate) fn visitors(
    report: &Report,
    rolled: &Rolled,
    of_events: Option<String>,
    params: &mut Params,
) -> String {
    let whole = Report { dimensions: Vec::new(), ..report.clone() };
    let rows = rows(&whole, rolled, (&[Measure::Visitors], params));
    let rolled = format!("SELECT sum(visitors) AS visitors FROM daily WHERE {rows}");
    match of_events {
        None => format!("({rolled})"),
        Some(events) => format!("(SELECT sum(visitors) FROM ({rolled} UNION ALL SELECT {events}))"),
    }
}

fn rows(report: &Report, rolled: &Rolled, (measures, params): (&[Measure], &mut Params)) -> String {
    let other = report.dimensions.iter().find(|dimension| !dimension.is_time());
    let held_as = other.and_then(held_as).unwrap_or(WHOLE_SITE);
    let presence = match presence(report, measures) {
        Presence::Events => " AND has_events = 1",
        Presence::Visits => " AND has_visits = 1",
        Presence::Either => "",
    };
    // The name is one of the table of dimensions.
    format!("{} AND dimension = '{held_as}'{presence}", rows_of_days(rolled, params))
}

fn rows_of_days(rolled: &Rolled, params: &mut Params) -> String {
    let days = rolled.days.iter().map(|day| u64::from(day.number));
    params.bind("first_day", days.clone().min().unwrap_or(0));
    params.bind("last_day", days.max().unwrap_or(0));
    params.bind("builds", rolled.days.iter().map(|day| day.build).collect::<Vec<_>>());
    "site_id = {site:UInt32} AND day >= toDate({first_day:UInt16}) AND day <= toDate({last_day:UInt16}) \
     AND build IN {builds:Array(UInt64)}"
        .to_owned()
}

/// What a value needs on a day to be a row of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Events,
    Visits,
    Either,
}

/// A value is a row of the answer where the scans of `events` would have found one.
pub(crate) fn presence(report: &Report, measures: &[Measure]) -> Presence {
    let fills = |scope: Scope| measures.iter().any(|measure| measure.facts().scope == scope);
    match (fills(Scope::Events) || groups_by_event(report), fills(Scope::Visits)) {
        (true, false) => Presence::Events,
        (false, true) => Presence::Visits,
        (true, true) | (false, false) => Presence::Either,
    }
}

/// What these dimensions add up to over the rolled days, the whole site by days, as [`crate::sheet::SheetRow`].
pub(crate) fn sheet(site_id: u32, rolled: &Rolled, dimensions: Vec<String>, rows_max: u64) -> Statement {
    let mut params = Params::default();
    params.bind("site", site_id);
    let rows = rows_of_days(rolled, &mut params);
    params.bind("dimensions", dimensions);
    params.bind("limit", rows_max);
    let sums: Vec<_> = metric::held_measures()
        .filter_map(|measure| measure.facts().rolled)
        .map(|column| format!("sum(daily.{column}) AS {column}"))
        .collect();
    let sql = format!(
        "-- report: sums of days\nSELECT dimension, value, if(dimension = '{WHOLE_SITE}', toUInt16(day), 0) AS whole_site_day,\n    \
         max(daily.has_events) AS has_events, max(daily.has_visits) AS has_visits,\n    {}\nFROM daily\n\
         WHERE {rows} AND dimension IN {{dimensions:Array(String)}}\n\
         GROUP BY dimension, value, whole_site_day\nLIMIT {{limit:UInt64}}",
        sums.join(", ")
    );
    params.statement(sql)
}

/// The start of the bucket that the day belongs to.
pub(crate) fn bucket(report: &Report, day: &RolledDay) -> u64 {
    let bucket = report.buckets.iter().rev().find(|bucket| bucket.start.as_second() <= day.starts.into());
    bucket.map_or(u64::from(day.starts), |bucket| super::seconds(bucket.start))
}

fn group_column(report: &Report, rolled: &Rolled, dimension: &Dimension, params: &mut Params) -> String {
    match dimension.column() {
        Column::Time(_) => {
            let starts: Vec<u64> = rolled.days.iter().map(|day| bucket(report, day)).collect();
            params.bind("build_buckets", starts);
            "transform(build, {builds:Array(UInt64)}, {build_buckets:Array(UInt64)}, toUInt64(0))".to_owned()
        }
        Column::CountryName(_) => Scan::country_name("value", params),
        Column::Event(..)
        | Column::Visit(_)
        | Column::Page(_)
        | Column::Nothing
        | Column::Goal
        | Column::Prop => "value".to_owned(),
    }
}

/// What `daily` is to hold of one dimension on these neighbouring days of a site, as `(starts: UInt32, value: String,
/// has_events: UInt8, has_visits: UInt8, visitors, pageviews, events, visits, duration_seconds: UInt64, bounces: Int64)`.
pub(crate) fn build(site: &Site, days: &[Day], dimension: Option<&Dimension>) -> Statement {
    let report = report_of(site, days, dimension);
    let measures: Vec<Measure> = metric::held_measures().collect();
    let mut params = Params::default();
    params.bind("site", site.id);
    super::window::Window::bind(&report, &mut params);
    let scans =
        [(Coverage::Events, (1, 0)), (Coverage::Visits, (0, 1))].map(|(coverage, (events, visits))| {
            let scan = Scan::new(&report, coverage).render(&measures, &mut params);
            format!("    SELECT *, {events} AS has_events, {visits} AS has_visits FROM\n    (\n{scan}\n    )")
        });
    let sums = measures.iter().map(|measure| {
        let facts = measure.facts();
        let (name, column) = (facts.name, facts.rolled.unwrap_or_default());
        let to = if *measure == Measure::Bounces { "toInt64" } else { "toUInt64" };
        format!("{to}(sum({name})) AS {column}")
    });
    let sql = format!(
        "-- roll-up: days by {by}\nSELECT toUInt32(d0) AS starts, toString({value}) AS value,\n    \
         toUInt8(max(scans.has_events)) AS has_events, toUInt8(max(scans.has_visits)) AS has_visits,\n    {sums}\nFROM\n(\n{scans}\n) AS scans\n\
         GROUP BY d0, value",
        by = dimension.map_or("nothing", |dimension| dimension.facts().name),
        value = if dimension.is_some() { "d1" } else { "''" },
        sums = sums.collect::<Vec<_>>().join(", "),
        scans = scans.join("\n    UNION ALL\n"),
    );
    params.statement(sql).setting("max_threads", "1")
}

/// The starts of those of these neighbouring days on which there are visitors of another day, as `starts: UInt64`: a site
/// whose time zone was changed has some.
pub(crate) fn shared(site: &Site, days: &[Day]) -> Statement {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Statement::new("SELECT 0 WHERE 0");
    };
    // No day is longer.
    let (from, to) = (first.starts.saturating_sub(MARGIN_SECONDS), last.ends.saturating_add(MARGIN_SECONDS));
    let starts = days.iter().map(|day| day.starts);
    let starts: Vec<u64> = std::iter::once(from).chain(starts).chain([last.ends]).map(u64::from).collect();
    let sql = "-- roll-up: days that share visitors\nSELECT DISTINCT arrayJoin([first, last]) AS starts\nFROM\n(\n    \
               SELECT min(day) AS first, max(day) AS last\n    FROM\n    (\n        \
               SELECT visitor_id, roundDown(toUInt64(toUnixTimestamp(timestamp)), {starts:Array(UInt64)}) AS day\n        \
               FROM events\n        WHERE site_id = {site:UInt32} AND timestamp >= toDateTime({from:UInt32}) AND timestamp < toDateTime({to:UInt32})\n    )\n    \
               GROUP BY visitor_id\n    HAVING first != last\n)";
    let mut params = Params::default();
    params.bind("site", site.id);
    params.bind("from", from);
    params.bind("to", to);
    params.bind("starts", starts);
    params.statement(sql.to_owned()).setting("max_threads", "1")
}

const MARGIN_SECONDS: u32 = 26 * 3_600;

fn report_of(site: &Site, days: &[Day], dimension: Option<&Dimension>) -> Report {
    let instant = |seconds: u32| Timestamp::from_second(seconds.into()).unwrap_or_default();
    let (from, to) = (days.first().map_or(0, |day| day.starts), days.last().map_or(0, |day| day.ends));
    let buckets = days.iter().map(|day| Bucket { start: instant(day.starts), label: String::new() });
    Report {
        site: site.clone(),
        range: Range { from: instant(from), to: instant(to), time_zone: site.time_zone.clone() },
        metrics: Vec::new(),
        dimensions: std::iter::once(Dimension::TimeDay).chain(dimension.cloned()).collect(),
        buckets: buckets.collect(),
        filters: Vec::new(),
        order_by: Vec::new(),
        limit: LIMIT_MAX,
        offset: 0,
        counts_rows: false,
        floor: None,
        rolled: None,
    }
}
