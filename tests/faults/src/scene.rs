//! A server, the events that were sent to it, and what is kept of times: what the faults of processes have in common.
//!
//! Invariant: no round of a scene counts before [`Scene::verified`] has found every acknowledged event.

use std::time::Duration;

use anyhow::Result;
use passant_tests::{Load, Oracle, Passant, Program, Settings, until};

use crate::Tally;

/// Clients that send one event after the other.
pub(crate) const CLIENTS: usize = 16;

/// One server and its oracle.
pub(crate) struct Scene {
    pub(crate) passant: Passant,
    pub(crate) oracle: Oracle,
}

impl Scene {
    /// A server that makes many small batches: more moments at which to be struck.
    pub(crate) async fn start(program: Program, more_config: &str) -> Self {
        let config = format!("{more_config}[spool]\nseal_after_seconds = 0.1\n");
        let passant = Passant::start_with(Settings { config, program, ..Settings::default() }).await;
        Self { passant, oracle: Oracle::default() }
    }

    /// Clients that send until they are stopped or their server is gone.
    pub(crate) fn load(&self) -> Load {
        self.oracle.load(&self.passant.public(), CLIENTS)
    }

    /// Waits until so many more events are acknowledged.
    pub(crate) async fn until_acknowledged(&self, more: u64) {
        let target = self.oracle.acknowledged() + more as usize;
        until("events are acknowledged", || {
            std::future::ready((self.oracle.acknowledged() >= target).then_some(()))
        })
        .await;
    }

    /// Waits until another batch is in the store.
    pub(crate) async fn until_shipped(&self) {
        let shipped = || self.passant.metric("passant_ship_batches_total{result=\"shipped\"}");
        let before = shipped().await;
        until("a batch is shipped", || async { (shipped().await > before).then_some(()) }).await;
    }

    /// Holds the store against what was answered, and counts the rounds.
    pub(crate) async fn verified(&self, rounds: u32) -> Result<Tally> {
        Ok(Tally { rounds, acknowledged: self.oracle.check(&self.passant).await? })
    }
}

/// Lets a moment pass that a round's number decides: here it is the moment itself that is tried.
pub(crate) async fn pass(moment: Duration) {
    tokio::time::sleep(moment).await;
}
