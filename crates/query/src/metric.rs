//! The closed set of metrics, and the measures that they are made of.
//!
//! A measure is a sum that one scan of the table fills and that may be added up over scans and groups; a metric is a
//! formula over measures. One row of [`TABLE`] a metric, one row of [`MEASURES`] a measure. No filter or dimension may
//! appear here.

use crate::table::{Row, Table};

/// What a report measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Distinct visitors; a visitor is one of one site-local day.
    Visitors,
    /// Distinct visits.
    Visits,
    /// Events named `pageview`.
    Pageviews,
    /// Events other than `engagement`.
    Events,
    /// Pageviews a visit.
    ViewsPerVisit,
    /// Percent of visits with exactly one interactive event.
    BounceRate,
    /// Seconds between the first and the last event of a visit, on average.
    VisitDuration,
    /// Seconds that a page was looked at, a visit that looked at it.
    TimeOnPage,
    /// Percent of a page that was seen, a visit that saw it.
    ScrollDepth,
    /// Exits from a page, of a hundred of its pageviews.
    ExitRate,
    /// Visitors of the row, of a hundred of the whole report's.
    Percentage,
    /// Visitors who met the goal, of a hundred that might have.
    ConversionRate,
    /// The same inside each group.
    GroupConversionRate,
    /// Revenue of the goal's events, in the goal's currency.
    TotalRevenue,
    /// Revenue of one of those events that carry any.
    AverageRevenue,
}

/// A sum that a scan fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Visitors,
    Pageviews,
    Events,
    /// Visits that have an event in the group: `visits` of reports that are grouped by what single events are.
    SeenVisits,
    EngagementMs,
    EngagedVisits,
    Revenue,
    /// The events that the revenue is of.
    RevenueEvents,
    /// Events whose revenue is in another currency than the goal's.
    ForeignEvents,
    Visits,
    DurationSeconds,
    Bounces,
    /// The visits that the bounces are of.
    BounceVisits,
    Depths,
    /// The visits that the depths are of.
    DepthVisits,
    Exits,
    /// Pageviews of the page that was left.
    ExitViews,
}

/// Which rows a measure adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Events in the range.
    Events,
    /// All events of visits that began in the range.
    Visits,
    /// The greatest scroll depth of each visit in each group, of events in the range.
    Depths,
    /// Visits that began in the range, under the page that they left from.
    Exits,
    /// Events in the range, under their own page where the others are under the page that was left.
    Views,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Integer,
    Decimal,
    /// An amount of money, with its currency.
    Money,
}

/// What a question must hold for the metric to mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A dimension.
    Dimension,
    /// `event:page` as a dimension or in a filter.
    Page,
    /// `event:page` or `visit:exit_page` as a dimension, and no filter on single events.
    ExitPage,
    /// `event:goal` as a dimension or in a filter.
    Goal,
}

/// How a metric is compared with that of another period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Whole percent.
    Percent,
    /// The difference, because it is a percentage itself.
    Points,
}

/// What a group without any row of its own has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    Zero,
    Null,
}

pub(crate) struct Facts {
    pub(crate) metric: Metric,
    /// Name in the API.
    pub(crate) name: &'static str,
    pub(crate) measures: &'static [Measure],
    /// SQL over the sums of the measures; [`TOTAL`], [`ALL`] and [`GROUP`] stand for visitors counted elsewhere.
    /// ClickHouse rounds halves to even, as it does in the Stats API.
    pub(crate) formula: &'static str,
    /// The same over sums that have been added up already, where roll-ups hold the measures.
    pub(crate) of_sums: Option<fn(&Sums) -> f64>,
    pub(crate) form: Form,
    pub(crate) needs: Needs,
    pub(crate) change: Change,
    pub(crate) empty: Empty,
}

/// Visitors of the whole report.
pub(crate) const TOTAL: &str = "$total";
/// Visitors of the whole report without its filters on goals and properties.
pub(crate) const ALL: &str = "$all";
/// Visitors of the group without the filters on goals and properties.
pub(crate) const GROUP: &str = "$group";

const fn facts(
    metric: Metric,
    name: &'static str,
    measures: &'static [Measure],
    formula: &'static str,
) -> Facts {
    let (form, needs, change, empty) = (Form::Integer, Needs::Nothing, Change::Percent, Empty::Zero);
    Facts { metric, name, measures, formula, of_sums: None, form, needs, change, empty }
}

/// What closed days add up to, in one group of a report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) visitors: f64,
    pub(crate) pageviews: f64,
    pub(crate) events: f64,
    pub(crate) visits: f64,
    pub(crate) duration_seconds: f64,
    pub(crate) bounces: f64,
    /// Visitors of the whole report.
    pub(crate) total_visitors: f64,
}

/// A ratio as ClickHouse rounds it, halves to even; what cannot be divided is 0.
fn ratio(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let rounded = (value * scale).round_ties_even() / scale;
    if rounded.is_finite() { rounded } else { 0.0 }
}

/// Every metric.
#[rustfmt::skip]
pub(crate) static TABLE: Table<Facts> = Table(&[
    Facts { of_sums: Some(|sums| sums.visitors), ..facts(Metric::Visitors, "visitors", &[Measure::Visitors], "sum(visitor_count)") },
    Facts { of_sums: Some(|sums| sums.visits), ..facts(Metric::Visits, "visits", &[Measure::Visits], "sum(visit_count)") },
    Facts { of_sums: Some(|sums| sums.pageviews), ..facts(Metric::Pageviews, "pageviews", &[Measure::Pageviews], "sum(pageview_count)") },
    Facts { of_sums: Some(|sums| sums.events), ..facts(Metric::Events, "events", &[Measure::Events], "sum(event_count)") },
    Facts { of_sums: Some(|sums| ratio(sums.pageviews / sums.visits, 2)), form: Form::Decimal, ..facts(Metric::ViewsPerVisit, "views_per_visit",
        &[Measure::Pageviews, Measure::Visits], "ifNotFinite(round(sum(pageview_count) / sum(visit_count), 2), 0)") },
    Facts { of_sums: Some(|sums| ratio(sums.bounces / sums.visits * 100.0, 0)), change: Change::Points, ..facts(Metric::BounceRate, "bounce_rate",
        &[Measure::Bounces, Measure::BounceVisits], "ifNotFinite(round(sum(bounce_count) / sum(bounce_visit_count) * 100), 0)") },
    Facts { of_sums: Some(|sums| ratio(sums.duration_seconds / sums.visits, 0)), ..facts(Metric::VisitDuration, "visit_duration",
        &[Measure::DurationSeconds, Measure::Visits], "ifNotFinite(round(sum(visit_seconds) / sum(visit_count)), 0)") },
    Facts { needs: Needs::Page, empty: Empty::Null, ..facts(Metric::TimeOnPage, "time_on_page",
        &[Measure::EngagementMs, Measure::EngagedVisits], "if(sum(engaged_visit_count) = 0, NULL, round(sum(engagement_ms) / sum(engaged_visit_count) / 1000))") },
    Facts { needs: Needs::Page, empty: Empty::Null, ..facts(Metric::ScrollDepth, "scroll_depth",
        &[Measure::Depths, Measure::DepthVisits], "if(sum(depth_visit_count) = 0, NULL, round(sum(depth_sum) / sum(depth_visit_count)))") },
    Facts { form: Form::Decimal, needs: Needs::ExitPage, change: Change::Points, empty: Empty::Null, ..facts(Metric::ExitRate, "exit_rate",
        &[Measure::Exits, Measure::ExitViews], "if(sum(exit_view_count) = 0, NULL, round(sum(exit_count) / sum(exit_view_count) * 100, 1))") },
    Facts { of_sums: Some(|sums| ratio(sums.visitors / sums.total_visitors * 100.0, 2)), form: Form::Decimal, needs: Needs::Dimension, ..facts(Metric::Percentage, "percentage",
        &[Measure::Visitors], "ifNotFinite(round(sum(visitor_count) / $total * 100, 2), 0)") },
    Facts { form: Form::Decimal, needs: Needs::Goal, ..facts(Metric::ConversionRate, "conversion_rate",
        &[Measure::Visitors], "ifNotFinite(round(sum(visitor_count) / $all * 100, 2), 0)") },
    Facts { form: Form::Decimal, needs: Needs::Goal, ..facts(Metric::GroupConversionRate, "group_conversion_rate",
        &[Measure::Visitors], "ifNotFinite(round(sum(visitor_count) / $group * 100, 2), 0)") },
    Facts { form: Form::Money, needs: Needs::Goal, ..facts(Metric::TotalRevenue, "total_revenue",
        &[Measure::Revenue, Measure::ForeignEvents], "sum(revenue_sum)") },
    Facts { form: Form::Money, needs: Needs::Goal, ..facts(Metric::AverageRevenue, "average_revenue",
        &[Measure::Revenue, Measure::RevenueEvents, Measure::ForeignEvents], "ifNotFinite(round(toFloat64(sum(revenue_sum)) / sum(revenue_event_count), 3), 0)") },
]);

pub(crate) struct MeasureFacts {
    measure: Measure,
    /// Name of the column that carries it out of the scan; never one of the table's, which it would hide.
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    /// Aggregate function, to which `If` may be added.
    pub(crate) function: &'static str,
    pub(crate) argument: &'static str,
    /// Rows that count, if not all do.
    pub(crate) condition: Option<&'static str>,
    /// The column of `daily` that holds it. What counts visits on a page is not the sum of days: a visit may see the page
    /// before midnight and after.
    pub(crate) rolled: Option<&'static str>,
}

/// The measures that `daily` has columns of, one a column.
pub(crate) fn held_measures() -> impl Iterator<Item = Measure> {
    let held = |facts: &&MeasureFacts| facts.rolled.is_some() && facts.measure != Measure::BounceVisits;
    MEASURES.0.iter().filter(held).map(|facts| facts.measure)
}

/// Every measure.
#[rustfmt::skip]
static MEASURES: Table<MeasureFacts> = Table(&[
    MeasureFacts { measure: Measure::Visitors, name: "visitor_count", scope: Scope::Events,
        function: "uniqExact", argument: "visitor_id", condition: None, rolled: Some("visitors") },
    MeasureFacts { measure: Measure::Pageviews, name: "pageview_count", scope: Scope::Events,
        function: "count", argument: "", condition: Some("name = 'pageview'"), rolled: Some("pageviews") },
    MeasureFacts { measure: Measure::Events, name: "event_count", scope: Scope::Events,
        function: "count", argument: "", condition: Some("name != 'engagement'"), rolled: Some("events") },
    MeasureFacts { measure: Measure::SeenVisits, name: "seen_visit_count", scope: Scope::Events,
        function: "uniqExact", argument: "visit_id", condition: None, rolled: None },
    MeasureFacts { measure: Measure::EngagementMs, name: "engagement_ms", scope: Scope::Events,
        function: "sum", argument: "engagement_time_ms", condition: Some("name = 'engagement'"), rolled: None },
    MeasureFacts { measure: Measure::EngagedVisits, name: "engaged_visit_count", scope: Scope::Events,
        function: "uniqExact", argument: "visit_id", condition: Some("name = 'engagement' AND engagement_time_ms > 0"), rolled: None },
    MeasureFacts { measure: Measure::Revenue, name: "revenue_sum", scope: Scope::Events,
        function: "sum", argument: "revenue_amount", condition: None, rolled: None },
    MeasureFacts { measure: Measure::RevenueEvents, name: "revenue_event_count", scope: Scope::Events,
        function: "count", argument: "", condition: None, rolled: None },
    MeasureFacts { measure: Measure::ForeignEvents, name: "foreign_event_count", scope: Scope::Events,
        function: "count", argument: "", condition: None, rolled: None },
    MeasureFacts { measure: Measure::Visits, name: "visit_count", scope: Scope::Visits,
        function: "sum", argument: "visits", condition: None, rolled: Some("visits") },
    MeasureFacts { measure: Measure::DurationSeconds, name: "visit_seconds", scope: Scope::Visits,
        function: "sum", argument: "duration_seconds", condition: None, rolled: Some("duration_seconds") },
    MeasureFacts { measure: Measure::Bounces, name: "bounce_count", scope: Scope::Visits,
        function: "sum", argument: "bounces", condition: None, rolled: Some("bounces") },
    MeasureFacts { measure: Measure::BounceVisits, name: "bounce_visit_count", scope: Scope::Visits,
        function: "sum", argument: "visits", condition: None, rolled: Some("visits") },
    MeasureFacts { measure: Measure::Depths, name: "depth_sum", scope: Scope::Depths,
        function: "sum", argument: "depth", condition: None, rolled: None },
    MeasureFacts { measure: Measure::DepthVisits, name: "depth_visit_count", scope: Scope::Depths,
        function: "count", argument: "", condition: None, rolled: None },
    MeasureFacts { measure: Measure::Exits, name: "exit_count", scope: Scope::Exits,
        function: "sum", argument: "visits", condition: None, rolled: None },
    MeasureFacts { measure: Measure::ExitViews, name: "exit_view_count", scope: Scope::Views,
        function: "count", argument: "", condition: Some("name = 'pageview'"), rolled: None },
]);

impl Row for Facts {
    type Member = Metric;

    fn name(&self) -> &'static str {
        self.name
    }

    fn is_about(&self, member: &Metric) -> bool {
        self.metric == *member
    }
}

impl Row for MeasureFacts {
    type Member = Measure;

    fn name(&self) -> &'static str {
        self.name
    }

    fn is_about(&self, member: &Measure) -> bool {
        self.measure == *member
    }
}

impl Metric {
    /// The metric of this API name.
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.named(name).map(|facts| facts.metric)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// All of them, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.0.iter().map(|facts| facts.metric)
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        TABLE.names()
    }

    pub(crate) fn facts(self) -> &'static Facts {
        TABLE.about(&self)
    }

    /// Whether it is an amount of money.
    pub(crate) fn is_money(self) -> bool {
        self.facts().form == Form::Money
    }
}

impl MeasureFacts {
    /// Whether it counts what is distinct, which no sum over groups does.
    pub(crate) fn is_distinct(&self) -> bool {
        self.function == "uniqExact"
    }
}

impl Measure {
    pub(crate) fn facts(self) -> &'static MeasureFacts {
        MEASURES.about(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name_and_by_its_metric() {
        for (index, facts) in TABLE.0.iter().enumerate() {
            assert_eq!(facts.metric as usize, index, "{}", facts.name);
            assert_eq!(Metric::parse(facts.name), Some(facts.metric));
        }
        assert_eq!(TABLE.0.len(), Metric::AverageRevenue as usize + 1);
        for (index, facts) in MEASURES.0.iter().enumerate() {
            assert_eq!(facts.measure as usize, index, "{}", facts.name);
        }
        assert_eq!(MEASURES.0.len(), Measure::ExitViews as usize + 1);
    }

    #[test]
    fn every_formula_uses_the_measures_that_it_names_and_no_other() {
        for facts in TABLE.0 {
            for measure in MEASURES.0 {
                let named = facts.formula.contains(&format!("sum({})", measure.name));
                let listed = facts.measures.contains(&measure.measure);
                // Those in other currencies are counted for the answer's warning.
                assert!(named == listed || measure.measure == Measure::ForeignEvents, "{}", facts.name);
            }
        }
    }
}
