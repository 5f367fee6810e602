//! Filters as conditions on rows.
//!
//! Every attribute of a visit stands on each of its rows, so a whole tree of clauses is one condition on a row.

use crate::{
    dimension::{Column, Dimension},
    filter::{Case, Clause, Filter, Operator},
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
    let mut pages = Vec::new();
    let mut pending: Vec<&Filter> = scan.report.filters.iter().rev().collect();
    while let Some(filter) = pending.pop() {
        match filter {
            Filter::And(filters) => pending.extend(filters.iter().rev()),
            Filter::Or(_) | Filter::Not(_) | Filter::Clause(_) => {
                if filter.clauses().iter().all(|clause| clause.dimension == Dimension::EventPage) {
                    pages.push(filter);
                }
            }
        }
    }
    all_of(pages, scan, params, Reading::Entry)
}

/// Whether the filters may let some events of a visit through and others not.
pub(crate) fn tells_events_apart(report: &Report) -> bool {
    clauses(report).any(|clause| match clause.dimension {
        Dimension::EventHostname => !breaks_visits_down(report),
        dimension => dimension.is_event(),
    })
}

/// Whether the report is about events of some names.
pub(crate) fn names_events(report: &Report) -> bool {
    report.dimensions.contains(&Dimension::EventName)
        || clauses(report).any(|clause| clause.dimension == Dimension::EventName)
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
        Filter::Clause(clause) => {
            let column = column(clause.dimension, scan, params, reading);
            compare(clause, &column, params)
        }
    }
}

fn column(dimension: Dimension, scan: &mut Scan<'_>, params: &mut Params, reading: Reading) -> String {
    match dimension.column() {
        Column::Event(column, entry) => {
            let means_entry = reading == Reading::Entry
                || (dimension == Dimension::EventHostname && breaks_visits_down(scan.report));
            match entry {
                Some(page) if means_entry => scan.page_column(page).to_owned(),
                _ => column.to_owned(),
            }
        }
        Column::Visit(column) => column.to_owned(),
        Column::Page(page) => scan.page_column(page).to_owned(),
        Column::CountryName(column) => Scan::country_name(column, params),
        // A request with a filter on time is refused.
        Column::Nothing | Column::Time(_) => "''".to_owned(),
    }
}

fn compare(clause: &Clause, column: &str, params: &mut Params) -> String {
    let values = &clause.values;
    match clause.operator {
        Operator::Is => equals(clause, column, params),
        Operator::IsNot => format!("NOT {}", equals(clause, column, params)),
        Operator::Contains => contains(clause.case, column, params.bind_text(values.clone())),
        Operator::ContainsNot => {
            format!("NOT {}", contains(clause.case, column, params.bind_text(values.clone())))
        }
        Operator::Matches => matches(clause, column, params),
        Operator::MatchesNot => format!("NOT {}", matches(clause, column, params)),
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
