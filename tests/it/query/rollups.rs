//! Roll-ups change no answer: every question that they can answer is asked both ways, and what happens to events of a day
//! that is rolled up is seen at once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use passant_query::{
    Answer, Report, ReportRow, Request, Sheet, Site,
    rollup::{Rollups, Zones},
    sql,
};
use passant_store::{AnswerSource, Batch, DailyRow, ReadConfig, Store};
use passant_tests::TestEngine;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};

use super::{
    check, now, questions,
    questions::Questions,
    runner, site, state,
    traffic::{self, Traffic},
};

/// Questions without a filter, unless `PASSANT_TEST_QUESTIONS` says otherwise.
const QUESTIONS: usize = 700;
const SITES: u32 = 14;

/// A site's roll-ups, built at that time.
pub(super) async fn built(store: &Store, site: &Site, now: Timestamp) -> (Rollups, usize) {
    let rollups = Rollups::new(store.clone());
    let zones = Zones::from([(site.id, site.time_zone.clone())]);
    let days = rollups.rebuild((zones, &[site.id]), now, |_| {}).await.expect("built");
    (rollups, days)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_what_events_answer() {
    let engine = TestEngine::start().await;
    let store = engine.store();
    let mut runner = runner();
    let mut sites = Vec::new();
    for id in 0..SITES {
        let plans = traffic::any_traffic().new_tree(&mut runner).expect("traffic").current();
        let (site, start) = traffic::site(3_000 + id);
        let traffic = Arc::new(Traffic::replay(&plans, (site, start)));
        store.insert(&traffic.batch(u64::from(id + 1))).await.expect("inserted");
        sites.push((traffic, start + 5.hours() * 24 + 10.hours() + 1_230.seconds()));
    }
    let zones: HashMap<u32, TimeZone> =
        sites.iter().map(|(traffic, _)| (traffic.site.id, traffic.site.time_zone.clone())).collect();
    let rollups = Rollups::new(store.clone());
    let mut days = 0;
    for (traffic, now) in &sites {
        days += rollups.rebuild((zones.clone(), &[traffic.site.id]), *now, |_| {}).await.expect("built");
    }
    assert!(days > 3 * SITES as usize, "{days} days are rolled up");
    let mut questions = Questions::unfiltered(runner);
    let count = std::env::var("PASSANT_TEST_QUESTIONS").ok().and_then(|text| text.parse().ok());
    let (mut rolled_up, mut in_part, mut from_sheets) = (0, 0, 0);
    for index in 0..count.unwrap_or(QUESTIONS) {
        let (traffic, now) = &sites[index % sites.len()];
        let (body, report) = questions.next_unfiltered(traffic, *now);
        let (rolled, _) = rollups.roll(&report).await;
        check(store.clone(), Arc::clone(traffic), body.clone(), report.clone()).await;
        if rolled.rolled.is_none() {
            continue;
        }
        rolled_up += 1;
        in_part += usize::from(sql::report(&rolled).sql().contains("FROM events"));
        from_sheets += usize::from(Sheet::of(&rolled).is_some());
        let both = [answer(store, &body, &report).await, answer(store, &body, &rolled).await];
        assert_eq!(both[0], both[1], "{body} in {:?}\n{}", report.range, sql::report(&rolled).sql());
        let read = shown(&body, &report, rollups.rows(store, &report).await.expect("read"));
        assert_eq!(both[0], read, "{body} in {:?}, as the API reads it", report.range);
    }
    println!(
        "{rolled_up} questions were answered from roll-ups, {in_part} of them in part, {from_sheets} from sheets"
    );
    let asked = count.unwrap_or(QUESTIONS);
    assert!(rolled_up > asked / 3 && in_part > asked / 10, "{rolled_up}, {in_part} in part, of {asked}");
    assert!(from_sheets > asked / 20, "{from_sheets} from sheets, of {asked}");
}

async fn answer(store: &Store, body: &Value, report: &Report) -> (String, Option<u64>) {
    let statement = sql::report(report);
    let rows = store.fetch::<ReportRow>(&statement).await;
    shown(body, report, rows.unwrap_or_else(|error| panic!("{body}: {error}\n{}", statement.sql())))
}

fn shown(body: &Value, report: &Report, rows: Vec<ReportRow>) -> (String, Option<u64>) {
    let mut body = body.clone();
    body["site_id"] = json!(report.site.domain);
    let request = Request::parse(&body).expect("a question");
    let total_rows = rows.first().map(|row| row.total_rows);
    let answer = Answer { request: &request, report, rows, total_rows: 0, compared: None };
    (answer.json().to_string(), total_rows)
}

/// A site of its own with three visits on one closed day, whose roll-ups are built.
struct Case {
    engine: TestEngine,
    rollups: Rollups,
    site: Site,
}

const DAY: [&str; 2] = ["2026-03-25", "2026-03-25"];

impl Case {
    async fn of(instants: &[&str]) -> Self {
        let engine = TestEngine::start().await;
        let site = site(9);
        engine.store().insert(&batch(&site, 1, instants)).await.expect("inserted");
        let (rollups, days) = built(engine.store(), &site, now()).await;
        assert!(days > 0);
        Self { engine, rollups, site }
    }

    /// The pageviews of the day, and whether they were read from its roll-up.
    async fn pageviews(&self) -> (u64, bool) {
        self.asked(&self.site, json!(DAY)).await
    }

    async fn asked(&self, site: &Site, range: Value) -> (u64, bool) {
        let body = json!({ "site_id": "9", "date_range": range, "metrics": ["pageviews"] });
        let request = Request::parse(&body).expect("a question");
        let report = Report::resolve(&request, site, now(), None).expect("resolved");
        let (rolled, _) = self.rollups.roll(&report).await;
        let mut state = state(self.engine.store());
        state.rollups = self.rollups.clone();
        let answer = state.answer(&request, site).await.expect("answered");
        let pageviews = answer["results"][0]["metrics"][0].as_u64().expect("a number");
        (pageviews, rolled.rolled.is_some())
    }

    async fn rebuild(&self, site: &Site) -> usize {
        let zones = Zones::from([(site.id, site.time_zone.clone())]);
        self.rollups.rebuild((zones, &[site.id]), now(), |_| {}).await.expect("built")
    }
}

fn batch(site: &Site, id: u64, instants: &[&str]) -> Batch {
    let instants: Vec<_> = instants.iter().map(|text| text.parse().expect("instant")).collect();
    Traffic::of_pageviews(site.clone(), &instants).batch(id)
}

#[tokio::test]
async fn an_event_that_comes_late_is_counted_at_once() {
    let case = Case::of(&["2026-03-25T10:00:00Z", "2026-03-25T11:00:00Z"]).await;
    assert_eq!(case.pageviews().await, (2, true));
    let late = batch(&case.site, 2, &["2026-03-25T12:00:00Z"]);
    case.engine.store().insert(&late).await.expect("inserted");
    assert_eq!(case.pageviews().await, (3, false));
    assert_eq!(case.rebuild(&case.site).await, 1);
    assert_eq!(case.pageviews().await, (3, true));
    // An event of another day leaves the build as it is.
    let other = batch(&case.site, 3, &["2026-03-27T12:00:00Z"]);
    case.engine.store().insert(&other).await.expect("inserted");
    assert_eq!(case.pageviews().await, (3, true));
}

#[tokio::test]
async fn an_answer_about_closed_days_is_remembered_until_one_of_them_changes() {
    let case = Case::of(&["2026-03-25T10:00:00Z"]).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reads);
    let store = case.engine.store().clone().for_reports(&ReadConfig::default(), move |source| {
        count.fetch_add(usize::from(source == AnswerSource::Store), Ordering::SeqCst);
    });
    // No roll-up answers a filter.
    let body = json!({
        "site_id": "9", "date_range": DAY, "metrics": ["pageviews"], "filters": [["is", "event:name", ["pageview"]]],
    });
    let request = Request::parse(&body).expect("a question");
    let site = Site { privacy_floor: 1, ..case.site.clone() };
    let report = Report::resolve(&request, &site, now(), None).expect("resolved");
    let asked = async || {
        let rows = case.rollups.rows(&store, &report).await.expect("answered");
        (rows[0].metrics[0], reads.load(Ordering::SeqCst))
    };
    assert_eq!((asked().await, asked().await), ((Some(1.0), 1), (Some(1.0), 1)));
    let inserted = async |id: u64, at: &str| {
        case.engine.store().insert(&batch(&case.site, id, &[at])).await.expect("inserted");
    };
    inserted(2, "2026-03-27T12:00:00Z").await;
    assert_eq!(asked().await, (Some(1.0), 1), "another day");
    inserted(3, "2026-03-25T12:00:00Z").await;
    assert_eq!((asked().await, asked().await), ((Some(2.0), 2), (Some(2.0), 2)), "one that came late");
    case.engine.store().delete_site(case.site.id).await.expect("erased");
    assert_eq!(asked().await, (Some(0.0), 3));
}

#[tokio::test]
async fn an_import_and_its_removal_are_seen_at_once() {
    let case = Case::of(&["2026-03-25T10:00:00Z"]).await;
    let store = case.engine.store();
    let table = store.begin_import(5).await.expect("begun");
    table
        .insert(&batch(&case.site, 2, &["2026-03-25T09:00:00Z", "2026-03-26T09:00:00Z"]))
        .await
        .expect("inserted");
    assert_eq!(case.pageviews().await, (1, true));
    table.commit().await.expect("committed");
    assert_eq!(case.pageviews().await, (2, false));
    assert_eq!(case.rebuild(&case.site).await, 2);
    assert_eq!(case.pageviews().await, (2, true));
    store.delete_site(case.site.id).await.expect("deleted");
    assert_eq!(case.pageviews().await, (0, false));
    assert_eq!(store.site_rows(case.site.id).await.expect("counted"), 0);
}

#[tokio::test]
async fn a_merge_of_parts_changes_nothing() {
    let case = Case::of(&["2026-03-25T10:00:00Z"]).await;
    let store = case.engine.store();
    for (id, at) in [(2, "2026-03-27T10:00:00Z"), (3, "2026-03-28T10:00:00Z")] {
        store.insert(&batch(&case.site, id, &[at])).await.expect("inserted");
    }
    assert_eq!(case.pageviews().await, (1, true));
    store.execute(&passant_store::Statement::new("OPTIMIZE TABLE events FINAL")).await.expect("merged");
    assert_eq!(case.pageviews().await, (1, true));
    // Nor does it to who knows nothing of what was merged.
    let fresh = Case { rollups: Rollups::new(store.clone()), engine: case.engine, site: case.site };
    let zones = Zones::from([(fresh.site.id, fresh.site.time_zone.clone())]);
    let status = fresh.rollups.status(zones, now()).await.expect("counted");
    assert_eq!((status[0].closed_days, status[0].rolled_days), (3, 1));
    assert_eq!(fresh.pageviews().await, (1, true));
}

#[tokio::test]
async fn what_a_crash_leaves_of_a_build_counts_for_nothing() {
    let case = Case::of(&["2026-03-25T10:00:00Z"]).await;
    let store = case.engine.store();
    let half = DailyRow {
        site_id: case.site.id,
        dimension: String::new(),
        day: 20_537,
        value: String::new(),
        build: 77,
        has_events: 1,
        has_visits: 1,
        visitors: 1_000,
        pageviews: 1_000,
        events: 1_000,
        visits: 1_000,
        duration_seconds: 0,
        bounces: 0,
    };
    store.insert_daily(&[half]).await.expect("inserted");
    assert_eq!(case.pageviews().await, (1, true));
    assert_eq!(store.unlisted_daily_builds().await.expect("asked"), [77]);
}

#[tokio::test]
async fn days_of_another_time_zone_are_other_days() {
    // 22:30 UTC is the next day in Berlin, and the same one in London.
    let case = Case::of(&["2026-03-25T10:00:00Z", "2026-03-25T23:30:00Z", "2026-03-26T10:00:00Z"]).await;
    let week = json!(["2026-03-25", "2026-03-26"]);
    assert_eq!(case.pageviews().await, (1, true));
    for (name, pageviews) in [("UTC", 2), ("Asia/Kathmandu", 1), ("Europe/Berlin", 1)] {
        let moved = Site { time_zone: TimeZone::get(name).expect("zone"), ..case.site.clone() };
        assert_eq!(case.asked(&moved, json!(DAY)).await.0, pageviews, "{name}");
        case.rebuild(&moved).await;
        assert_eq!(case.asked(&moved, json!(DAY)).await.0, pageviews, "{name}");
        assert_eq!(case.asked(&moved, week.clone()).await.0, 3, "{name}");
    }
}

#[tokio::test]
async fn visitors_whom_two_days_share_are_counted_once() {
    // Both pageviews are of one visitor of a day in Berlin, but of two days in UTC.
    let case = Case::of(&["2026-03-25T23:30:00Z", "2026-03-26T10:00:00Z", "2026-03-27T10:00:00Z"]).await;
    let moved = Site { time_zone: TimeZone::UTC, ..case.site.clone() };
    assert_eq!(case.rebuild(&moved).await, 3);
    let body = json!({ "site_id": "9", "date_range": ["2026-03-25", "2026-03-27"], "metrics": ["visitors"] });
    let request = Request::parse(&body).expect("a question");
    let report = Report::resolve(&request, &moved, now(), None).expect("resolved");
    let (rolled, _) = case.rollups.roll(&report).await;
    let statement = sql::report(&rolled);
    let rows = case.engine.store().fetch::<ReportRow>(&statement).await.expect("answered");
    assert_eq!(rows[0].metrics, [Some(2.0)]);
    assert!(rolled.rolled.is_some(), "the third day shares nobody");
}

/// The statements of questions that are read from roll-ups, in part, as a whole, and with a percentage of all.
#[tokio::test]
async fn reads_few_rows_where_it_reads_roll_ups() {
    let case = Case::of(&["2026-03-25T10:00:00Z", "2026-03-26T10:00:00Z"]).await;
    for dimension in questions::DIMENSIONS.iter().filter(|name| name.starts_with("visit:")) {
        let body = json!({
            "site_id": "9", "date_range": ["2026-03-24", "2026-03-27"],
            "metrics": ["visitors", "visits", "percentage"], "dimensions": [dimension],
        });
        let request = Request::parse(&body).expect("a question");
        let report = Report::resolve(&request, &case.site, now(), None).expect("resolved");
        let (rolled, version) = case.rollups.roll(&report).await;
        assert!(version.is_some(), "{dimension}");
        assert!(!sql::report(&rolled).sql().contains("FROM events"), "{dimension}");
    }
}
