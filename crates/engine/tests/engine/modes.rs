//! Every mode of the official client.

use bytes::Bytes;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::process::Engine;

#[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
struct Note {
    id: u64,
    text: String,
    at: u32,
}

fn note(id: u64) -> Note {
    Note { id, text: format!("Notiz {id}\n\n'\"\\\t✓"), at: u32::try_from(id % 1000).unwrap() }
}

const CREATE: &str = "CREATE TABLE notes (id UInt64, text String, at UInt32) ENGINE = MergeTree ORDER BY id";

#[tokio::test]
async fn returns_typed_rows_as_they_were_inserted() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute(CREATE).await;
    let mut insert = store.0.insert::<Note>("notes").await.unwrap();
    for id in 0..20_000 {
        insert.write(&note(id)).await.unwrap();
    }
    insert.end().await.unwrap();
    // More than one block, so that a header repeated between chunks would show.
    let sql = "SELECT ?fields FROM notes ORDER BY id SETTINGS max_block_size = 1000";
    let rows: Vec<Note> = store.0.query(sql).fetch_all().await.unwrap();
    assert_eq!(rows, (0..20_000).map(note).collect::<Vec<_>>());
    let unchecked = store.0.clone().with_validation(false);
    let rows: Vec<Note> = unchecked.query(sql).fetch_all().await.unwrap();
    assert_eq!(rows.len(), 20_000);
}

#[tokio::test]
async fn binds_parameters_and_settings() {
    let engine = Engine::start();
    let store = engine.store();
    let query =
        store.0.query("SELECT {text:String}, toUInt64({n:UInt32} * 2), {days:Array(Date)}[2] = '2026-03-29'");
    let (text, n, day): (String, u64, u8) = query
        .param("text", "it's\ta \\ \"test\"\n\n{n:UInt32}; DROP TABLE x --")
        .param("n", 21)
        .param("days", vec!["2026-03-28", "2026-03-29"])
        .fetch_one()
        .await
        .unwrap();
    assert_eq!((text.as_str(), n, day), ("it's\ta \\ \"test\"\n\n{n:UInt32}; DROP TABLE x --", 42, 1));
    let threads = "SELECT toUInt64(getSetting('max_threads'))";
    let before = store.count(threads).await;
    let set: u64 = store.0.query(threads).with_setting("max_threads", "7").fetch_one().await.unwrap();
    assert_eq!(set, 7);
    // On each reader, the setting is gone again.
    for _ in 0..8 {
        assert_eq!(store.count(threads).await, before);
    }
    let missing = store.refusal("SELECT {nobody:String}").await;
    assert!(missing.contains("Code: 456"), "{missing}");
}

#[tokio::test]
async fn takes_formatted_inserts_packed_and_plain_with_empty_lines_in_them() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute(CREATE).await;
    let block = native(0..5000);
    assert!(block.windows(2).any(|pair| pair == b"\n\n"));
    for compression in [clickhouse::Compression::Lz4, clickhouse::Compression::None] {
        let client = store.0.clone().with_compression(compression);
        let mut insert = client.insert_formatted_with("INSERT INTO notes (id, text, at) FORMAT Native");
        for piece in block.chunks(10_000) {
            insert.send(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        insert.end().await.unwrap();
    }
    assert_eq!(store.count("SELECT count() FROM notes").await, 10_000);
    let sum = store.count("SELECT uniqExact(id) + countIf(endsWith(text, '✓')) FROM notes").await;
    assert_eq!(sum, 15_000);
}

#[tokio::test]
async fn returns_bytes_in_any_format_as_one_document() {
    let engine = Engine::start();
    let store = engine.store();
    let sql = "SELECT number AS n FROM numbers(150000) SETTINGS max_block_size = 10000";
    for (format, rows) in [("JSON", 1), ("CSVWithNames", 150_001), ("JSONEachRow", 150_000), ("TSV", 150_000)]
    {
        let bytes = store.0.query(sql).fetch_bytes(format).unwrap().collect().await.unwrap();
        match format {
            "JSON" => {
                let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(value["rows"], 150_000);
                assert_eq!(value["data"].as_array().unwrap().len(), 150_000);
            }
            _ => assert_eq!(bytes.split(|byte| *byte == b'\n').count() - 1, rows, "{format}"),
        }
    }
    let named = store.0.query("SELECT 1 AS a FORMAT JSONEachRow").fetch_bytes("TSV").unwrap().collect().await;
    assert_eq!(named.unwrap(), "{\"a\":1}\n");
}

#[tokio::test]
async fn keeps_requests_in_their_database() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute("CREATE DATABASE other ENGINE = Atomic").await;
    let current = "SELECT currentDatabase()";
    for _ in 0..4 {
        let other: String = store.0.clone().with_database("other").query(current).fetch_one().await.unwrap();
        let own: String = store.0.query(current).fetch_one().await.unwrap();
        assert_eq!((other.as_str(), own.as_str()), ("other", "passant"));
    }
    let missing = store.0.clone().with_database("no`such").query("SELECT 1").execute().await.unwrap_err();
    assert!(missing.to_string().contains("UNKNOWN_DATABASE"), "{missing}");
}

/// A Native block of notes.
pub(crate) fn native(ids: std::ops::Range<u64>) -> Vec<u8> {
    fn varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }
    fn text(out: &mut Vec<u8>, text: &str) {
        varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
    let mut out = Vec::new();
    varint(&mut out, 3);
    varint(&mut out, ids.end - ids.start);
    text(&mut out, "id");
    text(&mut out, "UInt64");
    ids.clone().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
    text(&mut out, "text");
    text(&mut out, "String");
    ids.clone().for_each(|id| text(&mut out, &note(id).text));
    text(&mut out, "at");
    text(&mut out, "UInt32");
    ids.for_each(|id| out.extend_from_slice(&note(id).at.to_le_bytes()));
    out
}
