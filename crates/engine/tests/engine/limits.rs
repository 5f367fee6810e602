//! What is bounded: memory, time, the queue; and that a client that goes away gives its connection back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;

use crate::{
    client::{ask, post},
    process::{DEADLINE, Engine},
};

/// Runs about forever, and counts rows, so that no result leaves before its end.
const ENDLESS: &str = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))";

pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < DEADLINE, "timed out: {what}");
        tokio::task::yield_now().await;
    }
}

const RUNNING: &str = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%' AND query NOT LIKE '%system.processes%'";

#[tokio::test]
async fn streams_a_large_result_in_flat_memory() {
    let engine = Engine::start();
    let store = engine.store();
    store.count("SELECT count() FROM numbers(1000000)").await;
    let before = engine.memory_kib("RssAnon");
    let mut peak = before;
    let mut cursor = store
        .0
        .query("SELECT number, randomPrintableASCII(92) FROM numbers(6000000)")
        .fetch_bytes("RowBinary")
        .unwrap();
    let mut total = 0;
    while let Some(bytes) = cursor.next().await.unwrap() {
        if (total + bytes.len()) >> 22 != total >> 22 {
            peak = peak.max(engine.memory_kib("RssAnon"));
        }
        total += bytes.len();
    }
    assert_eq!(total, 6_000_000 * (8 + 1 + 92));
    // libchdb itself takes some 200 MiB for blocks of this width, however many there are.
    assert!(peak - before < 300 << 10, "{} KiB more for a result of {} KiB", peak - before, total >> 10);
}

#[tokio::test]
async fn frees_the_reader_when_the_client_goes_away() {
    let engine = Engine::start_with(json!({"readers": 2}));
    let store = engine.store();
    let gone = store.0.clone();
    let waiting = tokio::spawn(async move { gone.query(ENDLESS).fetch_one::<u64>().await });
    eventually("the statement runs", async || store.count(RUNNING).await == 1).await;
    waiting.abort();
    eventually("the statement is killed", async || store.count(RUNNING).await == 0).await;

    // With parameters, its text is shown without our comment.
    let gone = store.0.clone();
    let parameters = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = {hash:UInt64}";
    let waiting =
        tokio::spawn(async move { gone.query(parameters).param("hash", 0u64).fetch_one::<u64>().await });
    eventually("the statement runs", async || store.count(RUNNING).await == 1).await;
    waiting.abort();
    eventually("the statement with parameters is killed", async || store.count(RUNNING).await == 0).await;

    // The same in the middle of a stream.
    let mut cursor =
        store.0.query("SELECT number FROM numbers(1000000000000)").fetch_bytes("RowBinary").unwrap();
    assert!(cursor.next().await.unwrap().is_some());
    drop(cursor);
    eventually("the stream is cancelled", async || store.count(RUNNING).await == 0).await;
}

/// libchdb keeps what a killed statement had written, and gives it out before the result of the next.
#[tokio::test]
async fn a_result_that_is_broken_off_leaves_nothing_for_the_next() {
    let engine = Engine::start_with(json!({"readers": 1}));
    let others = "SELECT toString(number % 997) AS page, uniqExact(number) AS visitors FROM numbers(400000)
                  GROUP BY page ORDER BY page FORMAT TabSeparatedWithNames";
    let own = "SELECT 'own' AS name FORMAT TabSeparatedWithNames";
    for turn in 0..300 {
        let wait = Duration::from_micros(50 * turn);
        let broken_off = tokio::time::timeout(wait, ask(&engine.socket, post("", others))).await;
        let answer = ask(&engine.socket, post("", own)).await;
        assert_eq!(answer.text(), "name\nown\n", "after {wait:?}, {}", broken_off.is_err());
    }
}

#[tokio::test]
async fn refuses_statements_past_the_queue() {
    let engine = Engine::start_with(json!({"readers": 1, "queue_statements": 2}));
    let store = engine.store();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let client = store.0.clone();
        waiting.push(tokio::spawn(async move { client.query(ENDLESS).fetch_one::<u64>().await }));
    }
    let mut text = String::new();
    eventually("the queue is full", async || {
        let answer =
            tokio::time::timeout(Duration::from_millis(200), ask(&engine.socket, post("", "SELECT 1"))).await;
        answer.is_ok_and(|answer| {
            text = answer.text();
            answer.status == 503
        })
    })
    .await;
    assert!(text.starts_with("Code: 202.") && text.contains("TOO_MANY_SIMULTANEOUS_QUERIES"), "{text}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    eventually("the queue empties", async || ask(&engine.socket, post("", "SELECT 1")).await.status == 200)
        .await;
}

#[tokio::test]
async fn ends_statements_at_their_time_limit() {
    let engine = Engine::start_with(json!({"readers": 1, "statement_seconds": 1}));
    let begun = Instant::now();
    let (running, queued) = tokio::join!(
        ask(&engine.socket, post("max_execution_time=1000", ENDLESS)),
        ask(&engine.socket, post("", ENDLESS)),
    );
    for answer in [running, queued] {
        assert_eq!((answer.status.as_u16(), answer.header("x-clickhouse-exception-code")), (408, "159"));
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    eventually("the next statement is answered", async || {
        ask(&engine.socket, post("", "SELECT 1")).await.text() == "1\n"
    })
    .await;
}

#[tokio::test]
async fn keeps_to_its_memory_and_survives_a_statement_that_does_not() {
    let engine = Engine::start_with(json!({"memory_bytes": 400 << 20}));
    let sql = "SELECT groupArray(toString(number)) FROM numbers(100000000) FORMAT Null";
    let answer = ask(&engine.socket, post("max_memory_usage=0", sql)).await;
    assert!(answer.text().contains("MEMORY_LIMIT_EXCEEDED"), "{}", answer.text());
    assert!(engine.memory_kib("RssAnon") < 700 << 10);
    assert_eq!(engine.store().count("SELECT toUInt64(1)").await, 1);
}

#[tokio::test]
async fn commits_nothing_of_an_insert_that_is_broken_off() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let mut insert = store.0.insert_formatted_with("INSERT INTO t FORMAT TSV");
    insert.send(Bytes::from("1\n2\n3\n".repeat(1000))).await.unwrap();
    drop(insert);
    // The only writer is free again, and what it was sent is not there.
    store.execute("INSERT INTO t VALUES (7)").await;
    assert_eq!(store.count("SELECT sum(a) FROM t").await, 7);
}

#[tokio::test]
async fn says_when_fewer_rows_were_written_than_sent() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    for (rows, fine) in [("3", true), ("4", false)] {
        let mut request = post("query=INSERT+INTO+t+FORMAT+TSV", "1\n2\n3\n");
        request.headers_mut().insert("x-passant-rows", rows.parse().unwrap());
        let answer = ask(&engine.socket, request).await;
        assert_eq!(answer.status.is_success(), fine, "{}", answer.text());
    }
}
