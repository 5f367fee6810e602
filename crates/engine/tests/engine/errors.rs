//! Exceptions: their words, their statuses, and that a late one is noticed.

use crate::{
    client::{ask, post},
    process::Engine,
};

#[tokio::test]
async fn words_errors_as_clickhouse_does() {
    let engine = Engine::start();
    for (query, sql, status, start, end) in [
        (
            "",
            "SELEC 1",
            400,
            "Code: 62. DB::Exception: Syntax error: failed at position 1 (SELEC)",
            "(SYNTAX_ERROR)",
        ),
        ("", "SELECT * FROM nowhere", 404, "Code: 60. DB::Exception: ", "(UNKNOWN_TABLE)"),
        ("", "SELECT 1; SELECT 2", 400, "Code: 62. DB::Exception: Multi-statements", "(SYNTAX_ERROR)"),
        ("no_such=1", "SELECT 1", 400, "Code: 115. DB::Exception: Setting no_such", "(UNKNOWN_SETTING)"),
        ("max_threads=x", "SELECT 1", 400, "Code: ", ")"),
        ("query=INSERT+INTO+nowhere+FORMAT+TSV", "1\n", 404, "Code: 60. ", "(UNKNOWN_TABLE)"),
        ("", "", 400, "Code: 62. DB::Exception: ", "(SYNTAX_ERROR)"),
    ] {
        let answer = ask(&engine.socket, post(query, sql)).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{sql}: {text}");
        assert!(text.starts_with(start), "{sql}: {text}");
        assert!(text.contains(&format!("{end} (version 26.")) && text.ends_with("(chdb build))\n"), "{text}");
        assert!(!text.contains("passant statement"), "{text}");
        let code = text.split(['.', ' ']).nth(1).unwrap();
        assert_eq!(answer.header("x-clickhouse-exception-code"), code);
    }
    // Readers are as good as before.
    assert_eq!(engine.store().count("SELECT toUInt64(1)").await, 1);
}

#[tokio::test]
async fn breaks_off_a_result_that_fails_late() {
    let engine = Engine::start();
    let sql = "SELECT throwIf(number = 3000000, 'too late'), number FROM numbers(10000000) FORMAT RowBinary";
    let answer = ask(&engine.socket, post("max_block_size=65536", sql)).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.complete && answer.body.len() > 1 << 20);
    let tail = String::from_utf8_lossy(&answer.body[answer.body.len() - 600..]).into_owned();
    assert!(tail.contains("Code: 395.") && tail.ends_with("__exception__\r\n"), "{tail}");

    let store = engine.store();
    let mut cursor = store.0.query(sql).fetch_bytes("RowBinary").unwrap();
    let failed = loop {
        match cursor.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a failed result looked complete"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(failed.contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "{failed}");
}

#[tokio::test]
async fn gives_a_late_error_its_status_when_asked_to_wait() {
    let engine = Engine::start();
    let sql = "SELECT throwIf(number = 300000) FROM numbers(1000000) FORMAT RowBinary";
    let answer = ask(&engine.socket, post("wait_end_of_query=1&max_block_size=10000", sql)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.complete && answer.text().starts_with("Code: 395."));
    let large = "SELECT number FROM numbers(100000000) FORMAT RowBinary";
    let answer = ask(&engine.socket, post("wait_end_of_query=1", large)).await;
    assert!(answer.text().contains("MEMORY_LIMIT_EXCEEDED"), "{}", answer.text());
}

#[tokio::test]
async fn refuses_to_write_on_a_reader() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    let mut get = post("query=INSERT+INTO+t+VALUES+(1)", "");
    *get.method_mut() = http::Method::GET;
    let answer = ask(&engine.socket, get).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-clickhouse-exception-code")), (403, "164"));
    // The front takes this for a read, and libchdb's own rule refuses it.
    let hidden = store.refusal("EXPLAIN ANALYZE INSERT INTO t SELECT 1").await;
    assert!(hidden.contains("Code: "), "{hidden}");
    assert_eq!(store.count("SELECT count() FROM t").await, 0);
}

#[tokio::test]
async fn answers_a_refused_insert_while_the_client_still_sends() {
    let engine = Engine::start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let lines = bytes::Bytes::from("not a number\n".repeat(500_000));
    let mut insert = store.0.insert_formatted_with("INSERT INTO t FORMAT TSV");
    let mut failed = None;
    for _ in 0..4 {
        if let Err(error) = insert.send(lines.clone()).await {
            failed = Some(error);
            break;
        }
    }
    let failed = match failed {
        Some(error) => error,
        None => insert.end().await.unwrap_err(),
    };
    assert!(failed.to_string().contains("Code: 27."), "{failed}");
    assert_eq!(store.count("SELECT count() FROM t").await, 0);
}
