//! F11: the clock jumps by a day, midnight passes during a crash, clocks go forward or back, keys are rotated.
//!
//! Invariant: a visitor is one pseudonym for the whole of a site's own day, however long that day is, and another one
//! the next day; a visit that is open at midnight goes on; and whatever the clock did, what was acknowledged is shipped.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use passant_store::{Config, Endpoint, Statement, Store};
use passant_tests::{Oracle, Passant, Program, Settings, until};
use serde_json::json;

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
    /// What was open is known from the store alone.
    CrashOnceStored,
}

/// One page that the visitor sees.
struct Page {
    /// When (UTC).
    at: &'static str,
    before: Before,
    /// The pseudonym and the visit that it is expected under: equal numbers are one.
    visitor: u32,
    visit: u32,
}

const fn page(at: &'static str, before: Before, (visitor, visit): (u32, u32)) -> Page {
    Page { at, before, visitor, visit }
}

/// One visitor's day or two.
struct Story {
    title: &'static str,
    pages: &'static [Page],
}

const STORIES: &[Story] = &[
    Story {
        title: "the clock jumps a day ahead",
        pages: &[
            page("2026-11-20T09:00:00Z", Before::Nothing, (1, 1)),
            page("2026-11-20T21:00:00Z", Before::Nothing, (1, 2)),
            page("2026-11-21T09:00:00Z", Before::Nothing, (2, 3)),
        ],
    },
    Story {
        title: "a crash, and midnight before the next start",
        pages: &[
            page("2026-11-20T22:40:00Z", Before::Nothing, (1, 1)),
            page("2026-11-20T22:50:00Z", Before::Crash, (1, 1)),
            // Five past midnight in Berlin: another day's visitor, the same visit.
            page("2026-11-20T23:05:00Z", Before::CrashOnceStored, (2, 1)),
            page("2026-11-21T11:00:00Z", Before::Crash, (2, 2)),
        ],
    },
    Story {
        title: "the day of 25 hours",
        pages: &[
            page("2026-10-24T22:30:00Z", Before::Nothing, (1, 1)),
            // Half past two, twice.
            page("2026-10-25T00:30:00Z", Before::Nothing, (1, 2)),
            page("2026-10-25T01:30:00Z", Before::Nothing, (1, 3)),
            page("2026-10-25T22:30:00Z", Before::Crash, (1, 4)),
            page("2026-10-25T23:45:00Z", Before::Nothing, (2, 5)),
        ],
    },
    Story {
        title: "the day of 23 hours",
        pages: &[
            page("2027-03-27T23:30:00Z", Before::Nothing, (1, 1)),
            page("2027-03-28T01:30:00Z", Before::Nothing, (1, 2)),
            page("2027-03-28T21:15:00Z", Before::Crash, (1, 3)),
            page("2027-03-28T22:45:00Z", Before::Nothing, (2, 4)),
        ],
    },
    Story {
        title: "keys are rotated, and the clock jumps back",
        pages: &[
            page("2026-11-20T09:00:00Z", Before::Nothing, (1, 1)),
            page("2026-11-21T09:00:00Z", Before::Nothing, (2, 2)),
            page("2026-11-22T09:00:00Z", Before::Nothing, (3, 3)),
            // That day's key is gone for good: nobody can be recognised by it.
            page("2026-11-20T10:00:00Z", Before::Nothing, (4, 4)),
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
        passant.keep_all(SITE);
        set_clock(&passant, self.pages[0].at)?;
        passant.run().await;
        let oracle = Oracle::default();
        send(&oracle, &passant).await;
        for (number, Page { at, before, .. }) in self.pages.iter().enumerate() {
            if *before == Before::CrashOnceStored {
                until_stored(&passant).await;
            }
            if *before != Before::Nothing {
                passant.kill().await;
            }
            set_clock(&passant, at)?;
            if *before != Before::Nothing {
                passant.run().await;
            }
            // Keys are tended twice a minute, and whenever somebody looks.
            let age = passant.metric("passant_key_age_seconds").await;
            ensure!(age < 90_000.0, "at {at} the oldest key is {age} s old");
            let beacon = json!({"n": "pageview", "u": format!("https://{SITE}/{number}"), "d": SITE});
            let answer = passant.beacon(&beacon).await;
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
        self.judge(&stored(&passant).await?)?;
        Ok(acknowledged + self.pages.len() as u64)
    }

    fn judge(&self, found: &BTreeMap<usize, (u64, u64)>) -> Result<()> {
        ensure!(found.len() == self.pages.len(), "{} pages of {} are stored", found.len(), self.pages.len());
        for (one, page) in self.pages.iter().enumerate() {
            for (other, another) in self.pages.iter().enumerate() {
                let same = (found[&one].0 == found[&other].0, found[&one].1 == found[&other].1);
                let expected = (page.visitor == another.visitor, page.visit == another.visit);
                ensure!(
                    same == expected,
                    "{} and {}: the same visitor and visit is {same:?}, expected {expected:?}",
                    page.at,
                    another.at
                );
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

async fn until_stored(passant: &Passant) {
    let emptied = || async { (passant.metric("passant_spool_events").await == 0.0).then_some(()) };
    until("the spool is empty", emptied).await;
}

/// The visitor and the visit of each page, by the page's number. An export would join what midnight parts.
async fn stored(passant: &Passant) -> Result<BTreeMap<usize, (u64, u64)>> {
    until_stored(passant).await;
    let store = Store::new(&Endpoint::Socket(passant.data().join("engine.sock")), Config::default());
    let rows = Statement::new(
        "SELECT pathname, visitor_id, visit_id FROM events WHERE hostname = {host:String} AND name = 'pageview'",
    );
    let mut found = BTreeMap::new();
    for (path, visitor, visit) in store.fetch::<(String, u64, u64)>(&rows.param("host", SITE)).await? {
        let number = path.trim_start_matches('/').parse()?;
        ensure!(found.insert(number, (visitor, visit)).is_none(), "{path} is stored twice");
    }
    Ok(found)
}
