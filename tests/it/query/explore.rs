//! Funnels, journeys, typical paths, returning and attribution hold against a naive walk over the visits in memory.

use std::collections::{BTreeMap, BTreeSet};

use passant_query::{
    Site,
    explore::{
        Attribution, Direction, Exploration, Funnel, Journey, Kind, Paths, Question, Span, StepOrder, Touch,
    },
};
use passant_tests::TestEngine;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{
    now, reference, runner, site, state,
    traffic::{self, Event, Traffic, Visit},
};

/// Questions of each kind, asked of so many sites.
const QUESTIONS: usize = 40;
const SITES: usize = 8;

const FILTERS: &[&str] = &[
    r#"["is", "visit:country", ["FR"]]"#,
    r#"["contains", "event:page", ["blog"]]"#,
    r#"["has_not_done", ["is", "event:name", ["Purchase"]]]"#,
];
const STEPS: &[&str] = &[
    r#"{ "page": "/" }"#,
    r#"{ "page": "/blog/**" }"#,
    r#"{ "event": "Tick" }"#,
    r#"{ "event": "pageview" }"#,
    r#"{ "goal": "Signup" }"#,
    r#"{ "goal": "Purchase" }"#,
    r#"{ "goal": "Read /blog/**" }"#,
];

/// What is about a person at an instant: the event, with what its visit was.
type Seen<'a> = (u32, usize, usize, &'a Event);

/// Groups with their people and a count, before folding.
type Groups = BTreeMap<Vec<String>, (BTreeSet<u64>, u64)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explores_as_a_naive_walk_does() {
    let engine = TestEngine::start().await;
    let mut runner = runner();
    let mut rows = BTreeMap::new();
    for index in 0..SITES {
        let id = 3_000 + u32::try_from(index).expect("small");
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let place = Site { goals: traffic::site(id).0.goals, ..site(id) };
        let place = Site { privacy_floor: [1, 2, 3, 5][index % 4], ..place };
        let traffic = Traffic::replay(&plans, (place, "2026-03-25T23:00:00Z".parse().expect("instant")));
        engine.store().insert(&traffic.batch(u64::from(id))).await.expect("inserted");
        for kind in Kind::all() {
            for _ in 0..QUESTIONS / SITES {
                let mut body = any_body(kind, &mut runner);
                body["site_id"] = json!(traffic.site.domain);
                let answer = state(engine.store()).explore(kind, &body, &traffic.site).await;
                let answer = answer.unwrap_or_else(|error| {
                    panic!("{body}: {error}: {:?}", std::error::Error::source(&error))
                });
                let question =
                    Question::parse(kind, &body, &traffic.site, (now(), None)).expect("a question");
                let expected = expected(&traffic, &question);
                assert_eq!(answer["results"], expected, "{body} under {}", traffic.site.privacy_floor);
                *rows.entry(kind.path()).or_insert(0) += expected.as_array().expect("rows").len();
            }
        }
    }
    println!("{rows:?}");
    assert!(Kind::all().all(|kind| rows[kind.path()] >= QUESTIONS), "{rows:?}");
}

fn any_body(kind: Kind, runner: &mut TestRunner) -> Value {
    let mut pick = |words: &[&str]| {
        let index = (0..words.len()).new_tree(runner).expect("an index").current();
        words[index].to_owned()
    };
    let parsed = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
    let mut body = json!({ "date_range": parsed(pick(&[r#"["2026-03-26", "2026-03-31"]"#, r#"["2026-03-27", "2026-03-29"]"#])) });
    if pick(&["filtered", "not"]) == "filtered" {
        body["filters"] = json!([parsed(pick(FILTERS))]);
    }
    match kind {
        Kind::Funnel => {
            let count = pick(&["2", "3", "3", "8"]).parse().expect("a number");
            body["steps"] = (0..count).map(|_| parsed(pick(STEPS))).collect();
            body["order"] = json!(pick(&["strict", "any"]));
            body["within"] = json!(pick(&["visit", "day"]));
        }
        Kind::Journey => {
            body["steps"] = parsed(pick(&["2", "3", "8"]));
            match pick(&["from", "to", "entry"]).as_str() {
                "entry" => {}
                way => body[way] = json!(pick(&["/about", "/blog/**", "/nowhere"])),
            }
        }
        Kind::Paths => body["pages"] = parsed(pick(&["2", "3"])),
        Kind::Returning => {}
        Kind::Attribution => {
            body["goal"] = json!(pick(&["Signup", "Purchase", "Visit /blog/*"]));
            body["by"] = json!(pick(&["visit:channel", "visit:source", "visit:utm_campaign"]));
            body["touch"] = json!(pick(&["first", "last"]));
            body["within"] = json!(pick(&["visit", "day"]));
        }
    }
    body
}

fn expected(traffic: &Traffic, question: &Question) -> Value {
    let chosen = reference::chosen(traffic, &question.report);
    match &question.exploration {
        Exploration::Funnel(funnel) => expect_funnel(traffic, funnel, &chosen),
        Exploration::Journey(journey) => expect_journey(traffic, journey, &chosen),
        Exploration::Paths(paths) => expect_paths(traffic, *paths, &chosen),
        Exploration::Returning => expect_returning(traffic, &chosen),
        Exploration::Attribution(attribution) => expect_attribution(traffic, attribution, &chosen),
    }
}

type Chosen<'a> = [(&'a Visit, Vec<&'a Event>)];

/// Everything of each visitor, or of each visit, in order.
fn units<'a>(traffic: &Traffic, within: Span, chosen: &Chosen<'a>) -> Vec<Vec<Seen<'a>>> {
    let mut units: BTreeMap<u64, Vec<Seen<'a>>> = BTreeMap::new();
    for (visit, events) in chosen {
        let number =
            traffic.visits.iter().position(|other| std::ptr::eq(other, *visit)).expect("one of them");
        for event in events {
            let sequence =
                visit.events.iter().position(|other| std::ptr::eq(other, *event)).expect("its own");
            let unit = match within {
                Span::Visit => number as u64,
                Span::Day => event.visitor,
            };
            units.entry(unit).or_default().push((event.timestamp, number, sequence, event));
        }
    }
    let mut units: Vec<_> = units.into_values().collect();
    for unit in &mut units {
        unit.sort_by_key(|(timestamp, number, sequence, _)| (*timestamp, *number, *sequence));
    }
    units
}

fn expect_funnel(traffic: &Traffic, funnel: &Funnel, chosen: &Chosen<'_>) -> Value {
    let steps = &funnel.steps;
    let mut people: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); steps.len()];
    let mut waits: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
    for unit in units(traffic, funnel.within, chosen) {
        let meets = |step: usize, event: &Event| reference::meets(&steps[step].goal, event);
        let mut times = Vec::new();
        match funnel.order {
            StepOrder::Strict => {
                for (timestamp, _, _, event) in &unit {
                    if times.len() < steps.len() && meets(times.len(), event) {
                        times.push(*timestamp);
                    }
                }
            }
            StepOrder::Any => {
                for step in 0..steps.len() {
                    match unit.iter().find(|(_, _, _, event)| meets(step, event)) {
                        Some((timestamp, ..)) => times.push((*timestamp).max(*times.last().unwrap_or(&0))),
                        None => break,
                    }
                }
            }
        }
        let first = unit.iter().find(|(_, _, _, event)| (0..steps.len()).any(|step| meets(step, event)));
        for step in 0..times.len() {
            people[step].insert(first.expect("met").3.visitor);
            if step > 0 {
                waits[step].push(times[step] - times[step - 1]);
            }
        }
    }
    let floor = traffic.site.privacy_floor as usize;
    let few = |people: usize| (1..floor).contains(&people);
    let percent = |part: usize, whole: usize| match whole {
        0 => 0.0,
        _ => (part as f64 / whole as f64 * 10_000.0).round_ties_even() / 100.0,
    };
    let (mut entered, mut last, mut gap) = (None, None, false);
    let rows = steps.iter().enumerate().map(|(index, step)| {
        let reached = people[index].len();
        if few(reached) || last.is_some_and(|last: usize| few(last - reached)) {
            gap = true;
            return json!({
                "step": step.name, "visitors": null, "conversion_rate": null, "step_rate": null,
                "dropped_off": null, "drop_off_rate": null, "median_seconds": null, "withheld": true,
            });
        }
        let before = last.unwrap_or(reached);
        let first = *entered.get_or_insert(reached);
        let median = if gap { None } else { median(&mut waits[index]) };
        (last, gap) = (Some(reached), false);
        json!({
            "step": step.name,
            "visitors": reached,
            "conversion_rate": percent(reached, first),
            "step_rate": percent(reached, before),
            "dropped_off": before - reached,
            "drop_off_rate": percent(before - reached, before),
            "median_seconds": median,
            "withheld": false,
        })
    });
    rows.collect()
}

fn median(waits: &mut [u32]) -> Option<f64> {
    waits.sort_unstable();
    let (low, high) = (waits.get(waits.len().checked_sub(1)? / 2)?, waits.get(waits.len() / 2)?);
    Some((f64::from(*low) + f64::from(*high)) / 2.0)
}

/// The visits' pages in order, those that were loaded again once, each with its visit and visitor.
fn pages<'a>(traffic: &Traffic, chosen: &Chosen<'a>) -> Vec<(usize, u64, Vec<&'a str>)> {
    let mut all = Vec::new();
    for (visit, events) in chosen {
        let views: Vec<_> = events.iter().filter(|event| event.name == "pageview").collect();
        let mut pages: Vec<&str> = views.iter().map(|event| event.path).collect();
        pages.dedup();
        if let Some(first) = views.first() {
            let number = traffic.visits.iter().position(|other| std::ptr::eq(other, *visit)).expect("one");
            all.push((number, first.visitor, pages));
        }
    }
    all
}

fn expect_journey(traffic: &Traffic, journey: &Journey, chosen: &Chosen<'_>) -> Value {
    let starts = |pattern: &str, page: &str| match pattern {
        "/blog/**" => page.starts_with("/blog/"),
        plain => page == plain,
    };
    let mut steps: BTreeMap<usize, Groups> = BTreeMap::new();
    let backward = matches!(journey.direction, Direction::To(_));
    for (_, visitor, mut pages) in pages(traffic, chosen) {
        if backward {
            pages.reverse();
        }
        let start = match &journey.direction {
            Direction::FromEntry => Some(0),
            Direction::From(pattern) | Direction::To(pattern) => {
                pages.iter().position(|page| starts(&pattern.0, page))
            }
        };
        let Some(start) = start else { continue };
        let walk = &pages[start..];
        for step in 0..walk.len().min(usize::try_from(journey.steps).expect("small") - 1) {
            let key = vec![walk[step].to_owned(), walk.get(step + 1).copied().unwrap_or_default().to_owned()];
            let group = steps.entry(step + 1).or_default().entry(key).or_default();
            group.0.insert(visitor);
            group.1 += 1;
        }
    }
    let end = if backward { "(entry)" } else { "(exit)" };
    let mut rows = Vec::new();
    for (step, groups) in steps {
        for (key, visitors, visits) in folded(groups, traffic.site.privacy_floor, Sorted::BySize) {
            let key: Vec<_> =
                key.iter().map(|page| if page.is_empty() { end } else { page.as_str() }).collect();
            let (from, to) = if backward { (key[1], key[0]) } else { (key[0], key[1]) };
            rows.push(
                json!({ "step": step, "from": from, "to": to, "visitors": visitors, "visits": visits }),
            );
        }
    }
    Value::from(rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sorted {
    BySize,
    ByName,
}

/// Rows in order, the folded one last; its numbers are missing where it has too few people.
fn folded(groups: Groups, floor: u32, sorted: Sorted) -> Vec<(Vec<String>, Option<usize>, Option<u64>)> {
    let few = |people: &BTreeSet<u64>| people.len() < floor as usize;
    let fold = groups.values().any(|(people, _)| few(people));
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(key, (people, _))| (people.len(), key.clone()));
    let (mut shown, mut rest, mut rest_count, mut width) = (Vec::new(), BTreeSet::new(), 0, 0);
    for (index, (key, (people, count))) in groups.into_iter().enumerate() {
        if fold && (few(&people) || index < 2 || few(&rest)) {
            width = key.len();
            rest.extend(people);
            rest_count += count;
        } else {
            shown.push((key, Some(people.len()), Some(count)));
        }
    }
    shown.sort_by_key(|(key, people, _)| match sorted {
        Sorted::BySize => (std::cmp::Reverse(*people), key.clone()),
        Sorted::ByName => (std::cmp::Reverse(None), key.clone()),
    });
    if fold {
        let label = vec![format!("(fewer than {floor})"); width];
        let told = !few(&rest);
        shown.push((label, told.then_some(rest.len()), told.then_some(rest_count)));
    }
    shown
}

fn expect_paths(traffic: &Traffic, paths: Paths, chosen: &Chosen<'_>) -> Value {
    let mut groups: BTreeMap<Vec<&str>, (BTreeSet<u64>, BTreeSet<usize>)> = BTreeMap::new();
    for (visit, visitor, pages) in pages(traffic, chosen) {
        for path in pages.windows(usize::try_from(paths.pages).expect("small")) {
            let group = groups.entry(path.to_vec()).or_default();
            group.0.insert(visitor);
            group.1.insert(visit);
        }
    }
    let floor = traffic.site.privacy_floor as usize;
    let mut rows: Vec<_> = groups.into_iter().filter(|(_, (people, _))| people.len() >= floor).collect();
    rows.sort_by_key(|(path, (people, _))| (std::cmp::Reverse(people.len()), path.clone()));
    rows.truncate(usize::try_from(paths.limit).expect("small"));
    rows.into_iter()
        .map(|(path, (people, visits))| json!({ "pages": path, "visitors": people.len(), "visits": visits.len() }))
        .collect()
}

fn expect_returning(traffic: &Traffic, chosen: &Chosen<'_>) -> Value {
    let mut visits: BTreeMap<u64, usize> = BTreeMap::new();
    for (_, events) in chosen {
        let people: BTreeSet<u64> = events.iter().map(|event| event.visitor).collect();
        people.into_iter().for_each(|visitor| *visits.entry(visitor).or_default() += 1);
    }
    let mut groups = Groups::new();
    for (visitor, count) in visits {
        let group = groups.entry(vec![count.min(5).to_string()]).or_default();
        group.0.insert(visitor);
        group.1 += count as u64;
    }
    let label = |text: &str| if text == "5" { "5 or more".to_owned() } else { text.to_owned() };
    folded(groups, traffic.site.privacy_floor, Sorted::ByName)
        .into_iter()
        .map(|(key, visitors, visits)| {
            json!({ "visits_per_day": label(&key[0]), "visitors": visitors, "visits": visits })
        })
        .collect()
}

fn expect_attribution(traffic: &Traffic, attribution: &Attribution, chosen: &Chosen<'_>) -> Value {
    let origin =
        |number: usize| reference::attribute(&attribution.by, &traffic.visits[number], None).to_owned();
    let mut groups = Groups::new();
    for unit in units(traffic, Span::Day, chosen) {
        for (_, number, _, event) in
            unit.iter().filter(|(_, _, _, event)| reference::meets(&attribution.goal, event))
        {
            let credited = match (attribution.within, attribution.touch) {
                (Span::Day, Touch::First) => unit[0].1,
                (Span::Day, Touch::Last) | (Span::Visit, _) => *number,
            };
            let group = groups.entry(vec![origin(credited)]).or_default();
            group.0.insert(event.visitor);
            group.1 += 1;
        }
    }
    let by = attribution.by.name();
    let blank = match by.as_ref() {
        "visit:channel" => "Direct",
        "visit:source" => "Direct / None",
        _ => "(not set)",
    };
    folded(groups, traffic.site.privacy_floor, Sorted::BySize)
        .into_iter()
        .map(|(key, visitors, conversions)| {
            let label = if key[0].is_empty() { blank } else { &key[0] };
            json!({ by.as_ref(): label, "visitors": visitors, "conversions": conversions })
        })
        .collect()
}

/// Those of the description, and those of the snapshots.
#[tokio::test]
async fn every_example_of_the_description_is_answered() {
    let engine = TestEngine::start().await;
    let document = serde_json::to_value(passant_query::openapi()).expect("JSON");
    let (mut place, _) = traffic::site(9);
    place.domain = "example.org".to_owned();
    let content =
        |path: &str| document["paths"][path]["post"]["requestBody"]["content"]["application/json"].clone();
    for kind in Kind::all() {
        let answer = state(engine.store()).explore(kind, &content(kind.path())["example"], &place).await;
        let answer = answer.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let steps = if kind == Kind::Funnel { 3 } else { 0 };
        assert_eq!(answer["results"].as_array().expect("rows").len(), steps, "{kind:?}");
    }
    let examples = content("/api/v2/query")["examples"].clone();
    for (name, example) in examples.as_object().expect("examples") {
        let request = passant_query::Request::parse(&example["value"]).expect("a question");
        let answer = state(engine.store()).answer(&request, &place).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer["results"].is_array(), "{name}");
    }
}
