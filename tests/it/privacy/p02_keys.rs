//! P2: the bytes of the keys of the day are on no persistent file, in no log and in no answer.

use passant_tests::Passant;
use passant_tests::canary::{Canary, Search, files};
use rustix::process::Signal;
use serde_json::json;

use super::{allow_core_dumps, assert_none, everything, key_directory, talkative, working_directory};

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_the_day_are_on_no_disk_in_no_log_and_in_no_answer() {
    allow_core_dumps();
    let keys = key_directory();
    let mut passant = Passant::with_site(talkative(keys.path(), ""));
    passant.cli_ok(&["site", "add", "other.example", "--timezone", "Pacific/Auckland"]);
    passant.run().await;
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com,other.example"});
    let answer = passant.beacon(&beacon).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-passant-discarded")), (202, ""));
    let canaries = keys_of_the_day(keys.path());
    assert_eq!(canaries.len(), 2, "one for each site");
    let search = Search::new(&canaries);
    assert_eq!(search.below(keys.path()).len(), 2, "the search finds each key where it lives");
    passant.until_total("events", 1).await;
    // In no file and no answer while it runs, after a crash, and after an orderly end.
    let elsewhere = tempfile::tempdir().unwrap();
    assert_none(&everything(&passant, elsewhere.path(), &search).await);
    passant.crash(Signal::ABORT).await;
    assert_none(&search.below(&working_directory(&passant)));
    passant.run().await;
    passant.beacon(&beacon).await;
    passant.until_total("events", 2).await;
    assert_none(&everything(&passant, elsewhere.path(), &search).await);
    passant.stop().await;
    assert_none(&search.below(&working_directory(&passant)));
    assert_none(&search.within("log", passant.whole_log().as_bytes()));
}

/// The first 32 bytes of each key file.
pub(crate) fn keys_of_the_day(directory: &std::path::Path) -> Vec<Canary> {
    let contents = files(directory).into_iter().map(|file| std::fs::read(file).expect("a key"));
    contents.enumerate().map(|(n, content)| Canary::bytes(&format!("key {n}"), &content[..32])).collect()
}
