//! The HTTP face as other clients use it.

use bytes::Bytes;

use crate::{
    client::{ask, post},
    process::Engine,
};

#[tokio::test]
async fn answers_pings_and_carries_the_headers_that_clients_read() {
    let engine = Engine::start();
    for path in ["/ping", "/"] {
        let mut ping = post("", "");
        *ping.method_mut() = http::Method::GET;
        *ping.uri_mut() = path.parse().unwrap();
        assert_eq!(ask(&engine.socket, ping).await.text(), "Ok.\n");
    }
    let answer =
        ask(&engine.socket, post("query_id=my-id", "SELECT number FROM numbers(10) FORMAT JSON")).await;
    let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary")).unwrap();
    assert_eq!(summary["read_rows"], "10");
    for (name, value) in [
        ("x-clickhouse-query-id", "my-id"),
        ("x-clickhouse-format", "JSON"),
        ("x-clickhouse-server-display-name", "passant"),
        ("x-clickhouse-timezone", "UTC"),
        ("content-type", "application/json; charset=UTF-8"),
    ] {
        assert_eq!(answer.header(name), value);
    }
}

#[tokio::test]
async fn finds_the_statement_in_url_body_and_form() {
    let engine = Engine::start();
    engine.store().execute("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").await;
    let answer = ask(&engine.socket, post("query=SELECT+1", "+ 1")).await;
    assert_eq!(answer.text(), "2\n");
    for (query, body) in [
        ("query=INSERT+INTO+t+FORMAT+CSV", "1,x\n"),
        ("query=INSERT+INTO+t+FORMAT+CSV%0A2,y", ""),
        ("", "INSERT INTO t FORMAT JSONEachRow\n{\"a\": 3, \"b\": \"z\"}\n"),
        ("", "INSERT INTO t VALUES (4, 'v'), (5, 'FORMAT CSV')"),
        ("query=INSERT+INTO+t", "VALUES (6, 'w')"),
        ("", "INSERT INTO t SELECT 7, 's'"),
    ] {
        let answer = ask(&engine.socket, post(query, body)).await;
        assert_eq!(answer.status, 200, "{query} {body}: {}", answer.text());
    }
    let answer = ask(&engine.socket, post("", "SELECT a, b FROM t ORDER BY a FORMAT CSV")).await;
    assert_eq!(answer.text(), "1,\"x\"\n2,\"y\"\n3,\"z\"\n4,\"v\"\n5,\"FORMAT CSV\"\n6,\"w\"\n7,\"s\"\n");

    let form = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {x:String}\r\n\
                --b\r\nContent-Disposition: form-data; name=\"param_x\"\r\n\r\nit\r\n--b--\r\n";
    let mut request = post("", form);
    request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse().unwrap());
    assert_eq!(ask(&engine.socket, request).await.text(), "it\n");
    let mut request = post("", "nothing of the kind");
    request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse().unwrap());
    assert_eq!(ask(&engine.socket, request).await.status, 400);
}

#[tokio::test]
async fn packs_responses_in_blocks_when_asked() {
    let engine = Engine::start();
    let plain = ask(&engine.socket, post("", "SELECT number FROM numbers(300000)")).await.body;
    let packed = ask(&engine.socket, post("compress=1", "SELECT number FROM numbers(300000)")).await.body;
    assert!(packed.len() < plain.len());
    // Unpacking is the engine's own job: the blocks come back as the data of an INSERT.
    engine.store().execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let insert = "query=INSERT+INTO+t+FORMAT+TSV&decompress=1";
    assert_eq!(ask(&engine.socket, post(insert, packed.clone())).await.status, 200);
    assert_eq!(engine.store().count("SELECT count() + max(a) FROM t").await, 599_999);
    let mut damaged = packed;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let answer = ask(&engine.socket, post(insert, damaged)).await;
    assert_eq!(answer.header("x-clickhouse-exception-code"), "271");
    assert_eq!(engine.store().count("SELECT count() FROM t").await, 300_000);
}

#[tokio::test]
async fn shows_the_callers_query_id_of_what_runs() {
    let engine = Engine::start();
    let sql = "SELECT query FROM system.processes";
    let answer = ask(&engine.socket, post("query_id=batch-42", sql)).await;
    assert!(answer.text().contains("query_id=batch-42"), "{}", answer.text());
}

#[tokio::test]
async fn survives_any_bytes() {
    let engine = Engine::start();
    let mut seed = 7_u64;
    for round in 0..200_u64 {
        let mut body = Vec::new();
        for _ in 0..(round * 3) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            body.push(u8::try_from(seed >> 56).unwrap());
        }
        let query = ["", "decompress=1", "compress=1", "query=INSERT+INTO+t+FORMAT+Native", "query=SELECT"];
        let answer =
            ask(&engine.socket, post(query[usize::try_from(round % 5).unwrap()], Bytes::from(body))).await;
        assert!(answer.complete && !answer.status.is_success());
    }
    assert_eq!(engine.store().count("SELECT toUInt64(1)").await, 1);
}
