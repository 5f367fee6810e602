//! Filters as conditions on rows.
//!
//! Every attribute of a visit stands on each of its rows, so a whole tree of clauses is one condition on a row; what
//! another event of the visit must be is a semi-join on the visit.

use crate::{
    dimension::{Column, Dimension},
    filter::{Case, Clause, Filter, Operator},
    goal::{Goal, GoalKind, PagePattern},
    report::Report,
};

use super::{Params, scan::Scan};

/// What a clause on an event's page or host is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The event's own.
    Event,
    /// That of the first pageview of its visit.
    Entry,
}

/// All filters of the report, as one condition on a row.
pub(crate) fn render(scan: &mut Scan<'_>, params: &mut Params) -> Option<String> {
    let report = scan.report;
    all_of(report.filters.iter().collect(), scan, params, Reading::Event)
}

/// The filters on pages alone, read as filters on the entry page.
pub(crate) fn entered_there(scan: &mut Scan<'_>, params: &mut Params) -> Option<String> {
    let pages = Filter::top_level(&scan.report.filters).into_iter().filter(|filter| is_on_pages(filter));
    all_of(pages.collect(), scan, params, Reading::Entry)
}

/// Whether it holds for every event of a page or for none.
fn is_on_pages(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().all(is_on_pages),
        Filter::Not(filter) => is_on_pages(filter),
        Filter::HasDone(_) | Filter::Segment(_) => false,
        Filter::Clause(clause) => clause.dimension == Dimension::EventPage,
    }
}

/// Whether the filters may let some events of a visit through and others not.
pub(crate) fn tells_events_apart(report: &Report) -> bool {
    clauses(report).any(|clause| match &clause.dimension {
        Dimension::EventHostname => !breaks_visits_down(report),
        dimension => dimension.is_event(),
    })
}

/// Whether the report is about events that are something, be they pageviews or not.
pub(crate) fn names_events(report: &Report) -> bool {
    report.dimensions.iter().any(Dimension::names_events)
        || clauses(report).any(|clause| clause.dimension.names_events())
}

/// The filters without those that mention a goal or a property: who might have met the goal.
pub(crate) fn without_goals(filters: &[Filter]) -> Vec<Filter> {
    let mentions = |filter: &Filter| {
        let goal =
            |clause: &&Clause| matches!(clause.dimension, Dimension::EventGoal | Dimension::EventProp(_));
        filter.clauses().iter().any(goal)
    };
    Filter::top_level(filters).into_iter().filter(|filter| !mentions(filter)).cloned().collect()
}

/// Whether a row meets a goal.
pub(crate) fn meets(goal: &Goal, params: &mut Params) -> String {
    let page = |pattern: &PagePattern, params: &mut Params| {
        format!("match(pathname, {{{}:String}})", params.bind_text(pattern.regex()))
    };
    let mut conditions = match &goal.kind {
        GoalKind::Event(name) => vec![format!("name = {{{}:String}}", params.bind_text(name.clone()))],
        GoalKind::Page(pattern) => vec!["name = 'pageview'".to_owned(), page(pattern, params)],
        GoalKind::Scroll { page: pattern, percent } => vec![
            "name = 'engagement'".to_owned(),
            page(pattern, params),
            // 255 is missing.
            format!("scroll_depth >= {{{}:UInt8}}", params.bind_text(u32::from(*percent))),
            "scroll_depth != 255".to_owned(),
        ],
    };
    for (key, value) in &goal.props {
        let value = params.bind_text(value.clone());
        conditions.push(format!("{} = {{{value}:String}}", prop(key, params)));
    }
    format!("({})", conditions.join(" AND "))
}

/// The value of a property; blank where the event has none, because no blank one is stored.
pub(crate) fn prop(key: &str, params: &mut Params) -> String {
    format!("props[{{{}:String}}]", params.bind_text(key.to_owned()))
}

/// Where visits are broken down by what they are, a filter on the host means the host that they entered on.
fn breaks_visits_down(report: &Report) -> bool {
    report.dimensions.iter().any(|dimension| dimension.is_visit())
}

fn clauses(report: &Report) -> impl Iterator<Item = &Clause> {
    report.filters.iter().flat_map(Filter::clauses)
}

fn all_of(
    filters: Vec<&Filter>,
    scan: &mut Scan<'_>,
    params: &mut Params,
    reading: Reading,
) -> Option<String> {
    let conditions: Vec<_> = filters.into_iter().map(|filter| one(filter, scan, params, reading)).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

fn one(filter: &Filter, scan: &mut Scan<'_>, params: &mut Params, reading: Reading) -> String {
    let mut joined = |filters: &[Filter], word: &str| {
        let conditions: Vec<_> = filters.iter().map(|filter| one(filter, scan, params, reading)).collect();
        format!("({})", conditions.join(word))
    };
    match filter {
        Filter::And(filters) => joined(filters, " AND "),
        Filter::Or(filters) => joined(filters, " OR "),
        Filter::Not(filter) => format!("NOT {}", joined(std::slice::from_ref(filter), "")),
        Filter::HasDone(filter) => visits_that_did(filter, scan, params),
        // Resolving the question has left none; if it had, nothing may be let through.
        Filter::Segment(_) => "0".to_owned(),
        Filter::Clause(clause) if clause.dimension == Dimension::EventGoal => meets_one(clause, scan, params),
        Filter::Clause(clause) => {
            let column = column(&clause.dimension, scan, params, reading);
            compare(clause, &column, params)
        }
    }
}

/// Visits that have such an event, whether it lies in the range or not.
fn visits_that_did(filter: &Filter, scan: &Scan<'_>, params: &mut Params) -> String {
    let mut done = scan.beside();
    let condition = one(filter, &mut done, params, Reading::Event);
    let rows = scan.window.whole_visits(scan.coverage);
    format!(
        "visit_id IN (SELECT visit_id FROM {} WHERE {rows} AND {condition})",
        done.table_of_whole_visits()
    )
}

fn meets_one(clause: &Clause, scan: &Scan<'_>, params: &mut Params) -> String {
    let goals = scan.report.site.goals.iter().filter(|goal| clause.picks(goal));
    let conditions: Vec<_> = goals.map(|goal| meets(goal, params)).collect();
    if conditions.is_empty() { "0".to_owned() } else { format!("({})", conditions.join(" OR ")) }
}

fn column(dimension: &Dimension, scan: &mut Scan<'_>, params: &mut Params, reading: Reading) -> String {
    match dimension.column() {
        Column::Event(column, entry) => {
            let means_entry = reading == Reading::Entry
                || (*dimension == Dimension::EventHostname && breaks_visits_down(scan.report));
            match entry {
                Some(page) if means_entry => scan.page_column(page).to_owned(),
                _ => column.to_owned(),
            }
        }
        Column::Visit(column) => column.to_owned(),
        Column::Page(page) => scan.page_column(page).to_owned(),
        Column::CountryName(column) => Scan::country_name(column, params),
        Column::Prop => prop_of(dimension, params),
        // A request with a filter on time is refused, and goals are conditions.
        Column::Goal | Column::Nothing | Column::Time(_) => "''".to_owned(),
    }
}

/// The value of a dimension's property.
pub(crate) fn prop_of(dimension: &Dimension, params: &mut Params) -> String {
    match dimension {
        Dimension::EventProp(key) => prop(key, params),
        _ => "''".to_owned(),
    }
}

fn compare(clause: &Clause, column: &str, params: &mut Params) -> String {
    let values = &clause.values;
    match clause.operator {
        Operator::Is => equals(clause, column, params),
        Operator::IsNot => format!("NOT {}", equals(clause, column, params)),
        Operator::Contains => contains(clause.case, column, params.bind_text(values.clone())),
        Operator::ContainsNot => {
            let contains = contains(clause.case, column, params.bind_text(values.clone()));
            carried(clause, column, format!("NOT {contains}"))
        }
        Operator::Matches => matches(clause, column, params),
        Operator::MatchesNot => carried(clause, column, format!("NOT {}", matches(clause, column, params))),
    }
}

/// An event without the property neither holds nor lacks a part of its value.
fn carried(clause: &Clause, column: &str, condition: String) -> String {
    match clause.dimension {
        Dimension::EventProp(_) => format!("({column} != '' AND {condition})"),
        _ => condition,
    }
}

/// The blank's label stands for the blank, as it is what the asker has seen.
fn equals(clause: &Clause, column: &str, params: &mut Params) -> String {
    let blank = clause.dimension.facts().blank;
    let value = |value: &String| if value == blank { String::new() } else { value.clone() };
    let values = clause.values.iter().map(value);
    match clause.case {
        Case::Sensitive => {
            let values = params.bind_text(values.collect::<Vec<_>>());
            format!("({column} IN {{{values}:Array(String)}})")
        }
        Case::Insensitive => {
            let values = params.bind_text(values.map(|value| value.to_lowercase()).collect::<Vec<_>>());
            format!("(lowerUTF8({column}) IN {{{values}:Array(String)}})")
        }
    }
}

fn contains(case: Case, column: &str, values: String) -> String {
    let function = match case {
        Case::Sensitive => "multiSearchAny",
        Case::Insensitive => "multiSearchAnyCaseInsensitiveUTF8",
    };
    format!("{function}({column}, {{{values}:Array(String)}})")
}

fn matches(clause: &Clause, column: &str, params: &mut Params) -> String {
    let pattern = |pattern: &String| match clause.case {
        Case::Sensitive => pattern.clone(),
        Case::Insensitive => format!("(?i){pattern}"),
    };
    let one = |value: &String| format!("match({column}, {{{}:String}})", params.bind_text(pattern(value)));
    format!("({})", clause.values.iter().map(one).collect::<Vec<_>>().join(" OR "))
}
