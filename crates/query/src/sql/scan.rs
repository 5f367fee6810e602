//! One scan of `events`: its columns, its window, and what it must know of whole visits.
//!
//! Invariant: all scans of one report have the same columns in the same order, so that they can be united.

use std::collections::BTreeSet;

use crate::{
    country,
    dimension::{Column, Dimension, VisitPage},
    metric::{Measure, Scope},
    report::Report,
};

use super::{Params, groups_by_event, predicate, seconds};

/// Which scopes a scan fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    Events,
    Visits,
    Both,
}

pub(crate) struct Scan<'a> {
    pub(crate) report: &'a Report,
    coverage: Coverage,
    /// Pages of whole visits that the text has named so far.
    pages: BTreeSet<VisitPage>,
}

const IN_RANGE: &str = "timestamp < toDateTime({to:UInt32})";
const BEGAN_IN_RANGE: &str = "visit_start >= toDateTime({from:UInt32})";
const PAGEVIEW: &str = "name = 'pageview'";

impl Coverage {
    fn fills(self, scope: Scope) -> bool {
        match self {
            Self::Events => scope == Scope::Events,
            Self::Visits => scope == Scope::Visits,
            Self::Both => true,
        }
    }

    /// The rows that it needs. A visit begins before its events, so the first condition never loses one.
    fn window(self) -> &'static str {
        match self {
            Self::Events => "timestamp >= toDateTime({from:UInt32}) AND timestamp < toDateTime({to:UInt32})",
            Self::Visits => {
                "timestamp >= toDateTime({from:UInt32}) AND visit_start >= toDateTime({from:UInt32}) \
                 AND visit_start < toDateTime({to:UInt32})"
            }
            Self::Both => {
                "timestamp >= toDateTime({from:UInt32}) AND visit_start < toDateTime({to:UInt32}) \
                 AND (timestamp < toDateTime({to:UInt32}) OR visit_start >= toDateTime({from:UInt32}))"
            }
        }
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(report: &'a Report, coverage: Coverage) -> Self {
        Self { report, coverage, pages: BTreeSet::new() }
    }

    /// The whole `SELECT`.
    pub(crate) fn render(mut self, measures: &[Measure], params: &mut Params) -> String {
        let mut columns = Vec::new();
        for (index, dimension) in self.report.dimensions.iter().enumerate() {
            columns.push(format!("{} AS d{index}", self.group_column(*dimension, params)));
        }
        for measure in measures {
            columns.push(format!("{} AS {}", self.aggregate(*measure, params), measure.facts().name));
        }
        if groups_by_event(self.report) {
            columns.push(format!("{} AS seen", u8::from(self.coverage.fills(Scope::Events))));
        }
        let condition = match self.coverage {
            Coverage::Visits if predicate::tells_events_apart(self.report) => {
                Some(self.visits_that_saw(params))
            }
            Coverage::Events | Coverage::Visits | Coverage::Both => predicate::render(&mut self, params),
        };
        let groups: Vec<_> = (0..self.report.dimensions.len()).map(|index| format!("d{index}")).collect();
        let group_by =
            if groups.is_empty() { String::new() } else { format!("\n    GROUP BY {}", groups.join(", ")) };
        format!(
            "    SELECT {columns}\n    FROM {from}\n    WHERE {rows}{group_by}",
            columns = columns.join(", "),
            from = self.table(),
            rows = self.rows(condition),
        )
    }

    /// The column that holds this page of the visit; the scan will know it.
    pub(crate) fn page_column(&mut self, page: VisitPage) -> &'static str {
        self.pages.insert(page);
        page_facts(page).0
    }

    /// The column of an attribute that is the same on all rows of a visit.
    pub(crate) fn country_name(column: &str, params: &mut Params) -> String {
        params.bind("country_codes", country::codes());
        params.bind("country_names", country::names());
        format!(
            "transform({column}, {{country_codes:Array(String)}}, {{country_names:Array(String)}}, {column})"
        )
    }

    fn group_column(&mut self, dimension: Dimension, params: &mut Params) -> String {
        match (dimension.column(), self.coverage) {
            // Visits are grouped by the page and host that they entered on.
            (Column::Event(_, Some(page)), Coverage::Visits) => self.page_column(page).to_owned(),
            (Column::Event(column, _), _) | (Column::Visit(column), _) => column.to_owned(),
            (Column::Page(page), _) => self.page_column(page).to_owned(),
            (Column::CountryName(column), _) => Self::country_name(column, params),
            (Column::Nothing, _) => "''".to_owned(),
            (Column::Time(_), coverage) => {
                let starts: Vec<u64> =
                    self.report.buckets.iter().map(|bucket| seconds(bucket.start)).collect();
                params.bind("bucket_starts", starts);
                let instant = if coverage == Coverage::Visits { "visit_start" } else { "timestamp" };
                format!("roundDown(toUInt64(toUnixTimestamp({instant})), {{bucket_starts:Array(UInt64)}})")
            }
        }
    }

    /// The measure's aggregate; 0 when another scan fills it.
    fn aggregate(&mut self, measure: Measure, params: &mut Params) -> String {
        let facts = measure.facts();
        if !self.coverage.fills(facts.scope) {
            return "0".to_owned();
        }
        let mut conditions: Vec<String> = facts.condition.map(str::to_owned).into_iter().collect();
        match (self.coverage, facts.scope) {
            (Coverage::Both, Scope::Events) => conditions.push(IN_RANGE.to_owned()),
            (Coverage::Both, Scope::Visits) => conditions.push(BEGAN_IN_RANGE.to_owned()),
            (Coverage::Events | Coverage::Visits, _) => {}
        }
        match measure {
            // A page is seen by a pageview; but a filter on names may leave none of those.
            Measure::SeenVisits if !predicate::names_events(self.report) => {
                conditions.push(PAGEVIEW.to_owned())
            }
            // With a page filter, the bounce rate speaks of visits that entered there.
            Measure::Bounces | Measure::BounceVisits => {
                conditions.extend(predicate::entered_there(self, params))
            }
            Measure::SeenVisits
            | Measure::Visitors
            | Measure::Pageviews
            | Measure::Events
            | Measure::Visits
            | Measure::DurationSeconds => {}
        }
        let (function, argument) = (facts.function, facts.argument);
        match (conditions.is_empty(), argument.is_empty()) {
            (true, _) => format!("{function}({argument})"),
            (false, true) => format!("{function}If({})", conditions.join(" AND ")),
            (false, false) => format!("{function}If({argument}, {})", conditions.join(" AND ")),
        }
    }

    /// Visits that have an event which the filters let through.
    fn visits_that_saw(&self, params: &mut Params) -> String {
        let mut seen = Scan::new(self.report, Coverage::Visits);
        let condition = predicate::render(&mut seen, params);
        format!("visit_id IN (SELECT visit_id FROM {} WHERE {})", seen.table(), seen.rows(condition))
    }

    fn rows(&self, condition: Option<String>) -> String {
        let condition = condition.map(|condition| format!(" AND {condition}")).unwrap_or_default();
        format!("site_id = {{site:UInt32}} AND {}{condition}", self.coverage.window())
    }

    /// The table, joined with the pages of its visits where the text names them. The rows of a visit before its first
    /// pageview do not know its entry page, and no row but the last knows the exit page.
    fn table(&self) -> String {
        if self.pages.is_empty() {
            return "events".to_owned();
        }
        let pages: Vec<_> = self
            .pages
            .iter()
            .map(|page| {
                let (name, aggregate) = page_facts(*page);
                format!("{aggregate} AS {name}")
            })
            .collect();
        // Whole visits: those that events in the range belong to may have begun before it.
        let since = match self.coverage {
            Coverage::Visits => {
                "toDateTime({from:UInt32}) AND visit_start >= toDateTime({from:UInt32})".to_owned()
            }
            Coverage::Events | Coverage::Both => format!(
                "(SELECT if(count() = 0, toDateTime({{from:UInt32}}), least(min(visit_start), toDateTime({{from:UInt32}}))) \
                 FROM events WHERE site_id = {{site:UInt32}} AND {})",
                Coverage::Events.window()
            ),
        };
        format!(
            "events INNER JOIN (SELECT visit_id, {} FROM events WHERE site_id = {{site:UInt32}} \
             AND timestamp >= {since} AND visit_start < toDateTime({{to:UInt32}}) GROUP BY visit_id) AS pages \
             USING (visit_id)",
            pages.join(", ")
        )
    }
}

/// The name of a visit's page, and how its rows tell it.
fn page_facts(page: VisitPage) -> (&'static str, &'static str) {
    match page {
        VisitPage::EntryPath => ("visit_entry_path", "max(entry_pathname)"),
        VisitPage::EntryHost => ("visit_entry_host", "max(entry_hostname)"),
        VisitPage::ExitPath => ("visit_exit_path", "argMaxIf(pathname, visit_sequence, name = 'pageview')"),
        VisitPage::ExitHost => ("visit_exit_host", "argMaxIf(hostname, visit_sequence, name = 'pageview')"),
    }
}
