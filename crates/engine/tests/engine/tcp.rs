//! The TCP listener: a password, reads of tables, and nothing that reaches outside.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::{
    client::{Answer, ask_tcp, post},
    process::Engine,
};

fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start() -> (Engine, u16) {
    let port = port();
    let listen = format!("127.0.0.1:{port}");
    (Engine::start_with(json!({"tcp": {"listen": listen, "user": "bi", "password": "geheim"}})), port)
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
    let (_engine, port) = start();
    let basic = |value: &str| {
        let mut request = post("", "SELECT 1");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        request
    };
    // bi:geheim
    assert_eq!(ask_tcp(port, basic("Basic Ymk6Z2VoZWlt")).await.text(), "1\n");
    assert_eq!(ask_tcp(port, post("user=bi&password=geheim", "SELECT 1")).await.text(), "1\n");
    assert_eq!(ask_tcp(port, signed("", "SELECT 1")).await.text(), "1\n");
    for request in [
        post("", "SELECT 1"),
        post("user=bi&password=geheim2", "SELECT 1"),
        post("user=passant&password=geheim", "SELECT 1"),
        post("user=bi", "SELECT 1"),
        basic("Basic Ymk6Z2VoZWl0"),
        basic("Bearer geheim"),
    ] {
        let answer = ask_tcp(port, request).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (403, "516"));
        assert!(!answer.text().contains("geheim"));
    }
}

#[tokio::test]
async fn reads_tables_and_writes_nothing() {
    let (engine, port) = start();
    let store = engine.store();
    store.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    store.execute("INSERT INTO t VALUES (1), (2)").await;
    for sql in [
        "SELECT sum(a) FROM t",
        "WITH x AS (SELECT a FROM t) SELECT sum(a) FROM x",
        "SELECT sum(number) FROM numbers(3)",
        "SELECT toUInt8(a + 2) FROM t WHERE a = {a:UInt64}",
    ] {
        let answer = ask_tcp(port, signed("param_a=1", sql)).await;
        assert_eq!(answer.text(), "3\n", "{sql}");
    }
    for sql in ["SHOW TABLES", "DESCRIBE TABLE t", "SELECT version(), timezone()", "EXPLAIN SELECT a FROM t"]
    {
        assert_eq!(ask_tcp(port, signed("", sql)).await.status, 200, "{sql}");
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
        let answer = ask_tcp(port, signed("", sql)).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (403, "164"), "{sql}: {}", answer.text());
    }
    assert_eq!(store.count("SELECT count() FROM t").await, 2);
}

#[tokio::test]
async fn reaches_no_file_and_no_network() {
    let (engine, port) = start();
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
        let answer = ask_tcp(port, signed("", &sql)).await;
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
