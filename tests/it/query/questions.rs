//! Random questions that together reach every metric by every dimension under every operator.
//!
//! Invariant: what is reached is counted on resolved questions, so that a refused one never counts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use passant_query::{Filter, Metric, Operator, Report, Request};
use proptest::{
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::traffic::Traffic;

/// Every dimension of the API.
pub(super) const DIMENSIONS: &[&str] = &[
    "event:name",
    "event:goal",
    "event:props:plan",
    "event:page",
    "event:hostname",
    "visit:entry_page",
    "visit:entry_page_hostname",
    "visit:exit_page",
    "visit:exit_page_hostname",
    "visit:source",
    "visit:referrer",
    "visit:channel",
    "visit:utm_medium",
    "visit:utm_source",
    "visit:utm_campaign",
    "visit:utm_content",
    "visit:utm_term",
    "visit:device",
    "visit:browser",
    "visit:browser_version",
    "visit:os",
    "visit:os_version",
    "visit:country",
    "visit:country_name",
    "visit:language",
    "visit:region",
    "visit:region_name",
    "visit:city",
    "visit:city_name",
    "time",
    "time:hour",
    "time:day",
    "time:week",
    "time:month",
];

/// Words of the values that rows hold, and some that none holds.
const VALUES: &[&str] = &[
    "/",
    "/about",
    "/blog",
    "Blog",
    "example.org",
    "docs",
    "Google",
    "google.com",
    "oo",
    "Email",
    "cpc",
    "Letter",
    "Summer",
    "top",
    "shoe",
    "Mobile",
    "Firefox",
    "fire",
    "14",
    "141",
    "Linux",
    "lin",
    "18",
    "FR",
    "France",
    "fr",
    "pro",
    "Free",
    "pageview",
    "Signup",
    "sign",
    "none of them",
];
const BLANKS: &[&str] = &["", "(not set)", "(none)", "Direct / None", "Direct"];
const PATTERNS: &[&str] = &["^/b", "t$", "^$", "o+", "(?i)^f", "[A-Z]", "^(/|pro)$"];
const GOALS: &[&str] = &["Signup pro", "Signup", "Purchase", "Sale", "Visit /blog/*", "Read /blog/**"];
/// Words between which a filter is put: the operators, and what joins them.
const JOINS: &[&str] = &["", "", "", "not", "and", "or", "has_done", "has_not_done"];

/// One thing to be reached: a metric, a dimension, and an operator in a filter.
pub(super) type Triple = (String, String, String);

/// Makes questions, each with something new in it while there is something new.
pub(super) struct Questions {
    runner: TestRunner,
    missing: BTreeSet<Triple>,
    /// How often each triple was reached.
    reached: BTreeMap<Triple, u32>,
}

impl Questions {
    /// A source of questions in the order that the runner's random numbers give; `traffic` tells which triples exist.
    pub(super) fn new(runner: TestRunner, traffic: &Traffic, now: Timestamp) -> Self {
        let mut questions = Self { runner, missing: BTreeSet::new(), reached: BTreeMap::new() };
        for metric in Metric::all().map(Metric::name) {
            for dimension in DIMENSIONS {
                for operator in operators() {
                    let body = questions.about(metric, dimension, &operator);
                    if resolved(&body, traffic, now).is_some() {
                        questions.missing.insert((metric.into(), (*dimension).into(), operator));
                    }
                }
            }
        }
        questions
    }

    /// A source of questions without filters.
    pub(super) fn unfiltered(runner: TestRunner) -> Self {
        Self { runner, missing: BTreeSet::new(), reached: BTreeMap::new() }
    }

    /// A question without a filter about this traffic.
    pub(super) fn next_unfiltered(&mut self, traffic: &Traffic, now: Timestamp) -> (Value, Report) {
        loop {
            let metrics: Vec<_> = Metric::all().map(Metric::name).filter(|_| self.coin(4)).collect();
            let mut dimensions: Vec<_> = (0..2).filter_map(|_| self.pick(DIMENSIONS)).collect();
            dimensions.truncate(self.sample(0..3usize));
            let order: Vec<&str> = metrics.iter().copied().chain(dimensions.iter().copied()).collect();
            let mut body = json!({ "metrics": metrics, "dimensions": dimensions });
            body["date_range"] = self.range(now);
            body["include"] = json!({ "total_rows": self.coin(2) });
            if self.coin(3) {
                let direction = self.sample(select(&["asc", "desc"][..]));
                body["order_by"] = json!([[self.pick(&order), direction]]);
            }
            if self.coin(4) {
                body["pagination"] = json!({ "limit": self.sample(1..4u32), "offset": self.sample(0..4u32) });
            }
            if let Some(report) = resolved(&body, traffic, now) {
                return (body, report);
            }
        }
    }

    /// How many triples there are to reach, and how many are still missing.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.missing.len() + self.reached.len(), self.missing.len())
    }

    /// A question about this traffic and what it means at `now`.
    pub(super) fn next(&mut self, traffic: &Traffic, now: Timestamp) -> (Value, Report) {
        loop {
            let pool = if self.missing.is_empty() {
                self.reached.keys().cloned().collect()
            } else {
                self.missing.clone()
            };
            let index = self.sample(0..pool.len());
            let (metric, dimension, operator) = pool.into_iter().nth(index).expect("some");
            let mut body = self.about(&metric, &dimension, &operator);
            body["date_range"] = self.range(now);
            if resolved(&body, traffic, now).is_none() {
                continue;
            }
            self.enrich(&mut body, (&dimension, &operator), (traffic, now));
            let report = resolved(&body, traffic, now).expect("it was before");
            self.count(&body, &report);
            return (body, report);
        }
    }

    /// The smallest question that holds all three, if there is one.
    fn about(&mut self, metric: &str, dimension: &str, operator: &str) -> Value {
        let mut filters = vec![self.filter(operator, dimension, metric)];
        let goal = json!(["is", "event:goal", ["Purchase"]]);
        match metric {
            "conversion_rate" | "group_conversion_rate" | "total_revenue" | "average_revenue" => {
                filters.push(goal)
            }
            "scroll_depth" | "time_on_page" => filters.push(json!(["contains", "event:page", ["/"]])),
            _ => {}
        }
        let mut dimensions = vec![dimension];
        if metric == "exit_rate" && !matches!(dimension, "event:page" | "visit:exit_page") {
            dimensions.push("visit:exit_page");
        }
        json!({ "date_range": "7d", "metrics": [metric], "dimensions": dimensions, "filters": filters })
    }

    /// Adds whatever still makes a question.
    fn enrich(
        &mut self,
        body: &mut Value,
        (dimension, operator): (&str, &str),
        (traffic, now): (&Traffic, Timestamp),
    ) {
        for metric in Metric::all() {
            let triple = (metric.name().to_owned(), dimension.to_owned(), operator.to_owned());
            if (self.coin(4) || self.missing.contains(&triple))
                && !list(body, "metrics").contains(&json!(metric.name()))
            {
                let mut richer = body.clone();
                list_mut(&mut richer, "metrics").push(json!(metric.name()));
                keep(body, richer, traffic, now);
            }
        }
        if self.coin(3) {
            let mut richer = body.clone();
            let dimension = self.sample(select(DIMENSIONS));
            list_mut(&mut richer, "dimensions").push(json!(dimension));
            keep(body, richer, traffic, now);
        }
        while self.coin(3) {
            let mut richer = body.clone();
            let operator = self.pick(&operators()).expect("some");
            let filter = self.filter(&operator, "", "");
            list_mut(&mut richer, "filters").push(filter);
            keep(body, richer, traffic, now);
        }
        if self.coin(3) {
            let (limit, offset) = self.sample((1..4u32, 0..4u32));
            body["pagination"] = json!({ "limit": limit, "offset": offset });
        }
        if self.coin(3) {
            let names = list(body, "metrics").iter().chain(list(body, "dimensions")).cloned();
            let by = self.pick(&names.collect::<Vec<_>>()).expect("some");
            let direction = self.sample(select(&["asc", "desc"][..]));
            body["order_by"] = json!([[by, direction]]);
        }
        body["include"] = json!({ "total_rows": self.coin(2) });
    }

    fn filter(&mut self, operator: &str, dimension: &str, metric: &str) -> Value {
        if operator == "segment" {
            let id = self.sample(1..=2u32);
            return json!(["is", "segment", [id]]);
        }
        const JOINING: &[&str] = &["not", "and", "or", "has_done", "has_not_done"];
        let (operator, join) = match JOINING.contains(&operator) {
            true => (self.sample(select(&["is", "is_not", "contains"][..])), operator),
            false => (operator, self.sample(select(JOINS))),
        };
        let on_events = ["event:name", "event:goal", "event:props:plan", "event:page", "event:hostname"];
        let dimensions = DIMENSIONS.iter().filter(|name| !name.starts_with("time"));
        // Metrics of exits take no filter on single events, and half of the filters are on the dimension itself.
        let allowed = |name: &&&str| metric.is_empty() || metric == "events" || !on_events.contains(*name);
        let mut on = self.pick(&dimensions.filter(allowed).copied().collect::<Vec<_>>()).expect("some");
        if !dimension.is_empty() && !dimension.starts_with("time") && metric != "exit_rate" && self.coin(2) {
            on = DIMENSIONS.iter().find(|name| **name == dimension).expect("one of them");
        }
        if metric == "views_per_visit" && on == "event:page" {
            on = "visit:entry_page";
        }
        if on == "event:goal" && !matches!(operator, "is" | "contains") {
            on = "event:props:plan";
        }
        let count = self.sample(1..3usize);
        let pool = match (on, operator) {
            ("event:goal", "is") => GOALS.to_vec(),
            ("event:goal", _) => vec!["Sign", "s", "/blog"],
            (_, "matches" | "matches_not") => PATTERNS.to_vec(),
            (_, "contains" | "contains_not") => VALUES.to_vec(),
            _ => VALUES.iter().chain(BLANKS).copied().collect(),
        };
        let values: Vec<_> = (0..count).map(|_| self.pick(&pool).expect("some")).collect();
        let mut clause = json!([operator, on, values]);
        // A goal that the other case spells is none.
        if on != "event:goal" && self.coin(3) {
            let sensitive = self.coin(2);
            clause.as_array_mut().expect("list").push(json!({ "case_sensitive": sensitive }));
        }
        match join {
            "" => clause,
            "and" | "or" => {
                let other = json!(["is_not", "visit:os", ["iOS"]]);
                json!([join, [clause, other]])
            }
            join => json!([join, clause]),
        }
    }

    fn range(&mut self, now: Timestamp) -> Value {
        let dates = |first: i64, last: i64| {
            let date = |days: i64| (now - (days * 24).hours()).to_string()[..10].to_owned();
            json!([date(first), date(last)])
        };
        let instants = |first: i64, last: i64| {
            json!([(now - first.seconds()).to_string(), (now - last.seconds()).to_string()])
        };
        let ranges = [
            json!("7d"),
            json!("24h"),
            json!("day"),
            json!("month"),
            json!("all"),
            json!("28d"),
            dates(3, 3),
            dates(2, 2),
            dates(4, 1),
            instants(3 * 86_400 - 1_230, 1_807),
        ];
        self.pick(&ranges).expect("some")
    }

    fn count(&mut self, body: &Value, report: &Report) {
        let asked: BTreeSet<String> = list(body, "filters").iter().flat_map(words).collect();
        assert!(report.filters.iter().all(|filter| !matches!(filter, Filter::Segment(_))));
        for metric in list(body, "metrics") {
            for dimension in list(body, "dimensions") {
                for operator in &asked {
                    let text = |value: &Value| value.as_str().expect("text").to_owned();
                    let triple = (text(metric), text(dimension), operator.clone());
                    self.missing.remove(&triple);
                    *self.reached.entry(triple).or_default() += 1;
                }
            }
        }
    }

    fn sample<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.runner).expect("a value").current()
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> Option<T> {
        let index = self.sample(any::<Index>());
        (!values.is_empty()).then(|| values[index.index(values.len())].clone())
    }

    /// One time in so many.
    fn coin(&mut self, of: u32) -> bool {
        self.sample(0..of) == 0
    }
}

/// What a body means, if it means anything.
pub(super) fn resolved(body: &Value, traffic: &Traffic, now: Timestamp) -> Option<Report> {
    let mut body = body.clone();
    body["site_id"] = json!(traffic.site.domain);
    let request = Request::parse(&body).ok()?;
    Report::resolve(&request, &traffic.site, now, traffic.first_event()).ok()
}

/// The operators, and the words that stand in the place of one.
fn operators() -> Vec<String> {
    let more = ["segment", "has_done", "has_not_done", "not", "and", "or"];
    Operator::all().map(Operator::name).chain(more).map(str::to_owned).collect()
}

/// The operators and joining words in a filter.
fn words(filter: &Value) -> Vec<String> {
    let Some([Value::String(word), rest @ ..]) = filter.as_array().map(Vec::as_slice) else {
        return Vec::new();
    };
    if rest.first() == Some(&json!("segment")) {
        return vec!["segment".to_owned()];
    }
    let inner = match (word.as_str(), rest) {
        ("and" | "or", [Value::Array(filters)]) => filters.iter().flat_map(words).collect(),
        ("not" | "has_done" | "has_not_done", [filter]) => words(filter),
        _ => Vec::new(),
    };
    [vec![word.clone()], inner].concat()
}

fn keep(body: &mut Value, richer: Value, traffic: &Traffic, now: Timestamp) {
    if resolved(&richer, traffic, now).is_some() {
        *body = richer;
    }
}

fn list<'a>(body: &'a Value, key: &str) -> &'a Vec<Value> {
    body[key].as_array().expect("a list")
}

fn list_mut<'a>(body: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    body[key].as_array_mut().expect("a list")
}
