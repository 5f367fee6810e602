//! P20: logs and metrics carry no path, referrer, address, user agent, event name, property or body, at trace level.

use passant_tests::canary::Search;
use passant_tests::{Passant, signal, until};
use rustix::process::Signal;

use super::traffic::{RULES, Traffic};
use super::{assert_none, key_directory, talkative};

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_metrics_say_nothing_of_a_request_even_at_trace_level() {
    let keys = key_directory();
    let limits = "events_per_second_per_prefix = 10\nbody_deadline_seconds = 1";
    let mut passant = Passant::with_site(talkative(keys.path(), limits));
    passant.cli_ok(RULES);
    let search = Search::new(&[Traffic::secrets(), Traffic::content()].concat());
    passant.run().await;
    until("open visits are known", || async { passant.log().contains("shipper started").then_some(()) })
        .await;
    let accepted = Traffic::into_server(&mut passant).send().await;
    // Twice: the second time the store is killed under it, so that errors of every kind are logged.
    let engine = passant.engine_pid().await;
    signal(engine, Signal::KILL);
    let again = Traffic::into_server(&mut passant).visits_and_questions().await;
    // One imported event, too.
    passant.until_total("events", accepted + again + 1).await;
    let metrics = passant.admin().get("/metrics").await.text();
    assert!(metrics.contains("passant_events_total{outcome=\"accepted\"}"), "{metrics}");
    assert_none(&search.within("metrics", metrics.as_bytes()));
    passant.stop().await;
    let log = passant.whole_log();
    assert!(log.contains("the engine ended"), "{log}");
    assert_none(&search.within("log", log.as_bytes()));
}
