//! Funnels, journeys, typical paths, returning and attribution as SQL.
//!
//! Invariant: events of one person are put in the order of their time, visit and number in it, so that equal times keep
//! their order of arrival. What is under the privacy floor is folded here, before anything leaves the store.

use passant_store::Statement;

use crate::{
    explore::{
        Attribution, Direction, Exploration, Funnel, Journey, Paths, Question, Span, StepOrder, Touch,
        VISITS_MAX,
    },
    report::Report,
};

use super::{
    Params, fold, predicate,
    scan::{Coverage, Scan},
    seconds,
};

/// What the order of one person's events is made of.
const ORDER: &str = "toUInt32(timestamp), visit_id, visit_sequence";
/// Most rows of an answer.
const ROWS_MAX: u64 = 10_000;

/// The rows of an exploration, as `(groups: Array(String), numbers: Array(Nullable(Float64)), is_folded: UInt8)`.
pub fn exploration(question: &Question) -> Statement {
    let report = &question.report;
    let mut params = Params::default();
    params.bind("site", report.site.id);
    params.bind("from", seconds(report.range.from));
    params.bind("to", seconds(report.range.to));
    params.bind("floor", report.floor.map_or(1, |floor| floor.visitors));
    params.bind("limit", ROWS_MAX);
    let rows = rows(report, &mut params);
    let sql = match &question.exploration {
        Exploration::Funnel(funnel) => self::funnel(funnel, &rows, &mut params),
        Exploration::Journey(journey) => self::journey(journey, &rows, &mut params),
        Exploration::Paths(paths) => self::paths(*paths, &rows, &mut params),
        Exploration::Returning => returning(&rows, &mut params),
        Exploration::Attribution(attribution) => self::attribution(attribution, &rows, &mut params),
    };
    params.statement(sql)
}

/// The events in the range of the visits that the filters choose.
fn rows(report: &Report, params: &mut Params) -> String {
    let scan = Scan::new(report, Coverage::Events);
    let chosen = (!report.filters.is_empty()).then(|| scan.visits_that_saw(params));
    scan.rows(chosen)
}

fn funnel(funnel: &Funnel, rows: &str, params: &mut Params) -> String {
    let unit = match funnel.within {
        Span::Visit => "visit_id",
        Span::Day => "visitor_id",
    };
    let met = funnel.steps.iter().enumerate();
    let met: Vec<_> = met
        .map(|(index, step)| format!("{} * {}", predicate::meets(&step.goal, params), 1 << index))
        .collect();
    let count = funnel.steps.len();
    let times = match funnel.order {
        StepOrder::Strict => {
            "arrayFold((reached, event) -> if(bitTest(event.5, length(reached)), arrayPushBack(reached, event.1), reached), \
             met_events, emptyArrayUInt32())"
                .to_owned()
        }
        // When each step was first met, up to the first that never was; a step counts from when all before it are met.
        StepOrder::Any => {
            let firsts =
                format!("arrayMap(step -> arrayFirst(event -> bitTest(event.5, step), met_events).1, range({count}))");
            let met = format!("arraySlice({firsts}, 1, indexOf(arrayPushBack({firsts}, 0), 0) - 1)");
            format!("arrayMap((first, nth) -> arrayMax(arraySlice({met}, 1, nth)), {met}, arrayEnumerate({met}))")
        }
    };
    format!(
        "-- funnel of {count} steps\nSELECT\n    [toString(step)] AS groups,\n    \
         [toNullable(toFloat64(uniqExact(person))), if(step = 1, NULL, quantileExactInclusive(0.5)(toFloat64(times[step]) - times[step - 1]))] AS numbers,\n    \
         toUInt8(0) AS is_folded\nFROM\n(\n    SELECT met_events[1].4 AS person, {times} AS times\n    FROM\n    (\n        \
         SELECT arraySort(groupArray(({ORDER}, visitor_id, met))) AS met_events\n        \
         FROM (SELECT timestamp, visit_id, visit_sequence, visitor_id, {unit} AS unit, toUInt16({met}) AS met FROM events WHERE {rows})\n        \
         WHERE met > 0\n        GROUP BY unit\n    )\n)\nARRAY JOIN range(1, length(times) + 1) AS step\n\
         GROUP BY step\nORDER BY step\nLIMIT {{limit:UInt64}}",
        met = met.join(" + "),
    )
}

/// The pages of each visit in order, those that were loaded again once, as `pages`, with its visitor.
fn visited_pages(rows: &str) -> String {
    format!(
        "SELECT visit_id, arrayCompact(arrayMap(view -> view.2, arraySort(groupArray((visit_sequence, toString(pathname)))))) AS pages, \
         argMin(visitor_id, visit_sequence) AS visitor_id FROM events WHERE {rows} AND name = 'pageview' GROUP BY visit_id"
    )
}

fn journey(journey: &Journey, rows: &str, params: &mut Params) -> String {
    let pages = visited_pages(rows);
    let mut start = |pattern: &crate::goal::PagePattern, pages: &str| {
        let regex = params.bind_text(pattern.regex());
        // No such page, no journey.
        format!(
            "arraySlice({pages}, (arrayFirstIndex(page -> match(page, {{{regex}:String}}), {pages}) AS start), \
             if(start = 0, 0, length(pages)))"
        )
    };
    let walk = match &journey.direction {
        Direction::FromEntry => "pages".to_owned(),
        Direction::From(pattern) => start(pattern, "pages"),
        Direction::To(pattern) => start(pattern, "arrayReverse(pages)"),
    };
    params.bind("steps", journey.steps);
    // Beyond the end of the walk is the blank.
    let moves = "arrayJoin(arrayMap(step -> (step, walk[step], walk[step + 1]), \
                 range(1, 1 + least(length(walk), {steps:UInt64} - 1)))) AS move";
    let grouped = format!(
        "SELECT move.1 AS d0, move.2 AS d1, move.3 AS d2, uniqExactState(visitor_id) AS visitor_count, \
         count() AS visit_count FROM (SELECT visitor_id, {moves} FROM (SELECT visitor_id, {walk} AS walk FROM ({pages}))) \
         GROUP BY d0, d1, d2"
    );
    let order = "d0 ASC, folded ASC, numbers[1] DESC NULLS LAST, d1 ASC, d2 ASC";
    folded("journeys", &grouped, (1, 3), order)
}

fn paths(paths: Paths, rows: &str, params: &mut Params) -> String {
    params.bind("pages", paths.pages);
    params.bind("rows", paths.limit);
    let pages = visited_pages(rows);
    format!(
        "-- typical paths\nSELECT\n    path AS groups,\n    \
         [toNullable(toFloat64(uniqExact(visitor_id) AS people)), toNullable(toFloat64(uniqExact(visit_id)))] AS numbers,\n    \
         toUInt8(0) AS is_folded\nFROM\n(\n    SELECT visit_id, visitor_id, \
         arrayJoin(arrayMap(first -> arraySlice(pages, first, {{pages:UInt64}}), range(1, 1 + length(pages) + 1 - least({{pages:UInt64}}, length(pages) + 1)))) AS path\n    \
         FROM ({pages})\n)\nGROUP BY path\nHAVING people >= {{floor:UInt32}}\nORDER BY people DESC, path ASC\nLIMIT {{rows:UInt64}}"
    )
}

fn returning(rows: &str, params: &mut Params) -> String {
    params.bind("visits_max", VISITS_MAX);
    let grouped = format!(
        "SELECT least(visit_count_of_one, {{visits_max:UInt64}}) AS d0, uniqExactState(visitor_id) AS visitor_count, \
         sum(visit_count_of_one) AS visit_count FROM (SELECT visitor_id, uniqExact(visit_id) AS visit_count_of_one \
         FROM events WHERE {rows} GROUP BY visitor_id) GROUP BY d0"
    );
    folded("returning", &grouped, (0, 1), "folded ASC, d0 ASC")
}

fn attribution(attribution: &Attribution, rows: &str, params: &mut Params) -> String {
    let origin = attribution.by.origin_column();
    let met = predicate::meets(&attribution.goal, params);
    let grouped = match (attribution.within, attribution.touch) {
        (Span::Visit, Touch::First | Touch::Last) | (Span::Day, Touch::Last) => format!(
            "SELECT toString({origin}) AS d0, uniqExactState(visitor_id) AS visitor_count, count() AS visit_count \
             FROM events WHERE {rows} AND {met} GROUP BY d0"
        ),
        (Span::Day, Touch::First) => format!(
            "SELECT origin AS d0, uniqExactState(visitor_id) AS visitor_count, sum(conversions) AS visit_count \
             FROM (SELECT visitor_id, argMin(toString({origin}), ({ORDER})) AS origin, countIf({met}) AS conversions \
             FROM events WHERE {rows} GROUP BY visitor_id HAVING conversions > 0) GROUP BY d0"
        ),
    };
    folded("attribution", &grouped, (0, 1), "folded ASC, numbers[1] DESC NULLS LAST, d0 ASC")
}

/// Groups with their visitors and a count, those of too few visitors folded; `within` the first columns and by all.
pub(super) fn folded(title: &str, grouped: &str, (within, columns): (usize, usize), order: &str) -> String {
    let names: Vec<_> = (0..columns).map(|index| format!("d{index}")).collect();
    let grouped = format!("SELECT *, finalizeAggregation(visitor_count) AS people FROM ({grouped})");
    let folded = fold::folded(&grouped, &names, within);
    let texts: Vec<_> = names.iter().map(|name| format!("toString({name})")).collect();
    let number = |text: &str| {
        format!(
            "if(folded AND uniqExactMerge(visitor_count) < {{floor:UInt32}}, NULL, toNullable(toFloat64({text})))"
        )
    };
    format!(
        "-- {title}\nSELECT\n    [{texts}] AS groups,\n    [{people}, {count}] AS numbers,\n    toUInt8(folded) AS is_folded\n\
         FROM\n(\n{folded}\n)\nGROUP BY folded, {by}\nORDER BY {order}\nLIMIT {{limit:UInt64}}",
        texts = texts.join(", "),
        people = number("uniqExactMerge(visitor_count)"),
        count = number("sum(visit_count)"),
        by = names.join(", "),
    )
}
