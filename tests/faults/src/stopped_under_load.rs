//! F15: the server is told to stop under load, as in every upgrade, and started again.
//!
//! Invariant: a request that was sent while the server still listened has an answer. How long it listens after SIGTERM
//! is the operator's setting; what is sent later finds no server, which is the balancer's matter.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_tests::{HttpClient, Oracle, Program, signal};
use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::scene::{CLIENTS, Scene};
use crate::{Rounds, Tally, slowest};

/// How long the server goes on listening.
const NOTICE: Duration = Duration::from_secs(2);
/// How long each client can rely on it, be it slow to write: a connection that is opened as the server stops listening
/// may wait in the kernel for an accept that never comes.
const RELIED_ON: Duration = NOTICE.saturating_sub(Duration::from_secs(1));
/// The time from the signal to the end.
const DRAINED: Duration = Duration::from_secs(10);

/// Stops it, once a round.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let config = format!("drain_notice_seconds = {}\n", NOTICE.as_secs());
        let mut scene = Scene::start(Program::Passant, &config).await;
        for round in rounds.numbers() {
            let told = Arc::new(OnceLock::new());
            let mut clients = JoinSet::new();
            for client in 0..CLIENTS {
                // Half of them open a connection for each event.
                let connections = if client % 2 == 0 { Connections::Kept } else { Connections::New };
                let client =
                    Client { oracle: scene.oracle.clone(), server: scene.passant.public(), connections };
                clients.spawn(client.send_until_gone(scene.passant.public_address(), told.clone()));
            }
            scene.until_acknowledged(100 + Rounds::scattered(round, 500)).await;
            let moment = Instant::now();
            let _ = told.set(moment);
            signal(scene.passant.pid(), Signal::TERM);
            let status = scene.passant.ended().await;
            let took = moment.elapsed();
            slowest::note("drained after SIGTERM", took);
            ensure!(status.success(), "round {round}: {status}");
            ensure!(took < DRAINED, "round {round}: drained only after {took:?}");
            let mut in_notice = 0;
            while let Some(ended) = clients.join_next().await {
                in_notice += ended??;
            }
            ensure!(in_notice > 0, "round {round}: nothing was sent while it drained");
            scene.passant.run().await;
        }
        scene.verified(rounds.count).await
    }
    .boxed()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connections {
    Kept,
    New,
}

struct Client {
    oracle: Oracle,
    server: HttpClient,
    connections: Connections,
}

impl Client {
    /// Sends one event after the other until there is no answer; how many were answered after the signal.
    async fn send_until_gone(
        mut self,
        address: std::net::SocketAddr,
        told: Arc<OnceLock<Instant>>,
    ) -> Result<u64> {
        let mut in_notice = 0;
        loop {
            if self.connections == Connections::New {
                self.server = HttpClient::new(address);
            }
            let sent = Instant::now();
            if self.oracle.send(&self.server, 0).await {
                in_notice += u64::from(told.get().is_some());
                continue;
            }
            let since = told.get().map(|told| sent.saturating_duration_since(*told));
            ensure!(
                since.is_some_and(|since| since >= RELIED_ON),
                "no answer to an event that was sent {since:?} after the signal, while the server listened"
            );
            return Ok(in_notice);
        }
    }
}
