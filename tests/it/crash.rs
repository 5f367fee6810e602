//! What was acknowledged is stored, exactly once, whatever dies: the server, the engine, or both by the operator's hand.

use passant_tests::{Oracle, Passant, Settings, signal, until};
use rustix::process::Signal;

const CLIENTS: usize = 16;

/// Numbers that differ from run to run of the loop, the same in each run of the test.
fn scattered(seed: u64, below: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % below
}

async fn until_acknowledged(oracle: &Oracle, more: u64) {
    let target = oracle.acknowledged() + usize::try_from(more).unwrap();
    until("events are acknowledged", || async { (oracle.acknowledged() >= target).then_some(()) }).await;
}

fn eager_to_seal() -> Settings {
    // Many small batches: more moments at which to be killed.
    Settings { config: "[spool]\nseal_after_seconds = 0.1\n".into(), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_of_the_server_loses_and_doubles_nothing() {
    let mut passant = Passant::start_with(eager_to_seal()).await;
    let oracle = Oracle::default();
    for run in 0..20 {
        let load = oracle.load(&passant.public(), CLIENTS);
        until_acknowledged(&oracle, 20 + scattered(run, 800)).await;
        passant.kill().await;
        load.stop().await;
        passant.run().await;
    }
    oracle.verify(&passant).await;
    assert!(oracle.acknowledged() > 400, "{} events say little", oracle.acknowledged());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_of_the_engine_loses_and_doubles_nothing_and_beacons_are_still_taken() {
    let passant = Passant::start_with(eager_to_seal()).await;
    let oracle = Oracle::default();
    let load = oracle.load(&passant.public(), CLIENTS);
    for run in 0..20 {
        // Kill it at work, not as it starts: one more batch has to be there first.
        let shipped = "passant_ship_batches_total{result=\"shipped\"}";
        let before = passant.metric(shipped).await;
        until("a batch is shipped", || async { (passant.metric(shipped).await > before).then_some(()) })
            .await;
        until_acknowledged(&oracle, 20 + scattered(run, 400)).await;
        let engine = passant.engine_pid().await;
        // Not SEGV: one that is sent, and no fault, only disarms the handler for stack overflows.
        signal(engine, if run % 3 == 2 { Signal::ABORT } else { Signal::KILL });
        // Acknowledged while there is no engine.
        until_acknowledged(&oracle, 20).await;
        until("another engine runs", || async { (passant.engine_pid().await != engine).then_some(()) }).await;
    }
    load.stop().await;
    oracle.verify(&passant).await;
    assert!(passant.metric("passant_engine_restarts_total").await >= 20.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_fails_no_request_that_was_taken() {
    let mut passant = Passant::start_with(eager_to_seal()).await;
    let oracle = Oracle::default();
    for _ in 0..3 {
        let load = oracle.load(&passant.public(), CLIENTS);
        until_acknowledged(&oracle, 300).await;
        passant.stop().await;
        load.stop().await;
        passant.run().await;
    }
    oracle.verify(&passant).await;
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
