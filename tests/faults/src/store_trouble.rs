//! F5: the store is slow, refuses, or breaks the connection before, during or after the commit.
//!
//! Invariant: a server on a store by URL, with [`StoreProxy`] in between; each round one kind of trouble strikes one to
//! three inserts running. Tries come no faster than the backoff allows, and what is unclear is asked of the store.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{Oracle, Passant, Settings, TestEngine, until};

use crate::store_proxy::{StoreProxy, Trouble};
use crate::{Rounds, Tally};

/// Clients that send all the while.
const CLIENTS: usize = 8;
/// The first wait after a failure, in milliseconds; each further one is twice as long. Half of it is the least that
/// the jitter leaves.
const BACKOFF_MILLISECONDS: u64 = 100;

/// Troubles the store of one server, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let engine = TestEngine::start().await;
        let proxy = StoreProxy::start(engine.socket()).await?;
        let config = format!("[store]\nurl = \"{}\"\n[spool]\nseal_after_seconds = 0.1\n", proxy.url());
        let passant = Passant::start_with(Settings { config, ..Settings::default() }).await;
        let oracle = Oracle::default();
        let load = oracle.load(&passant.public(), CLIENTS);
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            trouble(round, &passant, &proxy).await?;
            tally.rounds += 1;
        }
        load.stop().await;
        tally.acknowledged = oracle.check(&passant).await?;
        Ok(tally)
    }
    .boxed()
}

async fn trouble(round: u32, passant: &Passant, proxy: &StoreProxy) -> Result<()> {
    let trouble = Trouble::ALL[round as usize % Trouble::ALL.len()];
    let times = match trouble {
        // The next try after it finds the rows, and inserts nothing.
        Trouble::Slow | Trouble::CutAfter | Trouble::CutWhileRunning => 1,
        _ => 1 + round / Trouble::ALL.len() as u32 % 3,
    };
    let action = match trouble {
        Trouble::Slow => None,
        Trouble::CutAfter | Trouble::CutWhileRunning => Some("skipped"),
        _ => Some("inserted"),
    };
    let reconciled = || async {
        let Some(action) = action else { return 0.0 };
        passant.metric(&format!("passant_ship_reconciled_total{{action=\"{action}\"}}")).await
    };
    let shipped = "passant_ship_batches_total{result=\"shipped\"}";
    let before = reconciled().await;
    proxy.strike(trouble, times);
    until("the trouble strikes", || std::future::ready(proxy.has_struck().then_some(()))).await;
    let so_far = passant.metric(shipped).await;
    until("batches are shipped again", || async { (passant.metric(shipped).await > so_far).then_some(()) })
        .await;
    let Some(action) = action else { return Ok(()) };
    let after = reconciled().await;
    ensure!(
        after > before,
        "{trouble:?}: the store was never asked about the batch ({action} stays {after})"
    );
    let tries = until("an insert comes through", || std::future::ready(proxy.after_trouble())).await;
    waits_grow(trouble, &tries)
}

/// No try comes sooner than the jitter allows. Of a batch that was stored after all, the next insert is another one.
fn waits_grow(trouble: Trouble, tries: &[Instant]) -> Result<()> {
    for (attempt, pair) in tries.windows(2).enumerate() {
        let waited = pair[1].duration_since(pair[0]).as_millis() as u64;
        let least = (BACKOFF_MILLISECONDS << attempt) / 2;
        ensure!(
            waited >= least,
            "{trouble:?}: try {attempt} was followed by another after {waited} ms, not {least}"
        );
    }
    Ok(())
}
