//! Drives the real `passant` binary: start it, beacon it, ask it, kill it.
//!
//! Every [`Passant`] has a data directory of its own and ports that the kernel gave it, so that tests run side by
//! side. Nothing here sleeps for a fixed time to let something happen: [`until`] polls a condition with a deadline.

pub mod canary;
mod engine;
mod http_client;
mod oracle;
mod passant;
pub mod postgres;

pub use engine::TestEngine;
pub use http_client::{Answer, HttpClient};
pub use oracle::{Load, Oracle};
pub use passant::{
    FIREFOX, Passant, Program, Settings, binary, binary_directory, has_ended, keep_logs_in, run_binaries_of,
    signal,
};
pub use postgres::PostgresServer;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// The patience of [`until`]: far more than anything takes, so that only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An address to listen on, for what has to be told one: a loopback address that nobody else is given, so that its port,
/// which was free a moment ago, still is.
///
/// # Panics
/// When there is no port.
pub fn free_address() -> SocketAddr {
    static NUMBER: AtomicU8 = AtomicU8::new(0);
    let [_, _, third, fourth] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, NUMBER.fetch_add(1, Ordering::Relaxed) | 0x80, third, fourth);
    TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr()).expect("a port")
}

/// Polls `condition` until it gives a value.
///
/// # Panics
/// After [`PATIENCE`], naming what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
