//! The privacy floor: what is folded cannot be had back by subtracting (P11).
//!
//! The attacker may ask for every page of an answer, in any order, with any metrics, and for the totals under the same
//! filters. He knows which groups there are and subtracts what he is shown.

use std::collections::BTreeSet;

use passant_query::{Reader, Request, Site};
use passant_tests::TestEngine;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};

use super::{
    reference, rows, runner, site, state,
    traffic::{self, Traffic},
};

/// Attacks, each on another question.
const ATTACKS: usize = 150;
/// Fewer attacks that meet each outcome would prove little.
const OUTCOMES_MIN: usize = 10;

const DIMENSIONS: &[&str] = &[
    "event:page",
    "event:props:plan",
    "event:goal",
    "visit:source",
    "visit:country",
    "visit:utm_campaign",
    "visit:exit_page",
    "time:day",
];
const FILTERS: &[&str] = &[
    r#"["is", "visit:country", ["FR"]]"#,
    r#"["is_not", "visit:browser", ["Firefox"]]"#,
    r#"["contains", "event:page", ["blog"]]"#,
    r#"["is", "visit:utm_medium", ["cpc"]]"#,
    r#"["is", "event:goal", ["Signup", "Purchase"]]"#,
    r#"["has_done", ["is", "event:name", ["Purchase"]]]"#,
];

/// What the attacker met.
#[derive(Default)]
struct Outcomes {
    shown: usize,
    folded: usize,
    withheld: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subtracting_gives_no_group_below_the_floor() {
    let engine = TestEngine::start().await;
    let mut runner = runner();
    let mut outcomes = Outcomes::default();
    for index in 0..ATTACKS {
        let mut pick =
            |strategy: std::ops::Range<usize>| strategy.new_tree(&mut runner).expect("a number").current();
        let dimensions = [DIMENSIONS[pick(0..DIMENSIONS.len())], DIMENSIONS[pick(0..DIMENSIONS.len())]];
        let dimensions = if pick(0..3) == 0 && dimensions[0] != dimensions[1] {
            &dimensions[..]
        } else {
            &dimensions[..1]
        };
        let filters: BTreeSet<_> = (0..pick(1..3)).map(|_| FILTERS[pick(0..FILTERS.len())]).collect();
        let filters: Vec<Value> =
            filters.iter().map(|filter| serde_json::from_str(filter).expect("a filter")).collect();
        let floor = [2, 3, 5][pick(0..3)];
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let start = "2026-03-25T23:00:00Z".parse().expect("instant");
        let id = 2_000 + u32::try_from(index).expect("small");
        let place = Site { goals: traffic::site(id).0.goals, ..site(id) };
        let traffic = Traffic::replay(&plans, (Site { privacy_floor: floor, ..place }, start));
        engine.store().insert(&traffic.batch(u64::from(id))).await.expect("inserted");
        let attacker =
            Attacker { store: engine.store(), traffic: &traffic, dimensions, filters: json!(filters) };
        attacker.attack(&mut outcomes).await;
    }
    println!("shown {}, folded {}, withheld {}", outcomes.shown, outcomes.folded, outcomes.withheld);
    assert!(outcomes.shown >= OUTCOMES_MIN && outcomes.folded >= OUTCOMES_MIN, "too few of an outcome");
    assert!(outcomes.withheld >= OUTCOMES_MIN, "too few of an outcome");
}

struct Attacker<'a> {
    store: &'a passant_store::Store,
    traffic: &'a Traffic,
    dimensions: &'a [&'static str],
    filters: Value,
}

impl Attacker<'_> {
    async fn attack(&self, outcomes: &mut Outcomes) {
        let floor = self.traffic.site.privacy_floor as usize;
        let label = format!("(fewer than {floor})");
        let all = self.answer(self.body(&["visitors", "pageviews", "percentage"])).await;
        let shown: Vec<_> = rows(&all).into_iter().filter(|(group, _)| group[0] != label).collect();
        for (group, values) in &shown {
            assert!(values[0].as_u64() >= Some(floor as u64), "{group:?} is shown with {values:?}");
        }
        // Neither another measure, nor another order, nor one page after the other tells more.
        let groups =
            |answer: &Value| rows(answer).into_iter().map(|(group, _)| group).collect::<BTreeSet<_>>();
        let mut turned = self.body(&["pageviews"]);
        turned["order_by"] = json!([["pageviews", "asc"]]);
        assert_eq!(groups(&self.answer(turned).await), groups(&all));
        let mut paged = BTreeSet::new();
        for offset in 0..=rows(&all).len() {
            let mut page = self.body(&["events"]);
            page["pagination"] = json!({ "limit": 1, "offset": offset });
            paged.extend(groups(&self.answer(page).await));
        }
        assert_eq!(paged, groups(&all));

        let hidden: Vec<_> = self
            .people()
            .into_iter()
            .filter(|(group, _)| !shown.iter().any(|(other, _)| other == group))
            .collect();
        let people: BTreeSet<u64> = hidden.iter().flat_map(|(_, people)| people).copied().collect();
        let folded = &all["meta"]["privacy_floor"];
        assert_eq!(folded["rows_folded"], json!(!hidden.is_empty()), "{hidden:?}");
        let mut total = self.body(&["visitors", "pageviews"]);
        total["dimensions"] = json!([]);
        let total = self.answer(total).await;
        if hidden.is_empty() {
            outcomes.shown += 1;
        } else if people.len() >= floor {
            // The total gives away what the hidden groups have together: of people enough, and in no single group.
            outcomes.folded += 1;
            assert!(hidden.len() >= 2, "{hidden:?} stands alone");
        } else {
            outcomes.withheld += 1;
            assert!(shown.is_empty(), "{hidden:?} is the rest of a total");
            assert_eq!(folded["numbers_withheld"], json!(true));
            let blank = vec![Value::Null; 3];
            assert_eq!(rows(&all), [(vec![label; self.dimensions.len()], blank)]);
            if self.reaches_all() {
                assert_eq!(rows(&total), [(Vec::new(), vec![Value::Null; 2])]);
                assert_eq!(total["meta"]["privacy_floor"]["numbers_withheld"], json!(true));
            }
        }
    }

    /// Whether every event is in a group; one that meets no goal is in none.
    fn reaches_all(&self) -> bool {
        !self.dimensions.contains(&"event:goal")
    }

    /// Who is in each group.
    fn people(&self) -> Vec<(Vec<String>, BTreeSet<u64>)> {
        let open = Site { privacy_floor: 1, ..self.traffic.site.clone() };
        let mut body = self.body(&["visitors"]);
        body["site_id"] = json!(open.domain);
        let request = Request::parse(&body).expect("a question");
        let report = passant_query::Report::resolve(&request, &open, super::now(), None).expect("a report");
        reference::people(self.traffic, &report)
    }

    fn body(&self, metrics: &[&str]) -> Value {
        json!({
            "date_range": ["2026-03-26", "2026-03-29"],
            "metrics": metrics,
            "dimensions": self.dimensions,
            "filters": self.filters,
        })
    }

    async fn answer(&self, mut body: Value) -> Value {
        body["site_id"] = json!(self.traffic.site.domain);
        let request = Request::parse(&body).expect("a question");
        let answer = state(self.store).answer(&request, &self.traffic.site).await;
        answer.unwrap_or_else(|error| panic!("{body}: {error}"))
    }
}

#[tokio::test]
async fn folds_for_the_public_without_a_filter_and_for_members_only_with_one() {
    let engine = TestEngine::start().await;
    let at = |hour: u32| format!("2026-03-30T{hour:02}:00:00Z").parse().expect("instant");
    let traffic = Traffic::of_pageviews(site(8), &[at(10), at(11)]);
    engine.store().insert(&traffic.batch(8)).await.expect("inserted");
    let body = json!({
        "site_id": "8",
        "date_range": "7d",
        "metrics": ["visitors", "visits"],
        "dimensions": ["event:page"],
    });
    let member = Site { privacy_floor: 5, ..site(8) };
    let public = Site { reader: Reader::Public, ..member.clone() };
    let mut filtered = body.clone();
    filtered["filters"] = json!([["is", "event:page", ["/"]]]);
    let row = |label: &str, values: Value| json!([{ "metrics": values, "dimensions": [label] }]);
    let floor = |reason: &str| json!({ "visitors": 5, "reason": reason, "rows_folded": true, "numbers_withheld": true });
    let folded = row("(fewer than 5)", json!([null, null]));
    for (body, site, results, meta) in [
        (&body, &member, row("/", json!([1, 2])), Value::Null),
        (&filtered, &member, folded.clone(), floor("filtered")),
        (&body, &public, folded, floor("public")),
    ] {
        let request = Request::parse(body).expect("a question");
        let answer = state(engine.store()).answer(&request, site).await.expect("answered");
        assert_eq!((&answer["results"], &answer["meta"]["privacy_floor"]), (&results, &meta));
    }
}
