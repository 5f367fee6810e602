//! F9: the power goes: what was not synced is kept, lost, torn or replaced by junk, pages and directory entries alike.
//!
//! Invariant: each round is one life of a spool on the model of a disk, with crashes at operations that its number
//! decides, and the spool's own oracle judges it. A machine that loses its power cannot be had a thousand times.

use anyhow::{Result, anyhow};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_spool::Config;
use passant_spool::model::{Action, Loss, Oracle};

use crate::{Rounds, Tally};

/// Actions of a life; a crash comes every few of them.
const ACTIONS: u64 = 40;
/// Room that is never short: a full disk is another fault.
const DISK_BYTES: usize = 1 << 30;

/// Lives so many lives.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        // The oracle has a runtime of its own, and panics when the promise is broken.
        let lives = tokio::task::spawn_blocking(move || {
            let mut tally = Tally::default();
            for round in rounds.numbers() {
                tally.acknowledged += Oracle::check(u64::from(round), DISK_BYTES, config(), &life(round));
                tally.rounds += 1;
            }
            tally
        });
        lives.await.map_err(|stopped| {
            let panic = stopped.into_panic();
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            anyhow!("rounds from {}: {}", rounds.first, words.unwrap_or_default())
        })
    }
    .boxed()
}

/// Small enough that segments fill and roll within a life.
fn config() -> Config {
    Config {
        segment_bytes: 8 << 10,
        seal_after_events: 20,
        commit_delay_milliseconds: 0,
        seal_after_seconds: 3600.0,
        reserve_bytes: 0,
        ..Config::default()
    }
}

fn life(round: u32) -> Vec<Action> {
    let mut state = Rounds::scattered(round, u64::MAX);
    // Marsaglia's xorshift64: a life is nothing but its round's number.
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % below
    };
    let mut actions = Vec::new();
    for _ in 0..ACTIONS {
        let action = draw(20);
        let lengths: Vec<usize> = (0..=draw(4)).map(|_| draw(900) as usize).collect();
        let loss = if draw(4) == 0 { Loss::Process } else { Loss::Power };
        actions.push(match action {
            0..7 => Action::Append(lengths),
            7..10 => Action::AppendAll(lengths),
            10..12 => Action::Seal,
            12..15 => Action::Ship(lengths.len()),
            15..18 => Action::CrashAfter(draw(12) as u32, loss),
            18 => Action::Crash(loss),
            _ => Action::CrashTwice(loss, draw(6) as u32),
        });
    }
    actions
}
