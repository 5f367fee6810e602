//! F19: a spool that another version wrote, older or newer.
//!
//! Invariant: it is read, or the start is refused and says why; no file is ever deleted or changed unread. The fixtures
//! were written by the version that they name and are never regenerated, only added to (see their README).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Passant, Settings};
use serde_json::json;

use crate::refusal::{ensure_says, refusal};
use crate::{Rounds, Tally};

/// What must become of a fixture.
enum Expected {
    /// Its events are in the reports: pageviews, visitors.
    Read { pageviews: u64, visitors: u64 },
    /// The start is refused with these words.
    Refused(&'static [&'static str]),
    /// The server starts and leaves the files alone.
    LeftAlone,
}

/// The folders of `tests/fixtures/spool`.
const FIXTURES: &[(&str, Expected)] = &[
    ("segment-1-record-1", Expected::Read { pageviews: 3, visitors: 2 }),
    ("segment-1-record-1-left-open", Expected::Read { pageviews: 3, visitors: 2 }),
    ("newer-segment", Expected::Refused(&["format version 2", "expected at most 1"])),
    ("newer-record", Expected::Refused(&["event record of version 250", "run the passant that wrote it"])),
    ("unknown-files", Expected::LeftAlone),
];

/// How many there are.
pub(crate) const COUNT: u32 = FIXTURES.len() as u32;

/// Starts a server on a fixture, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            let (name, expected) = &FIXTURES[(round % COUNT) as usize];
            tally.acknowledged += start_on(name, expected).await.context(*name)?;
            tally.rounds += 1;
        }
        Ok(tally)
    }
    .boxed()
}

async fn start_on(name: &str, expected: &Expected) -> Result<u64> {
    let mut passant = Passant::with_site(Settings::default());
    let spool = passant.data().join("spool");
    fs::create_dir(&spool)?;
    let fixture = content(&folder().join(name))?;
    for (name, bytes) in &fixture {
        fs::write(spool.join(name), bytes)?;
    }
    match expected {
        Expected::Read { pageviews, visitors } => {
            passant.run().await;
            passant.until_total("pageviews", *pageviews).await;
            passant.until_total("visitors", *visitors).await;
            Ok(*pageviews)
        }
        Expected::Refused(words) => {
            // As often as somebody tries.
            for _ in 0..2 {
                ensure_says(&refusal(&passant, &passant.data()).await?, words)?;
                ensure!(kept(&spool, &fixture)?, "a spool that was refused is not as it was");
            }
            Ok(0)
        }
        Expected::LeftAlone => {
            passant.run().await;
            let page = json!({"n": "pageview", "u": "https://example.com/", "d": "example.com"});
            ensure!(passant.beacon(&page).await.status == 202, "beacons are not taken");
            passant.until_total("pageviews", 1).await;
            ensure!(kept(&spool, &fixture)?, "a file that is not ours is not as it was");
            Ok(1)
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/spool")
}

fn content(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let files = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    files
        .map(|file| {
            let file = file?;
            Ok((file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?))
        })
        .collect()
}

fn kept(spool: &Path, fixture: &BTreeMap<String, Vec<u8>>) -> Result<bool> {
    let now = content(spool)?;
    Ok(fixture.iter().all(|(name, bytes)| now.get(name) == Some(bytes)))
}
