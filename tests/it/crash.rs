//! What a crash leaves behind is gone on from: visits, and batches that the store may hold. The crashes themselves, and
//! that they lose and double nothing, are in `faults.rs`.

use passant_store::Statement;
use passant_tests::{Oracle, Passant, Settings, TestEngine, signal, until};
use rustix::process::Signal;

fn eager_to_seal() -> Settings {
    // Many small batches: more moments at which to be killed.
    Settings { config: "[spool]\nseal_after_seconds = 0.1\n".into(), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_goes_on_after_a_crash() {
    let mut passant = Passant::start_with(eager_to_seal()).await;
    let page = |path: &str| serde_json::json!({"n": "pageview", "u": format!("https://example.com{path}"), "d": "example.com"});
    passant.beacon(&page("/one")).await;
    passant.until_total("pageviews", 1).await;
    passant.kill().await;
    passant.run().await;
    passant.beacon(&page("/two")).await;
    passant.kill().await;
    passant.run().await;
    // Its visit stands in a segment that was left behind, or in the store already.
    let mut seen = page("/two");
    seen["n"] = "engagement".into();
    seen["sd"] = 50.into();
    assert_eq!(passant.beacon(&seen).await.header("x-passant-discarded"), "");
    passant.beacon(&page("/three")).await;
    passant.until_total("pageviews", 3).await;
    let metrics = ["visitors", "visits", "bounce_rate"];
    let report = passant.report(serde_json::json!({"metrics": metrics, "date_range": "all"})).await;
    assert_eq!(
        report["results"][0]["metrics"],
        serde_json::json!([1, 1, 0]),
        "the day's key and the visit survive"
    );
}

/// What a process leaves that dies between the INSERT and the removal of its segment, or a spool restored from a copy.
#[tokio::test(flavor = "multi_thread")]
async fn segments_that_the_store_holds_already_are_not_inserted_again() {
    let mut passant = Passant::start_with(eager_to_seal()).await;
    let oracle = Oracle::default();
    let server = passant.public();
    let engine = passant.engine_pid().await;
    signal(engine, Signal::STOP);
    for visitor in 0..100 {
        oracle.send(&server, visitor).await;
    }
    let spool = passant.data().join("spool");
    let sealed = || {
        let files = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path());
        let (open, sealed): (Vec<_>, Vec<_>) = files
            .filter(|path| path.extension().is_some())
            .partition(|path| path.extension().is_some_and(|extension| extension == "open"));
        open.is_empty().then_some(sealed).filter(|sealed| !sealed.is_empty())
    };
    let segments = until("everything is sealed", || std::future::ready(sealed())).await;
    let kept: Vec<_> = segments.iter().map(|path| (path, std::fs::read(path).unwrap())).collect();
    signal(engine, Signal::CONT);
    oracle.verify(&passant).await;

    passant.stop().await;
    for (path, content) in kept {
        std::fs::write(path, content).unwrap();
    }
    passant.run().await;
    oracle.verify(&passant).await;
    assert!(passant.metric("passant_ship_reconciled_total{action=\"skipped\"}").await >= 1.0);
}

/// The words by which a build with fail points is told what goes wrong.
#[test]
fn the_binary_that_is_shipped_has_no_fail_points() {
    let holds = |program: &str| {
        let bytes = std::fs::read(passant_tests::binary_directory().join(program)).unwrap();
        bytes.windows(FAIL_POINTS.len()).any(|window| window == FAIL_POINTS)
    };
    assert!(holds("passant-fail-points"), "the words are others: this test sees nothing");
    assert!(!holds("passant"));
}

const FAIL_POINTS: &[u8] = b"PASSANT_FAULTS";

/// libchdb would answer with success, and keep a part that nobody can read or a table without a definition.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_write_fails_ends_before_it_takes_it_for_done() {
    let mut engine = TestEngine::prepared();
    let sql = |sql: &str| Statement::new(sql.to_owned());
    let insert = |mebibytes| {
        sql(&format!("INSERT INTO passant.bulky SELECT randomString(1048576) FROM numbers({mebibytes})"))
    };
    engine.run().await;
    let create = "CREATE TABLE passant.bulky (text String) ENGINE = MergeTree ORDER BY ()";
    engine.store().execute(&sql(create)).await.expect("a table");
    engine.store().execute(&insert(1)).await.expect("room for one");
    engine.kill().await;

    let describe = sql(&format!("ALTER TABLE passant.bulky MODIFY COMMENT '{}'", "long ".repeat(1_000)));
    for (kibibytes, statement) in [(2_048, insert(4)), (1, describe)] {
        engine.run_with_small_files(kibibytes).await;
        engine.store().execute(&statement).await.expect_err("not acknowledged");
        assert_eq!(engine.ended().await.code(), Some(74));
    }

    engine.run().await;
    let rows = sql("SELECT count() FROM passant.bulky WHERE NOT ignore(text)");
    assert_eq!(engine.store().fetch::<u64>(&rows).await.expect("readable"), [1]);
}
