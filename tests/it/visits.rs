//! Visits over restarts: random streams, cut into batches, with the open visits rebuilt from the store in between, are
//! what a naive replay of the whole stream finds.

use std::collections::BTreeMap;

use clickhouse::Row;
use passant_ingest::{ENGAGEMENT, Event, PAGEVIEW, Position, VISIT_GAP_SECONDS, Visits};
use passant_store::{Batch, Statement, Store};
use passant_tests::TestEngine;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;

/// 2026-11-23T10:00:00Z; streams run over a month's end.
const START: u32 = 1_795_428_000;
const CASES: u32 = 40;

/// One visit: start, events, visits, bounces, duration, first page, last page.
type Summary = (u32, u64, u64, i64, u64, String, String);

#[derive(Clone, Debug)]
struct Stream {
    events: Vec<Event>,
    /// Events of each batch.
    cuts: Vec<usize>,
    /// Whether the process dies after the insert and before the segment is removed.
    dies_before_removal: Vec<bool>,
}

fn streams() -> impl Strategy<Value = Stream> {
    let one = (0u64..4, 0u32..2400, 0usize..5, any::<bool>(), 0usize..3);
    let events = proptest::collection::vec(one, 5..120);
    let cuts = proptest::collection::vec((1usize..20, any::<bool>()), 1..20);
    (events, cuts).prop_map(|(steps, cuts)| {
        let mut now = START;
        let events = steps.into_iter().map(|(visitor, gap, name, interactive, page)| {
            // Now and then a long pause, so that streams cross months.
            now += if gap > 2390 { 86_400 * 9 } else { gap };
            Event {
                visitor_id: visitor + 1,
                timestamp: now,
                name: [PAGEVIEW, PAGEVIEW, PAGEVIEW, ENGAGEMENT, "custom"][name].into(),
                hostname: "example.com".into(),
                pathname: ["/", "/a", "/b"][page].into(),
                interactive,
                ..Event::default()
            }
        });
        let (cuts, dies_before_removal) = cuts.into_iter().unzip();
        Stream { events: events.collect(), cuts, dies_before_removal }
    })
}

async fn stored(store: &Store, stream: &Stream, site_id: u32) -> Vec<Summary> {
    let mut rest = stream.events.as_slice();
    let mut visits = Visits::default();
    for (index, batch_id) in (u64::from(site_id) << 32..).enumerate().take_while(|(index, _)| {
        let taken: usize = (0..*index).map(|index| stream.cuts[index % stream.cuts.len()]).sum();
        taken < stream.events.len()
    }) {
        let (events, later) = rest.split_at(stream.cuts[index % stream.cuts.len()].min(rest.len()));
        rest = later;
        let batch = assigned(&mut visits, events, batch_id, site_id);
        store.insert(&batch).await.expect("inserted");
        if stream.dies_before_removal[index % stream.cuts.len()] {
            // The next process finds the segment, and the store holds its rows already.
            let since = events[0].timestamp - VISIT_GAP_SECONDS;
            visits = Visits::rebuild(store.open_visits(since, &[batch_id]).await.expect("rebuilt"));
            let again = assigned(&mut visits, events, batch_id, site_id);
            assert_eq!(store.missing_partitions(&again).await.expect("asked"), Vec::<u32>::new());
        } else if let Some(next) = rest.first() {
            let since = next.timestamp - VISIT_GAP_SECONDS;
            visits = Visits::rebuild(store.open_visits(since, &[]).await.expect("rebuilt"));
        }
    }
    summaries(store, site_id).await
}

fn assigned(visits: &mut Visits, events: &[Event], batch_id: u64, site_id: u32) -> Batch {
    let mut batch = Batch::new(batch_id);
    for (event, index) in events.iter().zip(0..) {
        let event = Event { site_id, ..event.clone() };
        if let Some(assigned) = visits.assign(&event, Position { batch_id, index }) {
            batch.push(&assigned.row(0));
        }
    }
    batch
}

async fn summaries(store: &Store, site_id: u32) -> Vec<Summary> {
    #[derive(Row, Deserialize)]
    struct Visit {
        start: u32,
        events: u64,
        visits: u64,
        bounces: i64,
        duration: u64,
        entry: String,
        exit: String,
        sequences: Vec<u32>,
    }
    let sql = "SELECT toUInt32(min(timestamp)) AS start, count() AS events, sum(visits) AS visits, sum(bounces) AS bounces, \
               sum(duration_seconds) AS duration, toString(max(entry_pathname)) AS entry, \
               toString(argMaxIf(pathname, visit_sequence, name = 'pageview')) AS exit, \
               arraySort(groupArray(visit_sequence)) AS sequences \
               FROM events WHERE site_id = {site:UInt32} GROUP BY visit_id, visitor_id";
    let rows = store.fetch::<Visit>(&Statement::new(sql).param("site", site_id)).await.expect("read");
    let mut summaries: Vec<Summary> = rows
        .into_iter()
        .map(|visit| {
            let expected: Vec<u32> = (1..).take(visit.sequences.len()).collect();
            assert_eq!(visit.sequences, expected, "each event has its own number");
            (visit.start, visit.events, visit.visits, visit.bounces, visit.duration, visit.entry, visit.exit)
        })
        .collect();
    summaries.sort_unstable();
    summaries
}

fn replayed(events: &[Event]) -> Vec<Summary> {
    let mut visits: BTreeMap<u64, Vec<Vec<&Event>>> = BTreeMap::new();
    for event in events {
        let mine = visits.entry(event.visitor_id).or_default();
        let open = mine.last_mut().filter(|visit| {
            event.timestamp - visit.last().expect("never empty").timestamp <= VISIT_GAP_SECONDS
        });
        match open {
            Some(visit) => visit.push(event),
            None if event.name == ENGAGEMENT => {}
            None => mine.push(vec![event]),
        }
    }
    let mut summaries: Vec<Summary> = visits.values().flatten().map(|visit| summary(visit)).collect();
    summaries.sort_unstable();
    summaries
}

fn summary(visit: &[&Event]) -> Summary {
    let told: Vec<_> = visit.iter().filter(|event| event.name != ENGAGEMENT).collect();
    let interactive = told.iter().filter(|event| event.name == PAGEVIEW || event.interactive).count();
    let duration = told.last().expect("one opened it").timestamp - told[0].timestamp;
    let pages: Vec<_> =
        told.iter().filter(|event| event.name == PAGEVIEW).map(|event| event.pathname.clone()).collect();
    let page = |page: Option<&String>| page.cloned().unwrap_or_default();
    let events = visit.len() as u64;
    (
        visit[0].timestamp,
        events,
        1,
        i64::from(interactive == 1),
        u64::from(duration),
        page(pages.first()),
        page(pages.last()),
    )
}

#[test]
fn visits_over_restarts_are_those_of_a_naive_replay() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = runtime.block_on(TestEngine::start());
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let site = std::cell::Cell::new(0);
    let outcome = runner.run(&streams(), |stream| {
        site.set(site.get() + 1);
        let found = runtime.block_on(stored(engine.store(), &stream, site.get()));
        prop_assert_eq!(found, replayed(&stream.events));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
