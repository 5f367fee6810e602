//! P3: with the whole disk, every configured secret, and the visitor's address and user agent, yesterday's id cannot be
//! recomputed.
//!
//! The attacker knows the scheme, for it is published: only the key is missing. Every 32 bytes of everything that is
//! left are tried as the key, and each secret is tried the ways in which other products make theirs.

use jiff::{SignedDuration, Timestamp};
use passant_ingest::DayKeys;
use passant_tests::canary::files;
use passant_tests::{FIREFOX, Passant};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{engine_says, key_directory, stored, talkative, working_directory};

/// What a visitor is hashed from, as the documentation of the pseudonym says; written anew here, from the text.
fn message(site_id: u32, prefix: [u8; 4]) -> Vec<u8> {
    let site_id = site_id.to_le_bytes();
    let fields: [&[u8]; 6] = [&site_id, &prefix, b"Firefox", b"145", b"GNU/Linux", b"Desktop"];
    fields.iter().flat_map(|field| [&(field.len() as u64).to_le_bytes(), *field].concat()).collect()
}

/// The id under a key.
fn id(key: &[u8; 32], message: &[u8]) -> u64 {
    first_word(blake3::keyed_hash(key, message).as_bytes())
}

fn first_word(digest: &[u8; 32]) -> u64 {
    u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
}

/// An attacker with all that is left.
struct Attacker {
    /// Files, tables, logs.
    material: Vec<(String, Vec<u8>)>,
    /// Tokens, settings, names, dates.
    secrets: Vec<String>,
    message: Vec<u8>,
}

impl Attacker {
    /// How the id can be made from what there is, if it can.
    fn recompute(&self, target: u64) -> Option<String> {
        self.with_a_window(target).or_else(|| self.with_a_secret(target))
    }

    fn with_a_window(&self, target: u64) -> Option<String> {
        for (place, content) in &self.material {
            for (at, window) in content.windows(32).enumerate() {
                // The blank key is tried below; long runs of zeros need not be tried a million times.
                if window[0] == window[31] && window.iter().all(|byte| *byte == window[0]) {
                    continue;
                }
                let key = window.try_into().expect("32 bytes");
                if id(key, &self.message) == target {
                    return Some(format!("key in {place} at {at}"));
                }
            }
        }
        None
    }

    fn with_a_secret(&self, target: u64) -> Option<String> {
        let dates = self.secrets.iter().map(String::as_str).chain([""]);
        for secret in self.secrets.iter().map(String::as_str).chain([""]) {
            for date in dates.clone() {
                let salted = format!("{secret}{date}");
                let mut padded = [0; 32];
                padded.iter_mut().zip(salted.bytes()).for_each(|(to, from)| *to = from);
                let keys = [
                    padded,
                    *blake3::hash(salted.as_bytes()).as_bytes(),
                    blake3::derive_key(secret, date.as_bytes()),
                    *blake3::keyed_hash(&padded, date.as_bytes()).as_bytes(),
                    Sha256::digest(&salted).into(),
                ];
                let unkeyed = [salted.as_bytes(), &self.message].concat();
                let digests = [*blake3::hash(&unkeyed).as_bytes(), Sha256::digest(&unkeyed).into()];
                let found = keys.iter().any(|key| id(key, &self.message) == target)
                    || digests.iter().any(|digest| first_word(digest) == target);
                if found {
                    return Some(format!("from the secret {salted:?}"));
                }
            }
        }
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_yesterday_cannot_be_recomputed_from_all_that_is_left() {
    let keys = key_directory();
    let mut passant = Passant::with_site(talkative(keys.path(), ""));
    passant.run().await;
    let token = passant.token();
    let beacon = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
    let visitor = [("x-forwarded-for", "91.198.174.192"), ("user-agent", FIREFOX)];
    assert_eq!(passant.beacon_with(&beacon, &visitor).await.status, 202);
    passant.until_total("events", 1).await;
    let row = engine_says(&passant, "SELECT site_id, visitor_id FROM passant.events FORMAT TSV").await;
    let row = String::from_utf8(row).unwrap();
    let (site_id, target) = row.trim().split_once('\t').unwrap();
    let (site_id, target): (u32, u64) = (site_id.parse().unwrap(), target.parse().unwrap());
    let tables = stored(&passant).await;
    passant.stop().await;

    let today = Timestamp::now();
    let mut attacker = Attacker {
        material: tables,
        secrets: vec![token, "example.com".into(), "1".into(), "salt".into(), "secret".into()],
        message: message(site_id, [91, 198, 174, 0]),
    };
    for days in -1..=1 {
        attacker
            .secrets
            .push((today + SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string());
    }
    let config = std::fs::read_to_string(passant.file("passant.toml")).unwrap();
    attacker.secrets.extend(config.split(['"', '\n', ' ']).filter(|word| word.len() > 3).map(str::to_owned));
    let read = |directory: &std::path::Path| {
        let files = files(directory).into_iter();
        files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect::<Vec<_>>()
    };
    attacker.material.extend(read(&working_directory(&passant)));
    attacker.material.push(("log".into(), passant.whole_log().into_bytes()));

    // While the day lasts, its key is in memory, and with it the attack succeeds: the attacker can do what he claims.
    let living =
        Attacker { material: read(keys.path()), secrets: Vec::new(), message: attacker.message.clone() };
    let found = living.recompute(target).expect("the living key gives the id");
    assert!(found.contains(".key"), "{found}");

    // The day ends: what the server does every few seconds, with a clock that has gone on.
    let two_days_on = today + SignedDuration::from_hours(50);
    assert!(DayKeys::open(keys.path(), two_days_on).is_empty(), "the key is retired");
    attacker.material.extend(read(keys.path()));
    let tried: usize = attacker.material.iter().map(|(_, content)| content.len()).sum();
    assert!(tried > 20_000, "the disk was read: {tried} bytes");
    assert_eq!(attacker.recompute(target), None);
}
