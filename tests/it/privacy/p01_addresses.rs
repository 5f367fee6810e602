//! P1: no client address in any form, nor any user agent or secret of a URL, in any file, log, metric, answer, dump or
//! export, also after SIGKILL, an abort, bad requests and at trace level.

use passant_tests::canary::Search;
use passant_tests::{Passant, until};
use rustix::process::Signal;

use super::traffic::{RULES, Traffic};
use super::{allow_core_dumps, assert_none, everything, key_directory, talkative, working_directory};

/// How a server ends between two rounds of traffic.
#[derive(Debug)]
enum End {
    Killed,
    /// By a signal that makes a core file where nothing forbids it.
    Crashed(Signal),
    Stopped,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_is_written_anywhere_whatever_is_sent_and_however_it_ends() {
    let keys = key_directory();
    let limits = "events_per_second_per_prefix = 10\nbody_deadline_seconds = 1";
    let mut passant = Passant::with_site(talkative(keys.path(), limits));
    passant.cli_ok(RULES);
    let search = Search::new(&Traffic::secrets());
    allow_core_dumps();
    let mut events = 0;
    for end in [End::Killed, End::Crashed(Signal::ABORT), End::Crashed(Signal::QUIT), End::Stopped] {
        passant.run().await;
        open_visits_are_known(&passant).await;
        let mut traffic = Traffic::into_server(&mut passant);
        events += traffic.send().await;
        // Imported: the one good line of each round.
        events += 1;
        assert_none(&search.within("answers", &traffic.answers));
        match end {
            End::Killed => passant.kill().await,
            End::Crashed(by) => passant.crash(by).await,
            End::Stopped => passant.stop().await,
        }
        // Nothing runs now: what is on the disk is all there is.
        assert_none(&search.below(&working_directory(&passant)));
        assert_none(&search.below(keys.path()));
        assert_none(&search.within("log", passant.whole_log().as_bytes()));
    }
    passant.run().await;
    // The search proves something only if the events came all the way.
    passant.until_total("events", events).await;
    assert_none(&everything(&passant, keys.path(), &search).await);
}

async fn open_visits_are_known(passant: &Passant) {
    until("open visits are known", || async { passant.log().contains("shipper started").then_some(()) })
        .await;
}
