//! F11: the clock jumps by a day, midnight passes during a crash, clocks go forward or back, keys are rotated.
//!
//! Invariant: a visitor is one pseudonym for the whole of a site's own day, however long that day is, and another one
//! the next day; and whatever the clock did, what was acknowledged is shipped.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use passant_tests::{Oracle, Passant, Program, Settings, until};
use serde_json::{Value, json};

use crate::{Rounds, Tally};

/// The site that is visited at odd times; its day is Berlin's.
const SITE: &str = "clock.example";
/// Events of the oracle before and after.
const EVENTS: usize = 30;

/// What happens before a visit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Crash,
}

/// One visitor's day or two.
struct Story {
    title: &'static str,
    /// When the visitor comes (UTC), what happens before, and which pseudonym is expected: equal numbers are one.
    visits: &'static [(&'static str, Before, u32)],
}

const STORIES: &[Story] = &[
    Story {
        title: "the clock jumps a day ahead",
        visits: &[
            ("2026-11-20T09:00:00Z", Before::Nothing, 1),
            ("2026-11-20T21:00:00Z", Before::Nothing, 1),
            ("2026-11-21T09:00:00Z", Before::Nothing, 2),
        ],
    },
    Story {
        title: "a crash, and midnight before the next start",
        visits: &[
            ("2026-11-20T22:40:00Z", Before::Nothing, 1),
            // Ten past midnight in Berlin: the visit goes on.
            ("2026-11-20T23:05:00Z", Before::Crash, 1),
            ("2026-11-21T11:00:00Z", Before::Crash, 2),
        ],
    },
    Story {
        title: "the day of 25 hours",
        visits: &[
            ("2026-10-24T22:30:00Z", Before::Nothing, 1),
            // Half past two, twice.
            ("2026-10-25T00:30:00Z", Before::Nothing, 1),
            ("2026-10-25T01:30:00Z", Before::Nothing, 1),
            ("2026-10-25T22:30:00Z", Before::Crash, 1),
            ("2026-10-25T23:45:00Z", Before::Nothing, 2),
        ],
    },
    Story {
        title: "the day of 23 hours",
        visits: &[
            ("2027-03-27T23:30:00Z", Before::Nothing, 1),
            ("2027-03-28T01:30:00Z", Before::Nothing, 1),
            ("2027-03-28T21:15:00Z", Before::Crash, 1),
            ("2027-03-28T22:45:00Z", Before::Nothing, 2),
        ],
    },
    Story {
        title: "keys are rotated, and the clock jumps back",
        visits: &[
            ("2026-11-20T09:00:00Z", Before::Nothing, 1),
            ("2026-11-21T09:00:00Z", Before::Nothing, 2),
            ("2026-11-22T09:00:00Z", Before::Nothing, 3),
            // That day's key is gone for good: nobody can be recognised by it.
            ("2026-11-20T10:00:00Z", Before::Nothing, 4),
        ],
    },
];

/// Lives through a story, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            let story = &STORIES[round as usize % STORIES.len()];
            tally.acknowledged += story.live().await.context(story.title)?;
            tally.rounds += 1;
        }
        Ok(tally)
    }
    .boxed()
}

impl Story {
    async fn live(&self) -> Result<u64> {
        let config = "[spool]\nseal_after_seconds = 0.1\n".to_owned();
        let settings = Settings { config, program: Program::FailPoints, ..Settings::default() };
        let mut passant = Passant::with_site(settings);
        passant.cli_ok(&["site", "add", SITE, "--timezone", "Europe/Berlin"]);
        set_clock(&passant, self.visits[0].0)?;
        passant.run().await;
        let oracle = Oracle::default();
        send(&oracle, &passant).await;
        for (number, (at, before, _)) in self.visits.iter().enumerate() {
            if *before == Before::Crash {
                passant.kill().await;
            }
            set_clock(&passant, at)?;
            if *before == Before::Crash {
                passant.run().await;
            }
            // Keys are tended twice a minute, and whenever somebody looks.
            let age = passant.metric("passant_key_age_seconds").await;
            ensure!(age < 90_000.0, "at {at} the oldest key is {age} s old");
            let page = json!({"n": "pageview", "u": format!("https://{SITE}/{number}"), "d": SITE});
            let answer = passant.beacon(&page).await;
            ensure!(
                answer.status == 202 && answer.header("x-passant-discarded").is_empty(),
                "{}",
                answer.text()
            );
        }
        // Back to now, from whenever that was: what is timed must not wait for the old time to come again.
        passant.plan_faults(&json!({}));
        send(&oracle, &passant).await;
        let acknowledged = oracle.check(&passant).await?;
        self.judge(&pseudonyms(&passant).await?)?;
        Ok(acknowledged + self.visits.len() as u64)
    }

    fn judge(&self, found: &BTreeMap<usize, String>) -> Result<()> {
        ensure!(
            found.len() == self.visits.len(),
            "{} visits of {} are stored",
            found.len(),
            self.visits.len()
        );
        for (one, (at, _, expected)) in self.visits.iter().enumerate() {
            for (other, (then, _, another)) in self.visits.iter().enumerate() {
                let same = found[&one] == found[&other];
                ensure!(same == (expected == another), "{at} and {then}: the same visitor is {same}");
            }
        }
        Ok(())
    }
}

async fn send(oracle: &Oracle, passant: &Passant) {
    let server = passant.public();
    for visitor in 0..EVENTS {
        oracle.send(&server, visitor).await;
    }
}

/// Makes the server believe that it is that time, from now on.
fn set_clock(passant: &Passant, at: &str) -> Result<()> {
    let at: Timestamp = at.parse()?;
    let offset = at.as_second() - Timestamp::now().as_second();
    passant.plan_faults(&json!({"clock_offset_seconds": offset}));
    Ok(())
}

/// The visitor of each page, by the page's number.
async fn pseudonyms(passant: &Passant) -> Result<BTreeMap<usize, String>> {
    until("the spool is empty", || async {
        (passant.metric("passant_spool_events").await == 0.0).then_some(())
    })
    .await;
    let export = passant.cli_ok(&["export", "--site", SITE, "--format", "events"]);
    let mut found = BTreeMap::new();
    for line in export.lines() {
        let event: Value = serde_json::from_str(line)?;
        let path = event["pathname"].as_str().context("a path")?;
        let visitor = event["visitor"].as_str().context("a visitor")?.to_owned();
        ensure!(
            found.insert(path.trim_start_matches('/').parse()?, visitor).is_none(),
            "{path} is stored twice"
        );
    }
    Ok(found)
}
