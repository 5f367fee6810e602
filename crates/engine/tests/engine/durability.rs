//! Directories, sockets, kills and stops.

use std::{os::unix::fs::PermissionsExt, process::Stdio};

use bytes::Bytes;
use rustix::process::Signal;
use serde_json::json;

use crate::{
    limits::eventually,
    modes::native,
    process::{Engine, command, signal, spawn, wait_until},
};

const CREATE: &str = "CREATE TABLE notes (id UInt64, text String, at UInt32) ENGINE = MergeTree ORDER BY id";

#[test]
fn refuses_a_directory_that_another_engine_has() {
    let engine = Engine::start();
    let other = engine.data().parent().unwrap().join("other.sock");
    let spelled = engine.data().join("../data");
    let output = command(&other, &spelled, &json!({}), None).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(11));
    let text = String::from_utf8(output.stderr).unwrap();
    let expected = format!("is in use by another engine (pid {})\n", engine.pid());
    assert!(text.ends_with(&expected) && text.lines().count() == 1, "{text}");
    assert!(!other.exists());
}

#[test]
fn keeps_directory_and_socket_to_their_owner() {
    let engine = Engine::start();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&engine.data()), mode(&engine.socket)), (0o700, 0o600));
}

#[test]
fn ends_with_its_parent() {
    let root = tempfile::TempDir::new().unwrap();
    let socket = root.path().join("s");
    let mut parent = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    // Not its child: refused, as one whose parent is gone.
    let mut stranger = spawn(&socket, &root.path().join("a"), &json!({}), Some(parent.id()));
    assert_eq!(stranger.wait().unwrap().code(), Some(14));
    parent.kill().unwrap();
    parent.wait().unwrap();

    // A shell as the parent: the engine is its child, and is left alone when the shell is killed.
    let told = command(&socket, &root.path().join("b"), &json!({}), Some(0));
    let spec = told
        .get_envs()
        .next()
        .unwrap()
        .1
        .unwrap()
        .to_str()
        .unwrap()
        .replace("\"parent\":0", "\"parent\":'$$'");
    let program = told.get_program().to_str().unwrap();
    let script = format!(
        "PASSANT_ENGINE_CHILD='{spec}' '{program}' --exact child --nocapture >/dev/null & echo $!; wait"
    );
    let mut shell =
        std::process::Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the engine is ready", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    shell.kill().unwrap();
    let mut pid = String::new();
    std::io::Read::read_to_string(&mut shell.stdout.take().unwrap(), &mut pid).unwrap();
    shell.wait().unwrap();
    let status = format!("/proc/{}/stat", pid.trim());
    wait_until("the engine has ended", || {
        std::fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z "))
    });
    assert!(!socket.exists());
}

#[tokio::test]
async fn stops_cleanly_and_finishes_what_is_in_flight() {
    let mut engine = Engine::start();
    let store = engine.store();
    store.execute(CREATE).await;
    let slow = store.0.clone();
    let flying = tokio::spawn(async move {
        slow.query(
            "SELECT count() FROM numbers(100) WHERE sleepEachRow(0.01) = 0 SETTINGS max_block_size = 1",
        )
        .fetch_one::<u64>()
        .await
    });
    let running =
        "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%LIKE%'";
    eventually("the statement runs", async || store.count(running).await == 1).await;
    let status = tokio::task::spawn_blocking(move || (engine.stop(), engine.socket.exists())).await.unwrap();
    assert!(status.0.success() && !status.1, "{status:?}");
    assert_eq!(flying.await.unwrap().unwrap(), 100);
}

#[tokio::test]
async fn loses_no_answered_insert_when_it_is_killed() {
    let mut engine = Engine::start();
    engine.store().execute(CREATE).await;
    let block = Bytes::from(native(0..5000));
    let mut answered = 0;
    for round in 0..4 {
        let store = engine.store();
        let pid = engine.pid();
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::park_timeout(std::time::Duration::from_millis(60 + 35 * round));
            signal(pid, Signal::KILL);
        });
        loop {
            let mut insert = store.0.insert_formatted_with("INSERT INTO notes (id, text, at) FORMAT Native");
            let sent = insert.send(block.clone()).await;
            if sent.is_err() || insert.end().await.is_err() {
                break;
            }
            answered += 1;
        }
        killer.await.unwrap();
        engine.kill();
        engine = engine.again();
        let rows = engine.store().count("SELECT count() FROM notes").await;
        assert_eq!(rows % 5000, 0, "half a block is there");
        // One more than answered is fine: the answer was lost, not the block.
        let blocks = rows / 5000;
        assert!(blocks == answered || blocks == answered + 1, "{blocks} blocks, {answered} answered");
        answered = blocks;
    }
    assert!(answered > 0);
}

#[test]
fn refuses_what_cannot_work_in_one_line() {
    let root = tempfile::TempDir::new().unwrap();
    let config = json!({"tcp": {"user": "bi"}});
    let output = command(&root.path().join("s"), &root.path().join("d"), &config, None)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(12));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "engine: engine.tcp.password is empty: the TCP listener needs a password\n");
    let output = command(&root.path().join("s"), &root.path().join("d"), &json!({}), None)
        .env("PASSANT_LIBCHDB", "/nonexistent/libchdb.so")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(13));
}
