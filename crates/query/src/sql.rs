//! Reports as SQL: the only place where SQL is written.
//!
//! A report is a union of scans of `events`. Each scan fills the measures of its scope, grouped by the same columns;
//! the outer query adds them up and applies the metrics' formulas. Event measures add up events in the range; visit
//! measures add up all events of visits that began in the range. Where nothing tells the two apart but the range, one
//! scan fills both.
//!
//! Invariant: values travel only as parameters; names come only from the tables of dimensions, metrics and measures.

mod explore;
mod fold;
mod live;
mod predicate;
pub(crate) mod rolled;
mod scan;
mod window;

use jiff::Timestamp;
use passant_store::{Param, Statement};

use crate::{
    dimension::{Column, Dimension},
    metric::{self, Form, Measure, Metric, Scope},
    report::{Reader, Report, Site},
    request::{Direction, OrderBy},
};

pub(crate) use self::live::live;

pub use self::explore::exploration;
use self::{
    fold::Fold,
    scan::{Coverage, Scan},
    window::Window,
};

/// The store gives a question up after this long; nobody waits longer for a dashboard.
const EXECUTION_SECONDS_MAX: u32 = 30;
/// Someone who was seen this recently is there now.
const LIVE_SECONDS: i64 = 5 * 60;
/// Most properties that are offered; a beacon may make up keys of its own.
const PROPS_MAX: u32 = 1_000;

/// The rows of a report, as `(dimensions: Array(String), metrics: Array(Nullable(Float64)), foreign_events: UInt64,
/// total_rows: UInt64, is_folded: UInt8, folds: UInt8, withheld: UInt8)`. Time dimensions are the start of their bucket in seconds; foreign events have
/// revenue in another currency than the goal's. The folded row, if there is one, comes last and its dimensions are blank.
pub fn report(report: &Report) -> Statement {
    let measures = measures(report);
    let mut params = Params::default();
    params.bind("site", report.site.id);
    Window::bind(report, &mut params);
    let scans = scans(report, &measures, &mut params);
    let values: Vec<_> =
        report.metrics.iter().map(|metric| value(report, *metric, (&measures, &mut params))).collect();
    let names: Vec<_> = report.metrics.iter().map(|metric| metric.name()).collect();
    // Names of the table only: the key of a property is a user's text.
    let by: Vec<_> = report.dimensions.iter().map(|dimension| dimension.facts().name).collect();
    let title =
        if by.is_empty() { names.join(", ") } else { format!("{} by {}", names.join(", "), by.join(", ")) };
    let scans = scans.join("\n    UNION ALL\n");
    let scans = match Fold::of(report) {
        Some(fold) => fold.rows(&scans, &measures, having(report)),
        None => scans,
    };
    let sql = format!(
        "-- report: {title}\nSELECT\n    {dimensions} AS dimensions,\n    [{metrics}] AS metrics,\n    \
         {foreign} AS foreign_events,\n    {total_rows} AS total_rows,\n    {floor}\nFROM\n(\n{scans}\n){groups}\n{tail}LIMIT {{limit:UInt64}} OFFSET {{offset:UInt64}}",
        dimensions = labels(report),
        metrics = values.join(", "),
        foreign = if measures.contains(&Measure::ForeignEvents) {
            "toUInt64(sum(foreign_event_count))"
        } else {
            "toUInt64(0)"
        },
        total_rows = if report.counts_rows { "toUInt64(count() OVER ())" } else { "toUInt64(0)" },
        floor = floor_columns(report, &measures, &mut params),
        groups = group_visitors(report, &mut params),
        tail = grouping_and_order(report),
    );
    params.bind("limit", report.limit);
    params.bind("offset", report.offset);
    params.statement(sql)
}

/// The scans of the events, unless roll-ups cover the whole range, and that of the roll-ups.
fn scans(report: &Report, measures: &[Measure], params: &mut Params) -> Vec<String> {
    let coverages = if reads_events(report) { coverages(report, measures) } else { Vec::new() };
    let events = coverages.into_iter().map(|coverage| Scan::new(report, coverage).render(measures, params));
    let mut scans: Vec<String> = events.collect();
    scans.extend(report.rolled.as_ref().map(|rolled| rolled::render(report, rolled, measures, params)));
    scans
}

fn reads_events(report: &Report) -> bool {
    report.rolled.as_ref().is_none_or(|rolled| !rolled.rest.is_empty())
}

/// How many visitors were seen in the last five minutes, as `visitors: UInt64`.
pub fn live_visitors(site_id: u32, now: Timestamp) -> Statement {
    let sql = "-- live visitors\nSELECT uniqExact(visitor_id) AS visitors FROM events\n\
               WHERE site_id = {site:UInt32} AND timestamp > toDateTime({after:UInt32})";
    limited(Statement::new(sql))
        .param("site", site_id)
        .param("after", now.as_second().saturating_sub(LIVE_SECONDS).max(0))
}

/// The keys of the properties that enough visitors' events have carried since then, as `property: String`, those of most visitors first.
pub fn custom_props(site: &Site, since: Timestamp) -> Statement {
    let sql = "-- custom properties\nSELECT arrayJoin(mapKeys(props)) AS property FROM events\n\
               WHERE site_id = {site:UInt32} AND timestamp >= toDateTime({since:UInt32})\n\
               GROUP BY property HAVING uniqExact(visitor_id) >= {floor:UInt32}\n\
               ORDER BY uniqExact(visitor_id) DESC, property LIMIT {limit:UInt32}";
    // Whoever may read the site may group by a property, and sees all of its values then.
    let floor = match site.reader {
        Reader::Public => site.privacy_floor,
        Reader::Member => 1,
    };
    limited(Statement::new(sql))
        .param("site", site.id)
        .param("since", since.as_second().max(0))
        .param("floor", floor)
        .param("limit", PROPS_MAX)
}

/// Fails where one of the patterns is no regular expression.
pub fn patterns(patterns: &[String]) -> Statement {
    let mut params = Params::default();
    let one = |pattern: &String| format!("match('', {{{}:String}})", params.bind_text(pattern.clone()));
    let matches = patterns.iter().map(one).collect::<Vec<_>>().join(", ");
    params.statement(format!("-- patterns of a question\nSELECT {matches}"))
}

/// When the site's first event was, in seconds since 1970, as `first: UInt32`; 0 without events.
pub fn first_event(site_id: u32) -> Statement {
    let sql = "-- first event\nSELECT toUnixTimestamp(min(timestamp)) AS first FROM events WHERE site_id = {site:UInt32}";
    limited(Statement::new(sql)).param("site", site_id)
}

/// The parameters of a statement; equal values of user's text share one.
#[derive(Default)]
pub(crate) struct Params {
    bound: Vec<(String, Param)>,
    texts: usize,
}

impl Params {
    /// Binds a parameter of a name of ours; the same name is bound once.
    fn bind(&mut self, name: &str, value: impl Into<Param>) {
        if !self.bound.iter().any(|(bound, _)| bound == name) {
            self.bound.push((name.to_owned(), value.into()));
        }
    }

    /// Binds user's text, and names it.
    fn bind_text(&mut self, value: impl Into<Param>) -> String {
        let value = value.into();
        if let Some((name, _)) = self.bound.iter().find(|(_, bound)| *bound == value) {
            return name.clone();
        }
        let name = format!("text_{}", self.texts);
        self.texts += 1;
        self.bound.push((name.clone(), value));
        name
    }

    fn statement(self, sql: String) -> Statement {
        self.bound
            .into_iter()
            .fold(limited(Statement::new(sql)), |statement, (name, value)| statement.param(name, value))
    }
}

fn limited(statement: Statement) -> Statement {
    statement.setting("max_execution_time", EXECUTION_SECONDS_MAX.to_string())
}

/// The measures that the metrics are made of, each once, in a fixed order.
pub(crate) fn measures(report: &Report) -> Vec<Measure> {
    let metrics = report.metrics.iter().flat_map(|metric| metric_measures(report, *metric));
    let mut measures: Vec<_> = metrics.copied().collect();
    measures.extend(Fold::of(report).iter().flat_map(Fold::measures));
    measures.sort_unstable();
    measures.dedup();
    measures
}

/// Visits of an event's page, host or name are those that have such an event.
fn metric_measures(report: &Report, metric: Metric) -> &'static [Measure] {
    match metric {
        Metric::Visits if groups_by_event(report) => &[Measure::SeenVisits],
        metric => metric.facts().measures,
    }
}

/// What the floor has done to a row and to the answer.
fn floor_columns(report: &Report, measures: &[Measure], params: &mut Params) -> String {
    let withheld = Fold::of(report).map(|fold| fold.is_withheld(measures, params));
    let withheld = withheld.unwrap_or_else(|| "0".to_owned());
    let (folded, folds) = if folds_groups(report) { ("folded", "max(folded) OVER ()") } else { ("0", "0") };
    format!("toUInt8({folded}) AS is_folded, toUInt8({folds}) AS folds, toUInt8({withheld}) AS withheld")
}

/// Whether some of its rows may become one.
fn folds_groups(report: &Report) -> bool {
    report.floor.is_some() && !report.dimensions.is_empty()
}

fn value(report: &Report, metric: Metric, (measures, params): (&[Measure], &mut Params)) -> String {
    let formula = match metric {
        Metric::Visits if groups_by_event(report) => "sum(seen_visit_count)",
        metric if metric.is_money() && report.currency().is_none() && !report.groups_by_goal() => {
            return "CAST(NULL, 'Nullable(Float64)')".to_owned();
        }
        metric => metric.facts().formula,
    };
    let mut formula = formula.to_owned();
    if formula.contains(metric::TOTAL) {
        formula = formula.replace(metric::TOTAL, &total(report, params));
    }
    if formula.contains(metric::ALL) || (formula.contains(metric::GROUP) && plain_groups(report).is_empty()) {
        let all = visitors(&without_goals(report), Vec::new(), params);
        formula = formula.replace(metric::ALL, &all).replace(metric::GROUP, &all);
    }
    formula = formula.replace(metric::GROUP, "max(group_visitors.visitors)");
    let goal = report.dimensions.iter().position(|dimension| *dimension == Dimension::EventGoal);
    if let (Form::Money, Some(index)) = (metric.facts().form, goal) {
        // A goal without a currency has no revenue, which is not the same as none of it.
        let currency = scan::goal_currency(&format!("d{index}"), report, params);
        formula = format!("if({currency} = '', NULL, {formula})");
    }
    if let Some(fold) = Fold::of(report) {
        let withheld = fold.is_withheld(measures, params);
        formula = format!("if({withheld}, NULL, {})", fold.formula(formula, measures));
        // Those who might have met the goal are counted in groups that are shown.
        if metric.facts().formula.contains(metric::GROUP) && folds_groups(report) {
            formula = format!("if(folded, NULL, {formula})");
        }
    }
    format!("toNullable(toFloat64({formula}))")
}

/// Distinct visitors of a report.
fn total(report: &Report, params: &mut Params) -> String {
    let Some(rolled) = &report.rolled else { return visitors(report, Vec::new(), params) };
    let events = reads_events(report).then(|| visitors(report, Vec::new(), params));
    rolled::visitors(report, rolled, events, params)
}

/// Distinct visitors of a report in these of its groups.
fn visitors(report: &Report, groups: Vec<usize>, params: &mut Params) -> String {
    Scan::new(report, Coverage::Events).grouped_by(groups).render_visitors(params)
}

fn without_goals(report: &Report) -> Report {
    Report { filters: predicate::without_goals(&report.filters), ..report.clone() }
}

/// The dimensions that those who did not meet a goal have too.
fn plain_groups(report: &Report) -> Vec<usize> {
    let plain = |dimension: &Dimension| !matches!(dimension.column(), Column::Goal | Column::Prop);
    (0..report.dimensions.len()).filter(|index| plain(&report.dimensions[*index])).collect()
}

/// Who might have met the goal in each group, joined to the groups.
fn group_visitors(report: &Report, params: &mut Params) -> String {
    let groups = plain_groups(report);
    let asked = report.metrics.iter().any(|metric| metric.facts().formula.contains(metric::GROUP));
    if !asked || groups.is_empty() {
        return String::new();
    }
    let on: Vec<_> = groups.iter().map(|index| format!("d{index} = g{index}")).collect();
    let visitors = visitors(&without_goals(report), groups, params);
    format!(" AS scans\nLEFT JOIN {visitors} AS group_visitors ON {}", on.join(" AND "))
}

/// The scans that fill these measures.
fn coverages(report: &Report, measures: &[Measure]) -> Vec<Coverage> {
    let fills = |scope: Scope| measures.iter().any(|measure| measure.facts().scope == scope);
    // The rows of a report by page, host or event are those that events have, whatever is measured; depths are numbers
    // for the rows of events, and exits for those of events or visits.
    let events = fills(Scope::Events) || fills(Scope::Depths) || groups_by_event(report);
    let visits = fills(Scope::Visits) || (fills(Scope::Exits) && !events);
    let mut coverages = match (events, visits) {
        (true, true) if one_scan_does(report) => vec![Coverage::Both],
        (true, true) => vec![Coverage::Events, Coverage::Visits],
        (true, false) => vec![Coverage::Events],
        (false, _) => vec![Coverage::Visits],
    };
    let more =
        [(Scope::Depths, Coverage::Depths), (Scope::Exits, Coverage::Exits), (Scope::Views, Coverage::Views)];
    coverages.extend(more.into_iter().filter(|(scope, _)| fills(*scope)).map(|(_, coverage)| coverage));
    coverages
}

/// Whether events and visits are grouped and filtered by the same columns.
fn one_scan_does(report: &Report) -> bool {
    let apart = |dimension: &Dimension| dimension.is_time() || dimension.is_event();
    !report.dimensions.iter().any(apart) && !predicate::tells_events_apart(report)
}

fn groups_by_event(report: &Report) -> bool {
    report.dimensions.iter().any(|dimension| dimension.is_event())
}

/// Whether some scans only hold numbers for the rows that others give.
fn tells_rows(report: &Report) -> bool {
    groups_by_event(report) || report.metrics.contains(&Metric::ExitRate)
}

fn labels(report: &Report) -> String {
    if report.dimensions.is_empty() {
        return "emptyArrayString()".to_owned();
    }
    let label = |(index, dimension): (usize, &Dimension)| match dimension.column() {
        Column::Time(_) => format!("toString(d{index})"),
        Column::Event(..)
        | Column::Goal
        | Column::Prop
        | Column::Visit(_)
        | Column::Page(_)
        | Column::CountryName(_)
        | Column::Nothing => {
            format!("if(d{index} = '', '{}', toString(d{index}))", dimension.facts().blank)
        }
    };
    format!("[{}]", report.dimensions.iter().enumerate().map(label).collect::<Vec<_>>().join(", "))
}

fn grouping_and_order(report: &Report) -> String {
    if report.dimensions.is_empty() {
        return String::new();
    }
    let groups: Vec<_> = (0..report.dimensions.len()).map(|index| format!("d{index}")).collect();
    // Folding looks at groups that are rows.
    let (first, having) = match folds_groups(report) {
        true => ("folded, ", String::new()),
        false => ("", format!("{}\n", having(report)).trim_start().to_owned()),
    };
    let dimension_key = |index: usize| match report.dimensions[index].is_time() {
        true => format!("d{index}"),
        false => format!("dimensions[{}]", index + 1),
    };
    let mut keys: Vec<String> = folds_groups(report).then(|| "folded".to_owned()).into_iter().collect();
    for order in &report.order_by {
        let key = match &order.by {
            OrderBy::Metric(metric) => {
                report.metrics.iter().position(|m| m == metric).map(|index| format!("metrics[{}]", index + 1))
            }
            OrderBy::Dimension(dimension) => {
                report.dimensions.iter().position(|d| d == dimension).map(dimension_key)
            }
        };
        let direction = match order.direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        keys.extend(key.map(|key| format!("{key} {direction} NULLS LAST")));
    }
    // Ties, so that pages of rows fit together.
    keys.extend((0..report.dimensions.len()).map(|index| format!("{} ASC", dimension_key(index))));
    format!("GROUP BY {first}{}\n{having}ORDER BY {}\n", groups.join(", "), keys.join(", "))
}

/// Which groups are rows of the answer.
fn having(report: &Report) -> &'static str {
    if tells_rows(report) { "\nHAVING sum(seen) > 0" } else { "" }
}

/// A range holds only instants that a `DateTime` can hold.
fn seconds(instant: Timestamp) -> u64 {
    u64::try_from(instant.as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
