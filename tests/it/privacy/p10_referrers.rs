//! P10: the referrer is stored as a domain, and as host and path only where the site opted in; never more.

use passant_tests::canary::{Canary, Search};
use passant_tests::{Passant, until};
use serde_json::json;

use super::{assert_none, everything, key_directory, stored, talkative};

const REFERRER: &str = "https://jane:CanaryRefPass@forum.refhost.example:8443/canaryrefpath/thread?id=CanaryRefQuery#CanaryRefFragment";

#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_is_a_domain_unless_the_site_asked_for_its_path() {
    let keys = key_directory();
    let mut passant = Passant::start_with(talkative(keys.path(), "")).await;
    let beacon = |domain: &str| json!({"n": "pageview", "u": format!("https://{domain}/"), "d": domain, "r": REFERRER});
    assert_eq!(passant.beacon(&beacon("example.com")).await.status, 202);
    passant.until_total("events", 1).await;
    let path = Canary::word("path", "canaryrefpath");
    let never: Vec<_> = ["CanaryRefPass", "CanaryRefQuery", "CanaryRefFragment", "jane:"]
        .map(|word| Canary::word(word, word))
        .to_vec();
    let search = Search::new(&[vec![path.clone()], never.clone()].concat());
    assert_none(&everything(&passant, keys.path(), &search).await);
    let export = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    assert!(export.contains("\"referrer\":\"forum.refhost.example\""), "{export}");

    // At once: a visit keeps what was allowed at its first event.
    passant.cli_ok(&["site", "add", "open.example", "--referrer", "page"]);
    let opted_in = Search::new(&[path]);
    // The running server learns of the site by itself.
    until("the path is stored", || async {
        passant.beacon(&beacon("open.example")).await;
        let found = stored(&passant).await;
        found.iter().any(|(place, rows)| !opted_in.within(place, rows).is_empty()).then_some(())
    })
    .await;
    assert_none(&everything(&passant, keys.path(), &Search::new(&never)).await);
    let export = passant.cli_ok(&["export", "--site", "open.example", "--format", "events"]);
    assert!(export.contains("\"referrer\":\"forum.refhost.example/canaryrefpath/thread\""), "{export}");
}
