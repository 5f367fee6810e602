//! What a report must answer, counted naively over whole visits in memory: no sums of parts, no SQL.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use passant_query::{
    Case, Clause, Dimension, Direction, Filter, Goal, GoalKind, Metric, Operator, OrderBy, Report,
};

use super::traffic::{Event, Traffic, Visit};

/// A row: its labels and its values.
pub(super) type Row = (Vec<String>, Vec<Option<f64>>);

/// What one group has gathered.
#[derive(Default)]
struct Group<'a> {
    events: Vec<&'a Event>,
    /// Visits with such an event, by address.
    seen: BTreeSet<*const Visit>,
    /// The greatest depth of each visit, apart for each group that was folded into this one.
    depths: BTreeMap<(usize, *const Visit), u8>,
    /// Visits with engagement, by address.
    engaged: BTreeSet<*const Visit>,
    visits: Vec<&'a Visit>,
    /// Those that the bounce rate speaks of.
    entered: Vec<&'a Visit>,
    exits: usize,
    exit_views: usize,
    rows: usize,
    is_folded: bool,
}

/// A label, and what it is sorted by.
type Key = Vec<(String, String)>;

/// Where the value of a dimension is looked up for a whole visit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Entry,
    Exit,
}

/// Who is in each group of events, whatever is shown of it.
pub(super) fn people(traffic: &Traffic, report: &Report) -> Vec<(Vec<String>, BTreeSet<u64>)> {
    let labels = |key: Key| key.into_iter().map(|(_, label)| label).collect();
    groups(traffic, report).into_iter().map(|(key, group)| (labels(key), group.people())).collect()
}

/// The visits that an event in the range chooses, each with its events in the range.
pub(super) fn chosen<'a>(traffic: &'a Traffic, report: &Report) -> Vec<(&'a Visit, Vec<&'a Event>)> {
    let range = report.range.from.as_second()..report.range.to.as_second();
    let visits = traffic.visits.iter().map(|visit| {
        let within = visit.events.iter().filter(|event| range.contains(&i64::from(event.timestamp)));
        (visit, within.collect::<Vec<_>>())
    });
    let passes = |(visit, events): &(&Visit, Vec<&Event>)| {
        events.iter().any(|event| holds_all(report, &report.filters, visit, event))
    };
    visits.filter(passes).collect()
}

/// All rows in order.
pub(super) fn answer(traffic: &Traffic, report: &Report) -> Vec<Row> {
    let mut groups = groups(traffic, report);
    let folded = fold(report, &mut groups);
    let values = |(key, group): (Key, Group<'_>)| {
        let withheld = is_withheld(report, &group);
        let value = |metric: &Metric| match withheld {
            true => None,
            false => value(traffic, report, *metric, (&key, &group)),
        };
        let values: Vec<Option<f64>> = report.metrics.iter().map(value).collect();
        (key, values)
    };
    let mut rows: Vec<_> = groups.into_iter().map(values).collect();
    sort(report, &mut rows);
    rows.into_iter()
        .chain(folded.map(values))
        .map(|(key, values)| (key.into_iter().map(|(_, label)| label).collect(), values))
        .collect()
}

/// Every group that is a row.
fn groups<'a>(traffic: &'a Traffic, report: &Report) -> BTreeMap<Key, Group<'a>> {
    let (from, to) = (report.range.from.as_second(), report.range.to.as_second());
    let within = |seconds: u32| (from..to).contains(&i64::from(seconds));
    let by_event = report.dimensions.iter().any(|dimension| dimension.name().starts_with("event:"));
    let asks_events =
        by_event || report.floor.is_some() || report.metrics.iter().any(|metric| is_of_events(*metric));
    let asks_visits = report.metrics.iter().any(|metric| is_of_visits(*metric, by_event))
        || (!asks_events && report.metrics.contains(&Metric::ExitRate));
    let mut groups: BTreeMap<Key, Group<'_>> = BTreeMap::new();
    if report.dimensions.is_empty() {
        groups.insert(Vec::new(), Group { rows: 1, ..Group::default() });
    }
    for visit in &traffic.visits {
        for event in visit.events.iter().filter(|event| within(event.timestamp)) {
            if !holds_all(report, &report.filters, visit, event) {
                continue;
            }
            for key in keys(report, visit, event) {
                let group = groups.entry(key).or_default();
                group.rows += usize::from(asks_events);
                group.add(report, visit, event);
            }
            if report.metrics.contains(&Metric::ExitRate) && event.name == "pageview" {
                groups.entry(view_key(report, visit, event)).or_default().exit_views += 1;
            }
        }
        let saw = visit.events.iter().any(|event| holds_all(report, &report.filters, visit, event));
        if within(visit.start()) && saw {
            let group = groups.entry(visit_key(report, visit, End::Entry)).or_default();
            group.rows += usize::from(asks_visits && !by_event);
            group.visits.push(visit);
            if entered_there(report, visit) {
                group.entered.push(visit);
            }
            groups.entry(visit_key(report, visit, End::Exit)).or_default().exits += 1;
        }
    }
    groups.retain(|_, group| group.rows > 0);
    groups
}

/// Takes the groups of too few visitors out, and as many more of the smallest as hide them; what becomes of them.
fn fold<'a>(report: &Report, groups: &mut BTreeMap<Key, Group<'a>>) -> Option<(Key, Group<'a>)> {
    let floor = report.floor.filter(|_| !report.dimensions.is_empty())?;
    let few = |people: usize| people < floor.visitors as usize;
    let mut sizes: Vec<(usize, Key)> =
        groups.iter().map(|(key, group)| (group.people().len(), key.clone())).collect();
    // Of groups of one size those without a value are the first to go.
    sizes.sort_by_cached_key(|(people, key)| {
        let values = report.dimensions.iter().zip(key);
        let value = |(dimension, (order, label)): (&Dimension, &(String, String))| {
            (label != blank(dimension)).then(|| (order.clone(), label.clone()))
        };
        (*people, values.map(value).collect::<Vec<_>>())
    });
    if !sizes.iter().any(|(people, _)| few(*people)) {
        return None;
    }
    let mut folded = Group { is_folded: true, ..Group::default() };
    for (index, (people, key)) in sizes.into_iter().enumerate() {
        if few(people) || index < 2 || few(folded.people().len()) {
            let group = groups.remove(&key).expect("one of them");
            folded.depths.extend(group.depths.into_iter().map(|((_, visit), depth)| ((index, visit), depth)));
            folded.events.extend(group.events);
            folded.seen.extend(group.seen);
            folded.engaged.extend(group.engaged);
            folded.visits.extend(group.visits);
            folded.entered.extend(group.entered);
            folded.exits += group.exits;
            folded.exit_views += group.exit_views;
        }
    }
    Some((report.dimensions.iter().map(|_| (String::new(), floor.label())).collect(), folded))
}

/// Whether so few visitors stand behind a whole report that no number of it may be told.
fn is_withheld(report: &Report, group: &Group<'_>) -> bool {
    let Some(floor) = report.floor else { return false };
    let people = group.people().len();
    let few = people < floor.visitors as usize;
    if !report.dimensions.is_empty() {
        return few && group.is_folded;
    }
    let asks = |metrics: &[Metric]| report.metrics.iter().any(|metric| metrics.contains(metric));
    let visits = asks(&[Metric::Visits, Metric::ViewsPerVisit, Metric::VisitDuration]);
    let someone = people > 0
        || (visits && !group.visits.is_empty())
        || (asks(&[Metric::BounceRate]) && !group.entered.is_empty());
    few && someone
}

fn is_of_events(metric: Metric) -> bool {
    !matches!(metric, Metric::Visits | Metric::BounceRate | Metric::VisitDuration | Metric::ExitRate)
}

fn is_of_visits(metric: Metric, by_event: bool) -> bool {
    match metric {
        Metric::Visits => !by_event,
        metric => matches!(metric, Metric::ViewsPerVisit | Metric::BounceRate | Metric::VisitDuration),
    }
}

impl<'a> Group<'a> {
    fn add(&mut self, report: &Report, visit: &'a Visit, event: &'a Event) {
        let named = |dimension: &Dimension| {
            matches!(dimension, Dimension::EventName | Dimension::EventGoal | Dimension::EventProp(_))
        };
        let by_name = report.dimensions.iter().any(named)
            || report.filters.iter().flat_map(Filter::clauses).any(|clause| named(&clause.dimension));
        self.events.push(event);
        if by_name || event.name == "pageview" {
            self.seen.insert(visit);
        }
        if event.name == "engagement" && event.engagement_ms > 0 {
            self.engaged.insert(visit);
        }
        if event.name == "engagement" && event.depth_percent <= 100 {
            let depth = self.depths.entry((0, std::ptr::from_ref(visit))).or_default();
            *depth = (*depth).max(event.depth_percent);
        }
    }

    fn people(&self) -> BTreeSet<u64> {
        self.events.iter().map(|event| event.visitor).collect()
    }

    fn visitors(&self) -> f64 {
        visitors(self.events.iter().copied())
    }
}

fn visitors<'a>(events: impl Iterator<Item = &'a Event>) -> f64 {
    events.map(|event| event.visitor).collect::<BTreeSet<_>>().len() as f64
}

fn value(
    traffic: &Traffic,
    report: &Report,
    metric: Metric,
    (key, group): (&Key, &Group<'_>),
) -> Option<f64> {
    let visits = group.visits.len() as f64;
    let by_event = report.dimensions.iter().any(|dimension| dimension.name().starts_with("event:"));
    let named = |name: &str| group.events.iter().filter(|event| event.name == name).count() as f64;
    match metric {
        Metric::Visitors => Some(group.visitors()),
        Metric::Visits if by_event => Some(group.seen.len() as f64),
        Metric::Visits => Some(visits),
        Metric::Pageviews => Some(named("pageview")),
        Metric::Events => Some(group.events.len() as f64 - named("engagement")),
        Metric::ViewsPerVisit => Some(ratio(named("pageview"), visits, 2)),
        Metric::BounceRate => {
            let bounced =
                |visit: &&&Visit| visit.events.iter().filter(|event| event.interactive).count() == 1;
            let bounces = group.entered.iter().filter(bounced).count();
            Some(percent(bounces as f64, group.entered.len() as f64, 0))
        }
        Metric::VisitDuration => {
            let seconds = |visit: &&Visit| {
                let last = visit.events.iter().rfind(|event| event.name != "engagement");
                f64::from(last.map_or(0, |last| last.timestamp - visit.start()))
            };
            Some(ratio(group.visits.iter().map(seconds).sum(), visits, 0))
        }
        Metric::TimeOnPage => (!group.engaged.is_empty()).then(|| {
            let ms: f64 = group.events.iter().map(|event| f64::from(event.engagement_ms)).sum();
            (ms / group.engaged.len() as f64 / 1_000.0).round_ties_even()
        }),
        Metric::ScrollDepth => (!group.depths.is_empty()).then(|| {
            let depths: f64 = group.depths.values().map(|depth| f64::from(*depth)).sum();
            (depths / group.depths.len() as f64).round_ties_even()
        }),
        Metric::ExitRate => {
            (group.exit_views > 0).then(|| percent(group.exits as f64, group.exit_views as f64, 1))
        }
        Metric::Percentage => {
            Some(percent(group.visitors(), all_visitors(traffic, report, &report.filters, None), 2))
        }
        Metric::ConversionRate => {
            let all = all_visitors(traffic, report, &without_goals(report), None);
            Some(percent(group.visitors(), all, 2))
        }
        // Those who might have met the goal are counted in groups that are shown.
        Metric::GroupConversionRate if group.is_folded => None,
        Metric::GroupConversionRate => {
            let all = all_visitors(traffic, report, &without_goals(report), Some(key));
            Some(percent(group.visitors(), all, 2))
        }
        Metric::TotalRevenue => {
            revenue(report, key, group).map(|amounts| amounts.iter().sum::<i64>() as f64 / 1_000.0)
        }
        Metric::AverageRevenue => revenue(report, key, group)
            .map(|amounts| ratio(amounts.iter().sum::<i64>() as f64 / 1_000.0, amounts.len() as f64, 3)),
    }
}

fn ratio(part: f64, whole: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    if whole == 0.0 { 0.0 } else { (part / whole * scale).round_ties_even() / scale }
}

fn percent(part: f64, whole: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    if whole == 0.0 { 0.0 } else { (part / whole * 100.0 * scale).round_ties_even() / scale }
}

/// Distinct visitors of all events under other filters; those of one group, as far as it is no goal and no property.
fn all_visitors(traffic: &Traffic, report: &Report, filters: &[Filter], key: Option<&Key>) -> f64 {
    let range = report.range.from.as_second()..report.range.to.as_second();
    let plain: Vec<usize> = (0..report.dimensions.len())
        .filter(|index| !matches!(report.dimensions[*index], Dimension::EventGoal | Dimension::EventProp(_)))
        .collect();
    let in_group = |visit: &Visit, event: &Event| {
        key.is_none_or(|key| {
            plain.iter().all(|index| one_key(report, &report.dimensions[*index], visit, event) == key[*index])
        })
    };
    let events = traffic.visits.iter().flat_map(|visit| visit.events.iter().map(move |event| (visit, event)));
    let counted = events.filter(|(visit, event)| {
        range.contains(&i64::from(event.timestamp))
            && holds_all(report, filters, visit, event)
            && in_group(visit, event)
    });
    visitors(counted.map(|(_, event)| event))
}

/// The filters at the top, and in an `and` at the top.
fn top(filters: &[Filter]) -> Vec<Filter> {
    let one = |filter: &Filter| match filter {
        Filter::And(filters) => top(filters),
        filter => vec![filter.clone()],
    };
    filters.iter().flat_map(one).collect()
}

fn without_goals(report: &Report) -> Vec<Filter> {
    let goal = |clause: &&Clause| matches!(clause.dimension, Dimension::EventGoal | Dimension::EventProp(_));
    top(&report.filters).into_iter().filter(|filter| !filter.clauses().iter().any(goal)).collect()
}

/// The goals that the filters at the top leave.
fn goals(report: &Report) -> Vec<&Goal> {
    let filters = top(&report.filters);
    let picked = |goal: &&Goal| {
        filters.iter().all(|filter| match filter {
            Filter::Clause(clause) if clause.dimension == Dimension::EventGoal => compare(clause, &goal.name),
            _ => true,
        })
    };
    report.site.goals.iter().filter(picked).collect()
}

pub(super) fn meets(goal: &Goal, event: &Event) -> bool {
    let page = |pattern: &str| match pattern {
        "/blog/*" => event.path.starts_with("/blog/") && !event.path["/blog/".len()..].contains('/'),
        "/blog/**" => event.path.starts_with("/blog/"),
        plain if !plain.contains('*') => event.path == plain,
        other => panic!("pattern {other} is unknown here"),
    };
    let kind = match &goal.kind {
        GoalKind::Event(name) => event.name == name,
        GoalKind::Page(pattern) => event.name == "pageview" && page(&pattern.0),
        GoalKind::Scroll { page: pattern, percent } => {
            event.name == "engagement" && page(&pattern.0) && (*percent..=100).contains(&event.depth_percent)
        }
    };
    kind && goal.props.iter().all(|(key, value)| key == "plan" && event.plan == value)
}

/// Every amount in the currency of the goal; nothing where there is no one currency.
fn revenue(report: &Report, key: &Key, group: &Group<'_>) -> Option<Vec<i64>> {
    let of_row = report.dimensions.iter().position(|dimension| *dimension == Dimension::EventGoal);
    let mut goals = goals(report);
    if let Some(index) = of_row {
        goals.retain(|goal| goal.name == key[index].1);
    }
    goals.retain(|goal| goal.currency.is_some());
    let currencies: BTreeSet<_> = goals.iter().filter_map(|goal| goal.currency.as_deref()).collect();
    let currency = currencies.first().filter(|_| currencies.len() == 1)?;
    let events = group
        .events
        .iter()
        .filter(|event| event.currency == *currency && goals.iter().any(|goal| meets(goal, event)));
    Some(events.map(|event| event.revenue_thousandths).collect())
}

fn sort(report: &Report, rows: &mut [(Key, Vec<Option<f64>>)]) {
    rows.sort_by(|(left_key, left), (right_key, right)| {
        let mut ordering = std::cmp::Ordering::Equal;
        for order in &report.order_by {
            let down = order.direction == Direction::Descending;
            let turned = |by: std::cmp::Ordering| if down { by.reverse() } else { by };
            let by = match &order.by {
                OrderBy::Metric(metric) => {
                    let index = report.metrics.iter().position(|m| m == metric).expect("asked");
                    match (left[index], right[index]) {
                        // Those without a value come last, whichever way.
                        (None, None) => std::cmp::Ordering::Equal,
                        (None, Some(_)) => std::cmp::Ordering::Greater,
                        (Some(_), None) => std::cmp::Ordering::Less,
                        (Some(left), Some(right)) => turned(left.total_cmp(&right)),
                    }
                }
                OrderBy::Dimension(dimension) => {
                    let index = report.dimensions.iter().position(|d| d == dimension).expect("asked");
                    turned(left_key[index].cmp(&right_key[index]))
                }
            };
            ordering = ordering.then(by);
        }
        ordering.then(left_key.cmp(right_key))
    });
}

/// The groups of an event: one for each goal that it meets, where the report is by goal.
fn keys(report: &Report, visit: &Visit, event: &Event) -> Vec<Key> {
    let mut keys: Vec<Key> = vec![Vec::new()];
    for dimension in &report.dimensions {
        let parts: Vec<(String, String)> = if *dimension == Dimension::EventGoal {
            let met = goals(report).into_iter().filter(|goal| meets(goal, event));
            met.map(|goal| (goal.name.clone(), goal.name.clone())).collect()
        } else {
            vec![one_key(report, dimension, visit, event)]
        };
        keys = keys
            .iter()
            .flat_map(|key| parts.iter().map(|part| key.iter().cloned().chain([part.clone()]).collect()))
            .collect();
    }
    keys
}

fn one_key(report: &Report, dimension: &Dimension, visit: &Visit, event: &Event) -> (String, String) {
    if dimension.name().starts_with("time") {
        return time_key(report, dimension, event.timestamp);
    }
    labelled(dimension, attribute(dimension, visit, Some(event)))
}

/// The group of a visit as a whole, which an event's page is the first or the last of.
fn visit_key(report: &Report, visit: &Visit, end: End) -> Key {
    let one = |dimension: &Dimension| {
        if dimension.name().starts_with("time") {
            return time_key(report, dimension, visit.start());
        }
        let at_end = match (dimension, end) {
            (Dimension::EventPage, End::Entry) => &Dimension::EntryPage,
            (Dimension::EventPage, End::Exit) => &Dimension::ExitPage,
            (Dimension::EventHostname, End::Entry) => &Dimension::EntryPageHostname,
            (Dimension::EventHostname, End::Exit) => &Dimension::ExitPageHostname,
            (dimension, _) => dimension,
        };
        labelled(dimension, attribute(at_end, visit, None))
    };
    report.dimensions.iter().map(one).collect()
}

/// The group of a pageview, where the page that was left is grouped by.
fn view_key(report: &Report, visit: &Visit, event: &Event) -> Key {
    let one = |dimension: &Dimension| match dimension {
        Dimension::ExitPage => labelled(dimension, event.path),
        Dimension::ExitPageHostname => labelled(dimension, event.host),
        dimension => one_key(report, dimension, visit, event),
    };
    report.dimensions.iter().map(one).collect()
}

fn blank(dimension: &Dimension) -> &'static str {
    match dimension {
        Dimension::Source | Dimension::Referrer => "Direct / None",
        Dimension::Channel => "Direct",
        Dimension::EventProp(_) => "(none)",
        _ => "(not set)",
    }
}

fn labelled(dimension: &Dimension, value: &str) -> (String, String) {
    let label = if value.is_empty() { blank(dimension) } else { value };
    (label.to_owned(), label.to_owned())
}

fn time_key(report: &Report, dimension: &Dimension, seconds: u32) -> (String, String) {
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
    // In the hour that comes twice, the clock that is further ahead is the earlier one.
    let ahead = 1_000_000 - zone.to_offset(instant).seconds();
    let sorted_by =
        if *dimension == Dimension::TimeHour { format!("{label} {ahead}") } else { label.clone() };
    (sorted_by, label)
}

pub(super) fn attribute<'a>(dimension: &Dimension, visit: &'a Visit, event: Option<&'a Event>) -> &'a str {
    let pageviews = visit.pageviews();
    let origin = &visit.origin;
    match dimension {
        Dimension::EventName => event.map_or("", |event| event.name),
        Dimension::EventPage => event.map_or("", |event| event.path),
        Dimension::EventHostname => event.map_or("", |event| event.host),
        Dimension::EventProp(key) if key == "plan" => event.map_or("", |event| event.plan),
        Dimension::EntryPage => pageviews.map_or("", |(first, _)| first.path),
        Dimension::EntryPageHostname => pageviews.map_or("", |(first, _)| first.host),
        Dimension::ExitPage => pageviews.map_or("", |(_, last)| last.path),
        Dimension::ExitPageHostname => pageviews.map_or("", |(_, last)| last.host),
        Dimension::Source => origin.source,
        Dimension::Referrer => origin.referrer,
        Dimension::Channel => origin.channel,
        Dimension::UtmMedium => origin.utm_medium,
        Dimension::UtmSource => origin.utm_source,
        Dimension::UtmCampaign => origin.utm_campaign,
        Dimension::UtmContent => origin.utm_content,
        Dimension::UtmTerm => origin.utm_term,
        Dimension::Device => origin.device,
        Dimension::Browser => origin.browser,
        Dimension::BrowserVersion => origin.browser_version,
        Dimension::Os => origin.os,
        Dimension::OsVersion => origin.os_version,
        Dimension::Country => origin.country,
        Dimension::Language => origin.language,
        Dimension::CountryName => match origin.country {
            "FR" => "France",
            "DE" => "Germany",
            other => other,
        },
        _ => "",
    }
}

fn holds_all(report: &Report, filters: &[Filter], visit: &Visit, event: &Event) -> bool {
    filters.iter().all(|filter| holds(report, filter, visit, event))
}

fn holds(report: &Report, filter: &Filter, visit: &Visit, event: &Event) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|filter| holds(report, filter, visit, event)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(report, filter, visit, event)),
        Filter::Not(filter) => !holds(report, filter, visit, event),
        Filter::HasDone(filter) => visit.events.iter().any(|event| holds(report, filter, visit, event)),
        Filter::Segment(_) => panic!("a resolved question has no segments"),
        Filter::Clause(clause) if clause.dimension == Dimension::EventGoal => {
            report.site.goals.iter().any(|goal| compare(clause, &goal.name) && meets(goal, event))
        }
        Filter::Clause(clause) => {
            // Where visits are broken down, a host is that of the entry.
            let by_visit = report.dimensions.iter().any(|dimension| dimension.name().starts_with("visit:"));
            let dimension = match &clause.dimension {
                Dimension::EventHostname if by_visit => &Dimension::EntryPageHostname,
                dimension => dimension,
            };
            compare(clause, attribute(dimension, visit, Some(event)))
        }
    }
}

/// Page filters at the top, or in an `and` at the top, speak of the entry where bounces are counted.
fn entered_there(report: &Report, visit: &Visit) -> bool {
    fn is_on_pages(filter: &Filter) -> bool {
        match filter {
            Filter::And(filters) | Filter::Or(filters) => filters.iter().all(is_on_pages),
            Filter::Not(filter) => is_on_pages(filter),
            Filter::HasDone(_) | Filter::Segment(_) => false,
            Filter::Clause(clause) => clause.dimension == Dimension::EventPage,
        }
    }
    let entry = attribute(&Dimension::EntryPage, visit, None);
    fn holds(filter: &Filter, entry: &str) -> bool {
        match filter {
            Filter::And(filters) => filters.iter().all(|filter| holds(filter, entry)),
            Filter::Or(filters) => filters.iter().any(|filter| holds(filter, entry)),
            Filter::Not(filter) => !holds(filter, entry),
            Filter::Clause(clause) => compare(clause, entry),
            Filter::HasDone(_) | Filter::Segment(_) => panic!("not on pages"),
        }
    }
    top(&report.filters).iter().filter(|filter| is_on_pages(filter)).all(|filter| holds(filter, entry))
}

fn compare(clause: &Clause, actual: &str) -> bool {
    let folds = clause.case == Case::Insensitive;
    let lower = |text: &str| if folds { text.to_lowercase() } else { text.to_owned() };
    let folded = lower(actual);
    let any = |matches: &dyn Fn(&str) -> bool| clause.values.iter().any(|value| matches(value));
    let equals =
        |value: &str| lower(value) == folded || (actual.is_empty() && value == blank(&clause.dimension));
    let contains = |value: &str| folded.contains(&lower(value));
    let matches = |value: &str| {
        let pattern = regex::RegexBuilder::new(value).case_insensitive(folds).build().expect("a pattern");
        pattern.is_match(actual)
    };
    // Who does not carry the property neither holds nor lacks a part of it.
    let carried = !(actual.is_empty() && matches!(clause.dimension, Dimension::EventProp(_)));
    match clause.operator {
        Operator::Is => any(&equals),
        Operator::IsNot => !any(&equals),
        Operator::Contains => any(&contains),
        Operator::ContainsNot => carried && !any(&contains),
        Operator::Matches => any(&matches),
        Operator::MatchesNot => carried && !any(&matches),
    }
}
