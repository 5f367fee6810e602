//! One listener: accept, bound, serve, drain. What is served is the caller's.
//!
//! Invariant: nobody can hold more than their share. Connections are bounded in all and for each address prefix, a
//! request's head and an idle connection have a deadline (hyper's needs a timer), so has a client that does not read
//! its answers, and a full descriptor table makes us wait, not spin. The last descriptors are not for connections: what
//! is acknowledged needs a file to lie in.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use passant_ingest::{AddressPrefix, ClientAddress, PrefixBits};
use prometheus::{IntCounter, IntGauge};
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::coarse_timer::{CoarseTimer, kept_awake};

/// Bounds of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) connections: usize,
    /// Connections of one address prefix.
    pub(crate) connections_per_prefix: usize,
    /// Proxies, behind which all visitors stand: only the bound on all connections holds for them.
    pub(crate) proxies: Vec<IpNet>,
    /// Whole head, and idling.
    pub(crate) header_deadline: Duration,
    /// Descriptors that connections leave to files, so that the spool can go on when connections fill the table.
    pub(crate) spared_descriptors: u64,
    /// Requests in flight when the listener closes.
    pub(crate) drain_deadline: Duration,
}

/// Numbers of a listener.
#[derive(Clone)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: IntGauge,
    pub(crate) serving: IntGauge,
    pub(crate) refused: IntCounter,
    pub(crate) accept_errors: IntCounter,
}

/// How much of a peer's address a share of the connections belongs to.
const SHARE_BITS: PrefixBits = PrefixBits { ipv4: 24, ipv6: 48 };
/// Largest head of a request.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;
/// After EMFILE and the like: long enough for others to close, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    limits: Limits,
    metrics: ConnectionMetrics,
    shares: Shares,
}

/// Open connections of each prefix.
#[derive(Clone)]
struct Shares(Arc<Mutex<HashMap<AddressPrefix, usize>>>);

/// One connection's place in the counts, given back when it ends.
struct Place {
    shares: Shares,
    prefix: AddressPrefix,
    open: IntGauge,
}

/// A request that is being answered.
struct Serving(IntGauge);

/// What the operator knows of a listener that cannot accept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Told,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(crate) fn bind(address: SocketAddr, limits: Limits, metrics: ConnectionMetrics) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM.nonblocking().cloexec(),
            None,
        )?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        let listener = TcpListener::from_std(socket.into())?;
        Ok(Self { listener, limits, metrics, shares: Shares(Arc::default()) })
    }

    /// The address that was bound; a port 0 has become a real one.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The connections that are open, as the metrics show them.
    pub(crate) fn connections(&self) -> IntGauge {
        self.metrics.open.clone()
    }

    /// Serves until `stop`, then finishes the requests in flight.
    ///
    /// A service that answers with an error breaks the connection.
    pub(crate) async fn run<S, F, B, E>(self, service: S, stop: CancellationToken)
    where
        S: Fn(SocketAddr, Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut builder = http1::Builder::new();
        builder
            .timer(CoarseTimer)
            .header_read_timeout(self.limits.header_deadline)
            .max_buf_size(HEAD_LIMIT_BYTES)
            // Without `pipeline_flush`: it keeps answers in memory for as long as a client goes on asking.
            .half_close(false);
        let graceful = GracefulShutdown::new();
        let mut trouble = Trouble::None;
        loop {
            let (stream, peer) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        trouble = self.pause_after(&error, trouble).await;
                        continue;
                    }
                },
                () = stop.cancelled() => break,
            };
            trouble = Trouble::None;
            let place = if self.leaves_descriptors(&stream) { self.place(peer) } else { None };
            let Some(place) = place else {
                self.metrics.refused.inc();
                continue;
            };
            let service = service.clone();
            let serving = self.metrics.serving.clone();
            let answer = service_fn(move |request| {
                let answer = service(peer, request);
                let serving = Serving::start(serving.clone());
                async move {
                    let answer = answer.await;
                    drop(serving);
                    answer
                }
            });
            let header_deadline = self.limits.header_deadline;
            let stream = prepared(stream, header_deadline);
            let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), answer));
            tokio::spawn(async move {
                // A client that goes away or breaks the protocol is its own affair; the request's route counts it.
                let _ = kept_awake(connection, header_deadline).await;
                drop(place);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(self.limits.drain_deadline, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests in flight did not end in time and are cut");
        }
    }

    /// Descriptors are handed out from the lowest, so the number of a new one tells how full the table is at least.
    fn leaves_descriptors(&self, stream: &TcpStream) -> bool {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let number = u64::try_from(stream.as_raw_fd()).unwrap_or_default();
        number.saturating_add(self.limits.spared_descriptors) < limit
    }

    async fn pause_after(&self, error: &io::Error, before: Trouble) -> Trouble {
        self.metrics.accept_errors.inc();
        let of_the_peer = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        if of_the_peer {
            return before;
        }
        // Once: a table that stays full for an hour is one thing to know, not 72,000.
        if before == Trouble::None {
            tracing::warn!(%error, "cannot accept connections");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
        Trouble::Told
    }

    fn place(&self, peer: SocketAddr) -> Option<Place> {
        if self.metrics.open.get() >= i64::try_from(self.limits.connections).unwrap_or(i64::MAX) {
            return None;
        }
        let prefix = AddressPrefix::cut(ClientAddress::of_peer(peer), SHARE_BITS);
        let stands_for_many =
            peer.ip().is_loopback() || self.limits.proxies.iter().any(|proxy| proxy.contains(&peer.ip()));
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = shares.entry(prefix).or_default();
        if *held >= self.limits.connections_per_prefix && !stands_for_many {
            return None;
        }
        *held += 1;
        self.metrics.open.inc();
        Some(Place { shares: self.shares.clone(), prefix, open: self.metrics.open.clone() })
    }
}

impl Serving {
    fn start(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = shares.get_mut(&self.prefix) {
            *held -= 1;
            if *held == 0 {
                shares.remove(&self.prefix);
            }
        }
    }
}

/// Answers are small and complete: waiting for more of them only delays. A client that takes none of them in time is
/// given up by the kernel, since hyper has no deadline for writing.
fn prepared(stream: TcpStream, unread_deadline: Duration) -> TcpStream {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(unread_deadline));
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> ConnectionMetrics {
        let gauge = |name: &str| IntGauge::new(name, name).expect("a name");
        let counter = |name: &str| IntCounter::new(name, name).expect("a name");
        ConnectionMetrics {
            open: gauge("open"),
            serving: gauge("serving"),
            refused: counter("refused"),
            accept_errors: counter("failed"),
        }
    }

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), 4711)
    }

    #[tokio::test]
    async fn one_prefix_holds_no_more_than_its_share_of_the_connections() {
        let limits = Limits {
            connections: 10,
            connections_per_prefix: 2,
            proxies: vec!["203.0.113.0/24".parse().expect("a network")],
            header_deadline: Duration::from_secs(1),
            spared_descriptors: 0,
            drain_deadline: Duration::from_secs(1),
        };
        let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits, metrics()).expect("bound");
        let first = server.place(peer("198.51.100.1"));
        let held = [server.place(peer("198.51.100.2")), server.place(peer("2001:db8:1::1"))];
        assert!(first.is_some() && held.iter().all(Option::is_some));
        assert!(server.place(peer("198.51.100.3")).is_none(), "of the same /24");
        assert!(server.place(peer("198.51.101.1")).is_some());
        assert!(server.place(peer("2001:db8:1:ffff::1")).is_some(), "one is held by this /48");
        drop(first);
        assert!(server.place(peer("198.51.100.3")).is_some());
        // A proxy and this machine stand for many; the bound on all holds for them.
        let many: Vec<_> = (0..20).filter_map(|_| server.place(peer("203.0.113.9"))).collect();
        assert_eq!(many.len() + held.len(), 10);
    }
}
