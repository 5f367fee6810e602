//! Which metrics go with which dimensions and filters. A question that no definition answers is refused here, so that
//! no statement can be rendered for it.

use crate::{
    dimension::{Column, Dimension},
    error::{Error, Result},
    filter::Filter,
    metric::{Metric, Needs},
    report::Report,
};

/// Refuses metrics that the report's dimensions and filters give no meaning to.
///
/// # Errors
/// With the path of the metric.
pub(crate) fn check(report: &Report) -> Result<()> {
    for (index, metric) in report.metrics.iter().enumerate() {
        if let Some(refusal) = mixes(report, *metric).or_else(|| misses(report, *metric).map(str::to_owned)) {
            let message = format!("metric {:?} {refusal}", metric.name());
            return Err(Error::invalid(format!("#/metrics/{index}"), message));
        }
    }
    Ok(())
}

/// Whole visits have no one answer to what single events are.
fn mixes(report: &Report, metric: Metric) -> Option<String> {
    let refused = |dimension: &&Dimension| match metric {
        Metric::ViewsPerVisit => dimension.is_event(),
        Metric::BounceRate | Metric::VisitDuration | Metric::ExitRate => dimension.names_events(),
        Metric::Visitors
        | Metric::Visits
        | Metric::Pageviews
        | Metric::Events
        | Metric::TimeOnPage
        | Metric::ScrollDepth
        | Metric::Percentage
        | Metric::ConversionRate
        | Metric::GroupConversionRate
        | Metric::TotalRevenue
        | Metric::AverageRevenue => false,
    };
    if let Some(dimension) = report.dimensions.iter().find(refused) {
        return Some(format!("cannot be asked with the event dimension {:?}", dimension.name()));
    }
    (metric == Metric::ViewsPerVisit && filters_on(report, &Dimension::EventPage))
        .then(|| format!("cannot be asked with a filter on {:?}", Dimension::EventPage.name()))
}

fn misses(report: &Report, metric: Metric) -> Option<&'static str> {
    let groups_by = |dimension| report.dimensions.contains(&dimension);
    let has = |dimension| filters_on(report, &dimension) || groups_by(dimension);
    match metric.facts().needs {
        Needs::Nothing => None,
        Needs::Dimension => report.dimensions.is_empty().then_some("needs a dimension"),
        Needs::Page => {
            (!has(Dimension::EventPage)).then_some(r#"needs "event:page" as a dimension or in a filter"#)
        }
        Needs::Goal => {
            (!has(Dimension::EventGoal)).then_some(r#"needs "event:goal" as a dimension or in a filter"#)
        }
        Needs::ExitPage => {
            if groups_by(Dimension::EventPage) == groups_by(Dimension::ExitPage) {
                return Some(r#"needs either "event:page" or "visit:exit_page" as a dimension"#);
            }
            let by_visit = report.dimensions.iter().any(Dimension::is_visit);
            let clauses = || report.filters.iter().flat_map(Filter::clauses);
            clauses()
                .any(|clause| match clause.dimension.column() {
                    // By exit page, a host is that of the visit's entry.
                    Column::Event(..) => !(by_visit && clause.dimension == Dimension::EventHostname),
                    Column::Goal | Column::Prop => true,
                    Column::Visit(_)
                    | Column::Page(_)
                    | Column::CountryName(_)
                    | Column::Nothing
                    | Column::Time(_) => false,
                })
                .then_some("cannot be asked with a filter on single events")
        }
    }
}

fn filters_on(report: &Report, dimension: &Dimension) -> bool {
    report.filters.iter().flat_map(Filter::clauses).any(|clause| clause.dimension == *dimension)
}

#[cfg(test)]
mod tests;
