//! The live view as one statement: each event of the window stands in every part that it belongs to.

use jiff::Timestamp;
use passant_store::Statement;

use crate::{dimension::Column, live::Part, report::Report};

use super::{
    LIVE_SECONDS, Params,
    explore::folded,
    predicate,
    scan::{Coverage, Scan},
    window::Window,
};

/// Rows of each part that are shown.
const ROWS_MAX: u64 = 8;

/// The rows of all parts, as `(groups: [part, group], numbers: [visitors, pageviews], is_folded)`; the folded row of a part
/// comes last of it.
pub(crate) fn live(report: &Report, now: Timestamp) -> Statement {
    let mut params = Params::default();
    params.bind("site", report.site.id);
    Window::bind(report, &mut params);
    params.bind("floor", report.floor.map_or(1, |floor| floor.visitors));
    params.bind("now_after", now.as_second().saturating_sub(LIVE_SECONDS).max(0));
    params.bind("rows", ROWS_MAX);
    params.bind("limit", ROWS_MAX * Part::ALL.len() as u64);
    let mut scan = Scan::new(report, Coverage::Events).grouped_by(Vec::new());
    let condition = predicate::render(&mut scan, &mut params);
    let parts = Part::ALL.map(|part| format!("('{}', {})", part.name(), group(part))).join(", ");
    let grouped = format!(
        "SELECT part.1 AS d0, part.2 AS d1, uniqExactState(visitor_id) AS visitor_count, countIf(name = 'pageview') AS visit_count \
         FROM {table} ARRAY JOIN arrayFilter(part -> part.1 != '{now}' OR timestamp > toDateTime({{now_after:UInt32}}), [{parts}]) AS part \
         WHERE {rows} GROUP BY d0, d1",
        table = scan.table(),
        now = Part::Now.name(),
        rows = scan.rows(condition),
    );
    let order = "d0 ASC, folded ASC, numbers[1] DESC NULLS LAST, d1 ASC\nLIMIT {rows:UInt64} BY d0";
    params.statement(folded("live view", &grouped, (1, 2), order))
}

/// What the part is counted by.
fn group(part: Part) -> String {
    match part.by().map(|by| by.column()) {
        Some(Column::Event(column, _) | Column::Visit(column)) => format!("toString({column})"),
        Some(
            Column::Goal
            | Column::Prop
            | Column::Page(_)
            | Column::CountryName(_)
            | Column::Nothing
            | Column::Time(_),
        )
        | None => "''".to_owned(),
    }
}
