//! P8: of queries and fragments only `utm_*`, `source` and `ref` stay; click ids count as present and no more.

use passant_tests::Passant;
use passant_tests::canary::{Canary, Search};
use serde_json::{Value, json};

use super::{assert_none, everything, key_directory, talkative};

const CLICK_IDS: [&str; 12] = [
    "gclid",
    "fbclid",
    "msclkid",
    "twclid",
    "ttclid",
    "li_fat_id",
    "gbraid",
    "wbraid",
    "dclid",
    "yclid",
    "mc_eid",
    "_hsenc",
];

#[tokio::test(flavor = "multi_thread")]
async fn queries_fragments_and_click_ids_never_reach_a_byte_of_the_store() {
    let keys = key_directory();
    let mut passant = Passant::start_with(talkative(keys.path(), "")).await;
    let secrets: Vec<String> = (0..40).map(|n| format!("CanarySecret{n:02}x7b")).collect();
    let mut fresh = secrets.iter();
    let mut secret = || fresh.next().expect("enough of them").as_str();
    let mut urls: Vec<String> =
        CLICK_IDS.iter().map(|id| format!("https://example.com/?{id}={}", secret())).collect();
    urls.extend([
        format!(
            "https://example.com/a?token={}&utm_source=keptsource&session={}#{}",
            secret(),
            secret(),
            secret()
        ),
        format!("https://example.com/b#/route?access_token={}", secret()),
        format!("https://example.com/c?utm_source=keptsource;jsessionid={}", secret()).replace(';', "&"),
        format!("https://example.com/d?UTM_SOURCE={}&utm_id={}&ref=keptref", secret(), secret()),
        format!("https://example.com/e?q={}&source=keptother", secret()),
        format!("https://{}:{}@example.com/f", secret(), secret()),
        format!("https://example.com/g?{}", secret()),
        format!("https://example.com/h?a[]={}&%75tm_extra={}", secret(), secret()),
    ]);
    for (n, url) in urls.iter().enumerate() {
        let referrer = format!("https://search.example/find?q={}#{}", secrets[38], secrets[39]);
        let mut beacon = json!({"n": "pageview", "u": url, "d": "example.com", "r": referrer});
        // In hash mode the fragment is a part of the path, but its query never is.
        if n == CLICK_IDS.len() + 1 {
            beacon["h"] = json!(1);
        }
        // Each from another visitor, for a visit's campaign is that of its first event.
        let visitor = format!("11.7.{n}.9");
        let answer = passant.beacon_with(&beacon, &[("x-forwarded-for", &visitor)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-passant-discarded")), (202, ""), "{url}");
    }
    passant.until_total("events", urls.len() as u64).await;
    let canaries: Vec<_> = secrets.iter().map(|word| Canary::word(word, word)).collect();
    let search = Search::new(&canaries);
    assert_none(&everything(&passant, keys.path(), &search).await);
    passant.stop().await;
    assert_none(&search.below(&super::working_directory(&passant)));

    // What may stay has stayed: the events did come through.
    let export = passant.cli_ok(&["export", "--site", "example.com", "--format", "events"]);
    let records: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for kept in ["keptsource", "keptref", "keptother"] {
        assert!(records.iter().any(|record| record.to_string().contains(kept)), "{kept}: {export}");
    }
    let present = |id: &str| records.iter().any(|record| record["click_id"] == id);
    assert!(present("gclid") && present("fbclid") && present("msclkid"), "{export}");
}
