//! The TCP listener: a password, reads of tables, and nothing that reaches outside.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::{
    client::{Answer, ask_tcp, post},
    limits::eventually,
    process::Engine,
};

/// An engine, and where it listens: on an address that nobody else has, so that its port is free.
fn start() -> (Engine, SocketAddr) {
    static NUMBER: AtomicU8 = AtomicU8::new(0);
    let [_, _, third, fourth] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, NUMBER.fetch_add(1, Ordering::Relaxed) | 0x80, third, fourth);
    let address = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr()).unwrap();
    let tcp = json!({"listen": address, "user": "bi", "password": "geheim"});
    (Engine::start_with(json!({"readers": 2, "tcp": tcp})), address)
}

fn signed(query: &str, sql: &str) -> Request<Full<Bytes>> {
    let mut request = post(query, sql.to_owned());
    request.headers_mut().insert("x-clickhouse-user", "bi".parse().unwrap());
    request.headers_mut().insert("x-clickhouse-key", "geheim".parse().unwrap());
    request
}

fn code(answer: &Answer) -> &str {
    answer.header("x-clickhouse-exception-code")
}

#[tokio::test]
async fn wants_the_password_in_one_of_three_places() {
    let (_engine, address) = start();
    let basic = |value: &str| {
        let mut request = post("", "SELECT 1");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        request
    };
    // bi:geheim
    assert_eq!(ask_tcp(address, basic("Basic Ymk6Z2VoZWlt")).await.text(), "1\n");
    assert_eq!(ask_tcp(address, post("user=bi&password=geheim", "SELECT 1")).await.text(), "1\n");
    assert_eq!(ask_tcp(address, signed("", "SELECT 1")).await.text(), "1\n");
    for request in [
        post("", "SELECT 1"),
        post("user=bi&password=geheim2", "SELECT 1"),
        post("user=passant&password=geheim", "SELECT 1"),
        post("user=bi", "SELECT 1"),
        basic("Basic Ymk6Z2VoZWl0"),
        basic("Bearer geheim"),
    ] {
        let answer = ask_tcp(address, request).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (403, "516"));
        assert!(!answer.text().contains("geheim"));
    }
}

#[tokio::test]
async fn reads_tables_and_writes_nothing() {
    let (engine, address) = start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    store.execute("INSERT INTO t VALUES (1), (2)").await;
    for sql in [
        "SELECT sum(a) FROM t",
        "WITH x AS (SELECT a FROM t) SELECT sum(a) FROM x",
        "SELECT sum(number) FROM numbers(3)",
        "SELECT toUInt8(a + 2) FROM t WHERE a = {a:UInt64}",
    ] {
        let answer = ask_tcp(address, signed("param_a=1", sql)).await;
        assert_eq!(answer.text(), "3\n", "{sql}");
    }
    for sql in ["SHOW TABLES", "DESCRIBE TABLE t", "SELECT version(), timezone()", "EXPLAIN SELECT a FROM t"]
    {
        assert_eq!(ask_tcp(address, signed("", sql)).await.status, 200, "{sql}");
    }
    for sql in [
        "INSERT INTO t VALUES (3)",
        "INSERT INTO t SELECT 3",
        "DROP TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "CREATE TABLE u (a UInt8) ENGINE = Memory",
        "TRUNCATE TABLE t",
        "OPTIMIZE TABLE t",
        "SYSTEM DROP MARK CACHE",
        "KILL QUERY WHERE 1 ASYNC",
        "BACKUP TABLE t TO File('x')",
        "WITH x AS (SELECT 3) INSERT INTO t SELECT * FROM x",
    ] {
        let answer = ask_tcp(address, signed("", sql)).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (403, "164"), "{sql}: {}", answer.text());
    }
    assert_eq!(store.count("SELECT count() FROM t").await, 2);
}

#[tokio::test]
async fn reaches_no_file_and_no_network() {
    let (engine, address) = start();
    let secret = engine.data().parent().unwrap().join("secret.csv");
    std::fs::write(&secret, "top-secret\n").unwrap();
    let path = secret.display();
    let inside = engine.data().join("secret.csv");
    std::fs::write(&inside, "top-secret\n").unwrap();
    for sql in [
        format!("SELECT * FROM file('{path}', CSV, 'a String')"),
        "SELECT * FROM file('secret.csv', CSV, 'a String')".to_owned(),
        format!("SELECT file('{path}')"),
        format!("SELECT * FROM `fi\\x6ce`('{path}', CSV, 'a String')"),
        format!("SELECT * FROM/**/\"file\"/**/('{path}', CSV, 'a String')"),
        format!("SELECT ‘'’, * FROM file('{path}', CSV, 'a String') --'"),
        format!("SELECT * FROM view(SELECT * FROM file('{path}', CSV, 'a String'))"),
        format!("SELECT * FROM loop(file('{path}', CSV, 'a String')) LIMIT 1"),
        format!("SELECT 1 IN (SELECT a = 'top-secret' FROM file('{path}', CSV, 'a String'))"),
        format!("WITH f AS (SELECT * FROM file('{path}', CSV, 'a String')) SELECT * FROM f"),
        format!("DESCRIBE TABLE file('{path}')"),
        format!("EXPLAIN SELECT * FROM file('{path}', CSV, 'a String')"),
        format!("SELECT * FROM default.`{path}`"),
        format!("SELECT * FROM `{path}`"),
        format!("SELECT * FROM '{path}'"),
        format!("SELECT 1 INTO OUTFILE '{path}.out'"),
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')".to_owned(),
        "SELECT * FROM remote('127.0.0.1:9000', system.one)".to_owned(),
        "SELECT * FROM cluster('default', system.one)".to_owned(),
        "SELECT * FROM s3('http://127.0.0.1:1/x', CSV, 'a String')".to_owned(),
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')".to_owned(),
        "SELECT * FROM sqlite('x.db', 't')".to_owned(),
        "SELECT * FROM executable('id', TSV, 'a String')".to_owned(),
        "SELECT * FROM Python('x')".to_owned(),
        "CREATE TEMPORARY TABLE x (a String) ENGINE = File(CSV, 'secret.csv')".to_owned(),
        format!("SELECT * FROM format(CSV, 'a String', (SELECT * FROM file('{path}', CSV, 'a String')))"),
    ] {
        let answer = ask_tcp(address, signed("", &sql)).await;
        let text = answer.text();
        assert!(!answer.status.is_success(), "{sql}: {text}");
        assert!(!text.contains("top-secret"), "{sql}: {text}");
        assert!(!text.contains("NETWORK_ERROR") && !text.contains("refused"), "{sql} went out: {text}");
    }
    assert!(!std::path::Path::new(&format!("{path}.out")).exists());
    // The owner's socket may: it is how data are imported.
    let own = engine.store();
    assert_eq!(own.count(&format!("SELECT count() FROM file('{path}', CSV, 'a String')")).await, 1);
}

#[tokio::test]
async fn lowers_limits_in_the_text_but_never_lifts_them() {
    let (_engine, address) = start();
    for sql in [
        "SELECT 1 SETTINGS max_threads = 1, max_execution_time = 5",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1) FORMAT TSV SETTINGS log_comment = 'a, b = 1'",
        "SELECT 1 AS settings WHERE settings = 1",
    ] {
        let answer = ask_tcp(address, signed("", sql)).await;
        assert_eq!(answer.text(), "1\n", "{sql}");
    }
    for (sql, expected) in [
        ("SELECT 1 SETTINGS max_memory_usage = 0", "452"),
        ("SELECT 1 SETTINGS max_execution_time = 61", "452"),
        ("SELECT * FROM (SELECT 1 SETTINGS max_threads = 1, `max_memory_usage` = 0) FORMAT TSV", "452"),
        ("SELECT 1 FORMAT TSV SETTINGS max_memory_usage = 0", "452"),
        ("EXPLAIN indexes = 1 SELECT 1 SETTINGS max_memory_usage = 0", "452"),
        ("SELECT 1 SETTINGS max_memory_usage = DEFAULT", "36"),
        ("SELECT 1 SETTINGS format_schema = '/etc/passwd:M'", "115"),
        // What another reader of the text would take for a string, a heredoc or a comment.
        ("SELECT ‘'’, 1 SETTINGS max_memory_usage = 0 --' SETTINGS max_threads = 1", "452"),
        ("SELECT 1 AS a$x$ SETTINGS max_memory_usage = 0 -- $x$ SETTINGS max_threads = 1", "452"),
        ("SELECT 1 // '\n SETTINGS max_memory_usage = 0 -- ' SETTINGS max_threads = 1", "452"),
        ("SELECT 1 SETTINGS/**/\"max_memory_usage\"/**/=/**/0", "452"),
    ] {
        let answer = ask_tcp(address, signed("", sql)).await;
        assert_eq!(code(&answer), expected, "{sql}: {}", answer.text());
    }
}

#[tokio::test]
async fn leaves_a_reader_to_the_owner() {
    let (engine, address) = start();
    let endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)";
    let guests: Vec<_> =
        (0..4).map(|_| tokio::spawn(async move { ask_tcp(address, signed("", endless)).await })).collect();
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%' \
                   AND query NOT LIKE '%processes%'";
    eventually("one guest is served", async || engine.store().count(running).await == 1).await;
    assert!(guests.iter().all(|guest| !guest.is_finished()));
    guests.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn answers_what_tools_ask_first() {
    let (_engine, address) = start();
    // Grafana's data source (clickhouse-go), the JDBC driver below Metabase and DBeaver, and what they list tables with.
    for (query, sql, expected) in [
        (
            "default_format=Native&compress=1",
            "SELECT displayName(), version(), revision(), timezone()",
            "displayName",
        ),
        ("max_execution_time=60&enable_http_compression=1", "SELECT timezone()", "UTC"),
        (
            "compress=0&extremes=0&session_id=a&wait_end_of_query=1&result_overflow_mode=break&max_result_rows=10",
            "SELECT currentUser() AS user, timezone() AS timezone, version() AS version, \
             getSetting('readonly') AS readonly FORMAT RowBinaryWithNamesAndTypes",
            "readonly",
        ),
        ("", "SELECT name FROM system.databases", "passant"),
        ("", "SELECT table_name FROM information_schema.tables WHERE table_schema = 'system'", "tables"),
        ("", "SELECT count() > 99 FROM system.data_type_families", "1"),
        ("", "SELECT count() > 999 FROM system.functions", "1"),
        (
            "date_time_output_format=iso&cast_string_to_dynamic_use_inference=1",
            "SELECT toDateTime(0)",
            "1970-01-01T00:00:00Z",
        ),
    ] {
        let mut request = signed(query, sql);
        if sql.contains("currentUser") {
            request
                .headers_mut()
                .insert("x-clickhouse-format", "RowBinaryWithNamesAndTypes".parse().unwrap());
            request.headers_mut().insert("x-clickhouse-database", "passant".parse().unwrap());
        }
        let answer = ask_tcp(address, request).await;
        assert!(answer.status.is_success() && answer.text().contains(expected), "{sql}: {}", answer.text());
    }
}
