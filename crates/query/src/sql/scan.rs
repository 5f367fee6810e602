//! One scan of `events`: its columns, its window, and what it must know of whole visits.
//!
//! Invariant: all scans of one report have the same columns in the same order, so that they can be united.

use std::collections::BTreeSet;

use crate::{
    country,
    dimension::{Column, Dimension, VisitPage},
    goal::Goal,
    metric::{Measure, Scope},
    report::Report,
};

use super::{Params, groups_by_event, predicate, seconds, tells_rows, window::Window};

/// Which scopes a scan fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    Events,
    Visits,
    Both,
    /// The greatest depth of each visit in each group.
    Depths,
    Exits,
    Views,
}

pub(crate) struct Scan<'a> {
    pub(crate) report: &'a Report,
    pub(crate) coverage: Coverage,
    /// Which of the report's dimensions it groups by.
    groups: Vec<usize>,
    /// Pages of whole visits that the text has named so far.
    pages: BTreeSet<VisitPage>,
    pub(crate) window: Window,
}

const PAGEVIEW: &str = "name = 'pageview'";

impl Coverage {
    fn fills(self, scope: Scope) -> bool {
        match self {
            Self::Events => scope == Scope::Events,
            Self::Visits => scope == Scope::Visits,
            Self::Both => matches!(scope, Scope::Events | Scope::Visits),
            Self::Depths => scope == Scope::Depths,
            Self::Exits => scope == Scope::Exits,
            Self::Views => scope == Scope::Views,
        }
    }

    /// Whether it adds up whole visits.
    pub(crate) fn is_of_visits(self) -> bool {
        match self {
            Self::Visits | Self::Exits => true,
            Self::Events | Self::Both | Self::Depths | Self::Views => false,
        }
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(report: &'a Report, coverage: Coverage) -> Self {
        let groups = (0..report.dimensions.len()).collect();
        Self { report, coverage, groups, pages: BTreeSet::new(), window: Window::of(report) }
    }

    /// The same scan grouped by some of the dimensions only.
    pub(crate) fn grouped_by(self, groups: Vec<usize>) -> Self {
        Self { groups, ..self }
    }

    /// A scan of the same visits, for a condition on them.
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.report, self.coverage).grouped_by(Vec::new())
    }

    /// The whole `SELECT`.
    pub(crate) fn render(mut self, measures: &[Measure], params: &mut Params) -> String {
        let mut columns = self.group_columns("d", params);
        let groups = self.group_by("d");
        for measure in measures {
            columns.push(format!("{} AS {}", self.aggregate(*measure, params), measure.facts().name));
        }
        if tells_rows(self.report) {
            columns.push(format!("{} AS seen", u8::from(self.gives_rows())));
        }
        if self.coverage == Coverage::Depths {
            return self.render_depths(&columns, params);
        }
        let condition = self.condition(params);
        format!(
            "    SELECT {columns}\n    FROM {from}\n    WHERE {rows}{groups}",
            columns = columns.join(", "),
            from = self.table_and_goals(params),
            rows = self.rows(condition),
        )
    }

    /// Distinct visitors in each group, as `visitors`, the groups as `g…`; without groups as a value.
    pub(crate) fn render_visitors(mut self, params: &mut Params) -> String {
        let mut columns = self.group_columns("g", params);
        columns.push("uniqExact(visitor_id) AS visitors".to_owned());
        let groups = self.group_by("g").replace('\n', " ").replace("    ", "");
        let condition = self.condition(params);
        let (from, rows) = (self.table_and_goals(params), self.rows(condition));
        format!("(SELECT {} FROM {from} WHERE {rows}{groups})", columns.join(", "))
    }

    /// Two steps: the greatest depth of a visit in a group, then their sum.
    fn render_depths(mut self, columns: &[String], params: &mut Params) -> String {
        let inner = self.group_columns("d", params);
        let names: Vec<_> = self.groups.iter().map(|index| format!("d{index}")).collect();
        let outer = names.iter().cloned().chain(columns[inner.len()..].iter().cloned());
        let by = names.iter().cloned().chain(["visit_id".to_owned()]);
        let condition = self.condition(params);
        format!(
            "    SELECT {outer}\n    FROM (SELECT {inner} FROM {from} WHERE {rows} AND name = 'engagement' \
             AND scroll_depth != 255 GROUP BY {by}){groups}",
            outer = outer.collect::<Vec<_>>().join(", "),
            inner = inner
                .into_iter()
                .chain(["max(scroll_depth) AS depth".to_owned()])
                .collect::<Vec<_>>()
                .join(", "),
            from = self.table_and_goals(params),
            rows = self.rows(condition),
            by = by.collect::<Vec<_>>().join(", "),
            groups = self.group_by("d"),
        )
    }

    fn group_columns(&mut self, letter: &str, params: &mut Params) -> Vec<String> {
        let report = self.report;
        let groups = self.groups.clone();
        let column = |index: usize| {
            format!("{} AS {letter}{index}", self.group_column(&report.dimensions[index], params))
        };
        groups.into_iter().map(column).collect()
    }

    fn group_by(&self, letter: &str) -> String {
        let groups: Vec<_> = self.groups.iter().map(|index| format!("{letter}{index}")).collect();
        if groups.is_empty() { String::new() } else { format!("\n    GROUP BY {}", groups.join(", ")) }
    }

    fn condition(&mut self, params: &mut Params) -> Option<String> {
        if self.coverage.is_of_visits() && predicate::tells_events_apart(self.report) {
            return Some(self.visits_that_saw(params));
        }
        predicate::render(self, params)
    }

    /// Whether its groups are rows of the answer, and not only numbers for them.
    fn gives_rows(&self) -> bool {
        match self.coverage {
            Coverage::Events | Coverage::Both => true,
            Coverage::Visits => !groups_by_event(self.report),
            Coverage::Depths | Coverage::Exits | Coverage::Views => false,
        }
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

    fn group_column(&mut self, dimension: &Dimension, params: &mut Params) -> String {
        match (dimension.column(), self.coverage) {
            // Visits are grouped by the page and host that they entered on, or left from.
            (Column::Event(_, Some(page)), Coverage::Visits) => self.page_column(page).to_owned(),
            (Column::Event(_, Some(VisitPage::EntryPath)), Coverage::Exits) => {
                self.page_column(VisitPage::ExitPath).to_owned()
            }
            (Column::Event(_, Some(_)), Coverage::Exits) => self.page_column(VisitPage::ExitHost).to_owned(),
            (Column::Page(VisitPage::ExitPath), Coverage::Views) => "pathname".to_owned(),
            (Column::Page(VisitPage::ExitHost), Coverage::Views) => "hostname".to_owned(),
            (Column::Goal, _) => "goal".to_owned(),
            (Column::Prop, _) => predicate::prop_of(dimension, params),
            (Column::Event(column, _), _) | (Column::Visit(column), _) => column.to_owned(),
            (Column::Page(page), _) => self.page_column(page).to_owned(),
            (Column::CountryName(column), _) => Self::country_name(column, params),
            (Column::Nothing, _) => "''".to_owned(),
            (Column::Time(_), coverage) => {
                let starts: Vec<u64> =
                    self.report.buckets.iter().map(|bucket| seconds(bucket.start)).collect();
                params.bind("bucket_starts", starts);
                let instant = if coverage.is_of_visits() { "visit_start" } else { "timestamp" };
                format!("roundDown(toUInt64(toUnixTimestamp({instant})), {{bucket_starts:Array(UInt64)}})")
            }
        }
    }

    /// The measure's aggregate; 0 when another scan fills it.
    fn aggregate(&mut self, measure: Measure, params: &mut Params) -> String {
        let facts = measure.facts();
        let unites = facts.is_distinct() && super::folds_groups(self.report);
        if !self.coverage.fills(facts.scope) {
            let nothing = if unites { "arrayReduce('uniqExactState', emptyArrayUInt64())" } else { "0" };
            return nothing.to_owned();
        }
        let mut conditions: Vec<String> = facts.condition.map(str::to_owned).into_iter().collect();
        match (self.coverage, facts.scope) {
            (Coverage::Both, Scope::Events) => conditions.push(self.window.in_range()),
            (Coverage::Both, Scope::Visits) => conditions.push(self.window.began_in_range()),
            (Coverage::Both, Scope::Depths | Scope::Exits | Scope::Views) => {}
            (
                Coverage::Events | Coverage::Visits | Coverage::Depths | Coverage::Exits | Coverage::Views,
                _,
            ) => {}
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
            Measure::Revenue | Measure::RevenueEvents => conditions.push(self.earns("=", params)),
            Measure::ForeignEvents => conditions.push(self.earns("!=", params)),
            Measure::SeenVisits
            | Measure::Visitors
            | Measure::Pageviews
            | Measure::Events
            | Measure::EngagementMs
            | Measure::EngagedVisits
            | Measure::Visits
            | Measure::DurationSeconds
            | Measure::Depths
            | Measure::DepthVisits
            | Measure::Exits
            | Measure::ExitViews => {}
        }
        let (function, argument) =
            if unites { ("uniqExactState", facts.argument) } else { (facts.function, facts.argument) };
        match (conditions.is_empty(), argument.is_empty()) {
            (true, _) => format!("{function}({argument})"),
            (false, true) => format!("{function}If({})", conditions.join(" AND ")),
            (false, false) => format!("{function}If({argument}, {})", conditions.join(" AND ")),
        }
    }

    /// Events that meet a goal with revenue and carry some in its currency, or in another one.
    fn earns(&self, comparison: &str, params: &mut Params) -> String {
        if self.report.groups_by_goal() {
            let currency = goal_currency("goal", self.report, params);
            return format!(
                "revenue_currency != '' AND {currency} != '' AND revenue_currency {comparison} {currency}"
            );
        }
        let Some(currency) = self.report.currency() else { return "0".to_owned() };
        let currency = params.bind_text(currency.to_owned());
        let goals = self.report.goals().into_iter().filter(|goal| goal.currency.is_some());
        let goals: Vec<_> = goals.map(|goal| predicate::meets(goal, params)).collect();
        format!(
            "revenue_currency != '' AND revenue_currency {comparison} {{{currency}:String}} AND ({})",
            goals.join(" OR ")
        )
    }

    /// Visits that have an event which the filters let through.
    pub(crate) fn visits_that_saw(&self, params: &mut Params) -> String {
        let mut seen = self.beside();
        let condition = predicate::render(&mut seen, params);
        format!("visit_id IN (SELECT visit_id FROM {} WHERE {})", seen.table(), seen.rows(condition))
    }

    /// Which rows it is about, and of which its `WHERE` is made.
    pub(crate) fn rows(&self, condition: Option<String>) -> String {
        let condition = condition.map(|condition| format!(" AND {condition}")).unwrap_or_default();
        format!("site_id = {{site:UInt32}} AND {}{condition}", self.window.rows(self.coverage))
    }

    /// The table, with a row for each goal that an event meets where the scan groups by goals.
    fn table_and_goals(&self, params: &mut Params) -> String {
        let by_goal = |index: &usize| self.report.dimensions[*index] == Dimension::EventGoal;
        if !self.groups.iter().any(by_goal) {
            return self.table();
        }
        let goals = self.report.goals();
        let conditions: Vec<_> = goals.iter().map(|goal| predicate::meets(goal, params)).collect();
        let met = if goals.is_empty() {
            "emptyArrayString()".to_owned()
        } else {
            params.bind("goals", goals.iter().map(|goal| goal.name.clone()).collect::<Vec<_>>());
            let met = conditions.join(", ");
            format!("arrayFilter((one, met) -> met, {{goals:Array(String)}}, [{met}])")
        };
        format!("{} ARRAY JOIN {met} AS goal", self.table())
    }

    /// The table, of which [`rows`](Self::rows) are looked at, with the pages of its visits where the text names them.
    pub(crate) fn table(&self) -> String {
        self.table_with_pages(&self.rows(None), &self.window.rest_of_visits())
    }

    /// The table, of which all events of the visits are looked at, with those visits' pages.
    pub(crate) fn table_of_whole_visits(&self) -> String {
        let rows = self.window.whole_visits(self.coverage);
        self.table_with_pages(&rows, &rows)
    }

    /// The rows of a visit before its first pageview do not know its entry page, and no row but the last knows the exit
    /// page. `later` is where the pageviews after these rows are found.
    fn table_with_pages(&self, rows: &str, later: &str) -> String {
        if self.pages.is_empty() {
            return "events".to_owned();
        }
        if self.pages.iter().all(|page| matches!(page, VisitPage::EntryPath | VisitPage::EntryHost)) {
            return self.entry_table(rows, later);
        }
        let pages: Vec<_> = self
            .pages
            .iter()
            .map(|page| {
                let (name, aggregate) = page_facts(*page);
                format!("{aggregate} AS {name}")
            })
            .collect();
        format!(
            "events INNER JOIN (SELECT visit_id, {} FROM events WHERE {} GROUP BY visit_id) AS pages USING (visit_id)",
            pages.join(", "),
            self.window.whole_visits(self.coverage)
        )
    }

    /// The rows with the entry page of their visits. From the first pageview on a row knows it; for those before, it is looked
    /// up in the pageviews after them that are their visits' first, unless there are no such rows.
    fn entry_table(&self, rows: &str, later: &str) -> String {
        let some = format!(
            "(SELECT count() FROM (SELECT 1 FROM events WHERE {rows} AND entry_pathname = '' LIMIT 1)) > 0"
        );
        let names = |page: &VisitPage| match page {
            VisitPage::EntryHost | VisitPage::ExitHost => ("entry_hostname", page_facts(*page).0),
            VisitPage::EntryPath | VisitPage::ExitPath => ("entry_pathname", page_facts(*page).0),
        };
        let each = |column: fn(&str, &str) -> String| {
            let columns = self.pages.iter().map(names).map(|(own, name)| column(own, name));
            columns.collect::<Vec<_>>().join(", ")
        };
        format!(
            "(SELECT *, {known} FROM events WHERE {rows} AND entry_pathname != '' UNION ALL \
             SELECT events.*, {looked_up} FROM events LEFT JOIN (SELECT visit_id, {first} FROM events \
             WHERE {later} AND {PAGEVIEW} AND visit_sequence > 1 AND previous_pathname = '' AND {some} \
             GROUP BY visit_id) AS pages USING (visit_id) WHERE {rows} AND entry_pathname = '' AND {some})",
            known = each(|own, name| format!("{own} AS {name}")),
            looked_up = each(|own, name| format!("if({own} = '', pages.{name}, {own}) AS {name}")),
            first = each(|own, name| format!("max({own}) AS {name}")),
        )
    }
}

/// The currency of the goal in this column; blank where it has none.
pub(crate) fn goal_currency(column: &str, report: &Report, params: &mut Params) -> String {
    let of = |goal: &&Goal| goal.currency.clone().map(|currency| (goal.name.clone(), currency));
    // The list may not be empty, or its type could not be told.
    let none = (String::new(), String::new());
    let (names, currencies): (Vec<_>, Vec<_>) = report.goals().iter().filter_map(of).chain([none]).unzip();
    params.bind("revenue_goals", names);
    params.bind("revenue_currencies", currencies);
    format!("transform({column}, {{revenue_goals:Array(String)}}, {{revenue_currencies:Array(String)}}, '')")
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
