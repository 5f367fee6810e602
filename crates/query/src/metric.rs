//! The closed set of metrics, and the measures that they are made of.
//!
//! A measure is a sum that one scan of the table fills and that may be added up over scans and groups; a metric is a
//! formula over measures. One row of [`TABLE`] a metric, one row of [`MEASURES`] a measure. No filter or dimension may
//! appear here.

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
}

/// A sum that a scan fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Visitors,
    Pageviews,
    Events,
    /// Visits that have an event in the group: `visits` of reports that are grouped by an event's page, host or name.
    SeenVisits,
    Visits,
    DurationSeconds,
    Bounces,
    /// The visits that the bounces are of.
    BounceVisits,
}

/// Which rows a measure adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Events in the range.
    Events,
    /// All events of visits that began in the range.
    Visits,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Integer,
    Decimal,
}

pub(crate) struct Facts {
    pub(crate) metric: Metric,
    /// Name in the API.
    pub(crate) name: &'static str,
    pub(crate) measures: &'static [Measure],
    /// SQL over the sums of the measures. ClickHouse rounds halves to even, as it does in the Stats API.
    pub(crate) formula: &'static str,
    pub(crate) form: Form,
}

/// Every metric, in the order of the enum.
#[rustfmt::skip]
pub(crate) const TABLE: &[Facts] = &[
    Facts { metric: Metric::Visitors, name: "visitors", form: Form::Integer,
        measures: &[Measure::Visitors], formula: "sum(visitor_count)" },
    Facts { metric: Metric::Visits, name: "visits", form: Form::Integer,
        measures: &[Measure::Visits], formula: "sum(visit_count)" },
    Facts { metric: Metric::Pageviews, name: "pageviews", form: Form::Integer,
        measures: &[Measure::Pageviews], formula: "sum(pageview_count)" },
    Facts { metric: Metric::Events, name: "events", form: Form::Integer,
        measures: &[Measure::Events], formula: "sum(event_count)" },
    Facts { metric: Metric::ViewsPerVisit, name: "views_per_visit", form: Form::Decimal,
        measures: &[Measure::Pageviews, Measure::Visits], formula: "ifNotFinite(round(sum(pageview_count) / sum(visit_count), 2), 0)" },
    Facts { metric: Metric::BounceRate, name: "bounce_rate", form: Form::Integer,
        measures: &[Measure::Bounces, Measure::BounceVisits], formula: "ifNotFinite(round(sum(bounce_count) / sum(bounce_visit_count) * 100), 0)" },
    Facts { metric: Metric::VisitDuration, name: "visit_duration", form: Form::Integer,
        measures: &[Measure::DurationSeconds, Measure::Visits], formula: "ifNotFinite(round(sum(visit_seconds) / sum(visit_count)), 0)" },
];

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
}

/// Every measure, in the order of the enum.
#[rustfmt::skip]
const MEASURES: &[MeasureFacts] = &[
    MeasureFacts { measure: Measure::Visitors, name: "visitor_count", scope: Scope::Events,
        function: "uniqExact", argument: "visitor_id", condition: None },
    MeasureFacts { measure: Measure::Pageviews, name: "pageview_count", scope: Scope::Events,
        function: "count", argument: "", condition: Some("name = 'pageview'") },
    MeasureFacts { measure: Measure::Events, name: "event_count", scope: Scope::Events,
        function: "count", argument: "", condition: Some("name != 'engagement'") },
    MeasureFacts { measure: Measure::SeenVisits, name: "seen_visit_count", scope: Scope::Events,
        function: "uniqExact", argument: "visit_id", condition: None },
    MeasureFacts { measure: Measure::Visits, name: "visit_count", scope: Scope::Visits,
        function: "sum", argument: "visits", condition: None },
    MeasureFacts { measure: Measure::DurationSeconds, name: "visit_seconds", scope: Scope::Visits,
        function: "sum", argument: "duration_seconds", condition: None },
    MeasureFacts { measure: Measure::Bounces, name: "bounce_count", scope: Scope::Visits,
        function: "sum", argument: "bounces", condition: None },
    MeasureFacts { measure: Measure::BounceVisits, name: "bounce_visit_count", scope: Scope::Visits,
        function: "sum", argument: "visits", condition: None },
];

impl Metric {
    /// The metric of this API name.
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|facts| facts.name == name).map(|facts| facts.metric)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        TABLE.iter().map(|facts| facts.name).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn facts(self) -> &'static Facts {
        // A test holds the table to the order of the enum.
        &TABLE[self as usize]
    }

    /// Whether it only makes sense for whole visits.
    pub(crate) fn is_session(self) -> bool {
        match self {
            Self::ViewsPerVisit | Self::BounceRate | Self::VisitDuration => true,
            Self::Visitors | Self::Visits | Self::Pageviews | Self::Events => false,
        }
    }
}

impl Measure {
    pub(crate) fn facts(self) -> &'static MeasureFacts {
        let facts = &MEASURES[self as usize];
        debug_assert_eq!(facts.measure, self);
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_in_the_order_of_their_enums() {
        for (index, facts) in TABLE.iter().enumerate() {
            assert_eq!(facts.metric as usize, index, "{}", facts.name);
        }
        for (index, facts) in MEASURES.iter().enumerate() {
            assert_eq!(facts.measure as usize, index, "{}", facts.name);
        }
    }
}
