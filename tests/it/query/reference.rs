//! What a report must answer, counted naively over whole visits in memory: no sums of parts, no SQL.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use passant_query::{Case, Clause, Dimension, Direction, Filter, Metric, Operator, OrderBy, Report};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::traffic::{Event, Traffic, Visit};

pub(super) const DIMENSIONS: &[&str] = &[
    "event:name",
    "event:page",
    "event:hostname",
    "visit:entry_page",
    "visit:exit_page",
    "visit:entry_page_hostname",
    "visit:exit_page_hostname",
    "visit:source",
    "visit:country",
    "visit:country_name",
    "visit:os",
    "visit:city",
    "time",
    "time:hour",
    "time:day",
    "time:week",
    "time:month",
];

const METRICS: &[&str] =
    &["visitors", "visits", "pageviews", "events", "views_per_visit", "bounce_rate", "visit_duration"];

pub(super) fn any_questions() -> impl Strategy<Value = Vec<Value>> {
    vec(any_question(), 4)
}

fn any_question() -> impl Strategy<Value = Value> {
    let ranges = [
        json!("7d"),
        json!("24h"),
        json!("month"),
        json!("all"),
        json!(["2026-03-28", "2026-03-28"]),
        json!(["2026-03-29", "2026-03-29"]),
        json!(["2026-03-27", "2026-03-30"]),
        json!(["2026-03-28T22:30:00Z", "2026-03-30T09:15:07+02:00"]),
    ];
    let clauses = vec![
        json!(["is", "event:page", ["/"]]),
        json!(["is", "event:page", ["/about", "/"]]),
        json!(["is_not", "event:page", ["/about"]]),
        json!(["contains", "event:page", ["/blog"], { "case_sensitive": false }]),
        json!(["matches", "event:page", ["^/b", "t$"]]),
        json!(["is", "event:name", ["Signup"]]),
        json!(["is_not", "event:name", ["pageview"]]),
        json!(["is", "event:hostname", ["example.org"]]),
        json!(["is", "visit:source", ["", "Bing"]]),
        json!(["is_not", "visit:source", ["Direct / None"]]),
        json!(["contains_not", "visit:os", ["Lin"]]),
        json!(["is", "visit:country_name", ["france"], { "case_sensitive": false }]),
        json!(["is", "visit:entry_page", ["/", ""]]),
        json!(["is_not", "visit:exit_page", ["/about"]]),
        json!(["contains", "visit:exit_page_hostname", ["docs"]]),
    ];
    let clause = select(clauses);
    let filter = prop_oneof![
        4 => clause.clone(),
        1 => clause.clone().prop_map(|filter| json!(["not", filter])),
        1 => vec(clause.clone(), 1..3).prop_map(|filters| json!(["or", filters])),
        1 => vec(clause, 1..3).prop_map(|filters| json!(["and", filters])),
    ];
    let metrics = proptest::sample::subsequence(METRICS, 1..=4).prop_shuffle();
    let dimensions = vec(select(DIMENSIONS), 0..3);
    let filters = prop_oneof![2 => Just(Vec::new()), 3 => vec(filter, 1..3)];
    let page = prop_oneof![2 => Just((10_000, 0)), 1 => (1..4, 0..4)];
    (select(ranges.to_vec()), metrics, dimensions, filters, page).prop_map(
        |(date_range, metrics, dimensions, filters, (limit, offset))| {
            json!({
                "date_range": date_range,
                "metrics": metrics,
                "dimensions": dimensions,
                "filters": filters,
                "pagination": { "limit": limit, "offset": offset },
            })
        },
    )
}

/// What one group has gathered.
#[derive(Default)]
struct Group<'a> {
    visitors: BTreeSet<u64>,
    pageviews: usize,
    events: usize,
    /// Visits with such an event, by address.
    seen: BTreeSet<*const Visit>,
    visits: Vec<&'a Visit>,
    /// Those that the bounce rate speaks of.
    entered: Vec<&'a Visit>,
    rows: usize,
}

/// A label, and what it is sorted by.
type Key = Vec<(String, String)>;

/// All rows in order.
pub(super) fn answer(traffic: &Traffic, report: &Report) -> Vec<(Vec<String>, Vec<f64>)> {
    let (from, to) = (report.range.from.as_second(), report.range.to.as_second());
    let within = |seconds: u32| (from..to).contains(&i64::from(seconds));
    let by_event = report.dimensions.iter().any(|dimension| dimension.name().starts_with("event:"));
    let by_name = report.dimensions.contains(&Dimension::EventName)
        || report
            .filters
            .iter()
            .flat_map(Filter::clauses)
            .any(|clause| clause.dimension == Dimension::EventName);
    let asks_events = report.metrics.iter().any(|metric| {
        matches!(metric, Metric::Visitors | Metric::Pageviews | Metric::Events | Metric::ViewsPerVisit)
    });
    let asks_visits = report.metrics.iter().any(|metric| match metric {
        Metric::Visits => !by_event,
        Metric::ViewsPerVisit | Metric::BounceRate | Metric::VisitDuration => true,
        Metric::Visitors | Metric::Pageviews | Metric::Events => false,
    });
    let mut groups: BTreeMap<Key, Group<'_>> = BTreeMap::new();
    if report.dimensions.is_empty() {
        groups.insert(Vec::new(), Group { rows: 1, ..Group::default() });
    }
    for visit in &traffic.visits {
        for event in visit.events.iter().filter(|event| within(event.timestamp)) {
            if !(asks_events || by_event) || !holds_all(report, visit, event) {
                continue;
            }
            let group = groups.entry(key(report, visit, Some(event))).or_default();
            group.rows += 1;
            group.visitors.insert(event.visitor);
            group.pageviews += usize::from(event.name == "pageview");
            group.events += usize::from(event.name != "engagement");
            if by_name || event.name == "pageview" {
                group.seen.insert(visit);
            }
        }
        let saw = visit.events.iter().any(|event| holds_all(report, visit, event));
        if asks_visits && within(visit.start()) && saw {
            let group = groups.entry(key(report, visit, None)).or_default();
            group.rows += usize::from(!by_event);
            group.visits.push(visit);
            if entered_there(report, visit) {
                group.entered.push(visit);
            }
        }
    }
    let mut rows: Vec<_> = groups
        .into_iter()
        .filter(|(_, group)| group.rows > 0)
        .map(|(key, group)| {
            let values: Vec<f64> =
                report.metrics.iter().map(|metric| value(*metric, &group, by_event)).collect();
            (key, values)
        })
        .collect();
    sort(report, &mut rows);
    rows.into_iter()
        .map(|(key, values)| (key.into_iter().map(|(_, label)| label).collect(), values))
        .collect()
}

fn value(metric: Metric, group: &Group<'_>, by_event: bool) -> f64 {
    let visits = group.visits.len();
    match metric {
        Metric::Visitors => group.visitors.len() as f64,
        Metric::Visits if by_event => group.seen.len() as f64,
        Metric::Visits => visits as f64,
        Metric::Pageviews => group.pageviews as f64,
        Metric::Events => group.events as f64,
        Metric::ViewsPerVisit if visits == 0 => 0.0,
        Metric::ViewsPerVisit => (group.pageviews as f64 / visits as f64 * 100.0).round_ties_even() / 100.0,
        Metric::BounceRate if group.entered.is_empty() => 0.0,
        Metric::BounceRate => {
            let bounced =
                |visit: &&&Visit| visit.events.iter().filter(|event| event.interactive).count() == 1;
            let bounces = group.entered.iter().filter(bounced).count();
            (bounces as f64 / group.entered.len() as f64 * 100.0).round_ties_even()
        }
        Metric::VisitDuration if visits == 0 => 0.0,
        Metric::VisitDuration => {
            let seconds = |visit: &&Visit| {
                let last = visit.events.iter().rfind(|event| event.name != "engagement");
                f64::from(last.map_or(0, |last| last.timestamp - visit.start()))
            };
            (group.visits.iter().map(seconds).sum::<f64>() / visits as f64).round_ties_even()
        }
    }
}

fn sort(report: &Report, rows: &mut [(Key, Vec<f64>)]) {
    rows.sort_by(|(left_key, left), (right_key, right)| {
        let mut ordering = std::cmp::Ordering::Equal;
        for order in &report.order_by {
            let by = match order.by {
                OrderBy::Metric(metric) => {
                    let index = report.metrics.iter().position(|m| *m == metric).expect("asked");
                    left[index].total_cmp(&right[index])
                }
                OrderBy::Dimension(dimension) => {
                    let index = report.dimensions.iter().position(|d| *d == dimension).expect("asked");
                    left_key[index].cmp(&right_key[index])
                }
            };
            ordering =
                ordering.then(if order.direction == Direction::Descending { by.reverse() } else { by });
        }
        ordering.then(left_key.cmp(right_key))
    });
}

/// The group of an event; of a visit as a whole without one.
fn key(report: &Report, visit: &Visit, event: Option<&Event>) -> Key {
    let one = |dimension: &Dimension| match dimension {
        Dimension::TimeHour | Dimension::TimeDay | Dimension::TimeWeek | Dimension::TimeMonth => {
            time_key(report, *dimension, event.map_or(visit.start(), |event| event.timestamp))
        }
        Dimension::EventPage if event.is_none() => named(Dimension::EntryPage, visit, None),
        Dimension::EventHostname if event.is_none() => named(Dimension::EntryPageHostname, visit, None),
        dimension => named(*dimension, visit, event),
    };
    report.dimensions.iter().map(one).collect()
}

fn named(dimension: Dimension, visit: &Visit, event: Option<&Event>) -> (String, String) {
    let value = attribute(dimension, visit, event);
    let label = match (value, dimension) {
        ("", Dimension::Source) => "Direct / None",
        ("", _) => "(not set)",
        (value, _) => value,
    };
    (label.to_owned(), label.to_owned())
}

fn time_key(report: &Report, dimension: Dimension, seconds: u32) -> (String, String) {
    let zone = &report.range.time_zone;
    let instant = Timestamp::from_second(i64::from(seconds)).expect("in range");
    let local = zone.to_datetime(instant);
    let label = match dimension {
        Dimension::TimeHour => format!("{} {:02}:00:00", local.date(), local.hour()),
        Dimension::TimeDay => local.date().to_string(),
        Dimension::TimeWeek => {
            let mut monday = local.date();
            while monday.weekday() != jiff::civil::Weekday::Monday {
                monday = monday.yesterday().expect("in range");
            }
            monday.max(zone.to_datetime(report.range.from).date()).to_string()
        }
        _ => local.date().first_of_month().to_string(),
    };
    // Summer time comes before winter time in the hour that comes twice.
    let twice = if zone.to_offset(instant).seconds() == 7_200 { "1" } else { "2" };
    let sorted_by = if dimension == Dimension::TimeHour { format!("{label}{twice}") } else { label.clone() };
    (sorted_by, label)
}

fn attribute<'a>(dimension: Dimension, visit: &'a Visit, event: Option<&'a Event>) -> &'a str {
    let pageviews = visit.pageviews();
    match dimension {
        Dimension::EventName => event.map_or("", |event| event.name),
        Dimension::EventPage => event.map_or("", |event| event.path),
        Dimension::EventHostname => event.map_or("", |event| event.host),
        Dimension::EntryPage => pageviews.map_or("", |(first, _)| first.path),
        Dimension::EntryPageHostname => pageviews.map_or("", |(first, _)| first.host),
        Dimension::ExitPage => pageviews.map_or("", |(_, last)| last.path),
        Dimension::ExitPageHostname => pageviews.map_or("", |(_, last)| last.host),
        Dimension::Source => visit.source,
        Dimension::Country => visit.country,
        Dimension::CountryName => match visit.country {
            "FR" => "France",
            "DE" => "Germany",
            other => other,
        },
        Dimension::Os => visit.system,
        _ => "",
    }
}

fn holds_all(report: &Report, visit: &Visit, event: &Event) -> bool {
    report.filters.iter().all(|filter| holds(filter, &|clause| clause_holds(report, clause, visit, event)))
}

fn holds(filter: &Filter, clause_holds: &dyn Fn(&Clause) -> bool) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| holds(filter, clause_holds)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(filter, clause_holds)),
        Filter::Not(filter) => !holds(filter, clause_holds),
        Filter::Clause(clause) => clause_holds(clause),
    }
}

/// Where visits are broken down, a host is that of the entry.
fn clause_holds(report: &Report, clause: &Clause, visit: &Visit, event: &Event) -> bool {
    let breaks_visits_down = report.dimensions.iter().any(|dimension| dimension.name().starts_with("visit:"));
    let dimension = match clause.dimension {
        Dimension::EventHostname if breaks_visits_down => Dimension::EntryPageHostname,
        dimension => dimension,
    };
    compare(clause, attribute(dimension, visit, Some(event)))
}

/// Page filters at the top, or in an `and` at the top, speak of the entry where bounces are counted.
fn entered_there(report: &Report, visit: &Visit) -> bool {
    fn top(filters: &[Filter]) -> Vec<&Filter> {
        filters
            .iter()
            .flat_map(|filter| match filter {
                Filter::And(filters) => top(filters),
                filter => vec![filter],
            })
            .collect()
    }
    let pages = top(&report.filters);
    let pages = pages
        .into_iter()
        .filter(|filter| filter.clauses().iter().all(|clause| clause.dimension == Dimension::EventPage));
    let entry = attribute(Dimension::EntryPage, visit, None);
    pages.into_iter().all(|filter| holds(filter, &|clause| compare(clause, entry)))
}

fn compare(clause: &Clause, actual: &str) -> bool {
    let lower =
        |text: &str| if clause.case == Case::Insensitive { text.to_lowercase() } else { text.to_owned() };
    let actual = lower(actual);
    let blank = if clause.dimension == Dimension::Source { "Direct / None" } else { "(not set)" };
    let any = |matches: &dyn Fn(&str) -> bool| clause.values.iter().any(|value| matches(&lower(value)));
    let equals = |value: &str| actual == value || (actual.is_empty() && value == blank);
    // The two patterns that the questions hold.
    let pattern = |value: &str| match value {
        "^/b" => actual.starts_with("/b"),
        "t$" => actual.ends_with('t'),
        other => panic!("pattern {other} is unknown here"),
    };
    match clause.operator {
        Operator::Is => any(&equals),
        Operator::IsNot => !any(&equals),
        Operator::Contains => any(&|value| actual.contains(value)),
        Operator::ContainsNot => !any(&|value| actual.contains(value)),
        Operator::Matches => any(&pattern),
        Operator::MatchesNot => !any(&pattern),
    }
}
