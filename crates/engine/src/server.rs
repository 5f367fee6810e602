//! The listeners: they accept, they bound what is open, and they drain.
//!
//! Invariant: no client can keep the engine from stopping, and none can open connections without end.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::front::{Front, Peer};

/// Most connections of a listener: clients pool a few dozen, the rest is somebody's mistake.
const CONNECTIONS: usize = 512;
/// Longest time for the head of a request, which also ends idle connections.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long to wait after a failed accept: descriptors come free, and a busy loop would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long statements in flight may take when the engine stops.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Something to accept connections from.
pub(crate) enum Listener {
    /// The owner's socket.
    Unix(UnixListener),
    /// The readers' address.
    Tcp(TcpListener),
}

enum Accepted {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream))
            }
        }
    }
}

/// Serves a listener until `stop` is set, then finishes what is in flight, for a while.
pub(crate) async fn serve(
    listener: Listener,
    peer: Peer,
    front: Arc<Front>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // Finished ones are forgotten here, so that the set stays small.
        while open.try_join_next().is_some() {}
        match accepted {
            Err(error) => {
                warn!(%error, "could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
            Ok(Accepted::Unix(stream)) => {
                open.spawn(hold(place, connection(stream, &peer, &front, &graceful)));
            }
            Ok(Accepted::Tcp(stream)) => {
                open.spawn(hold(place, connection(stream, &peer, &front, &graceful)));
            }
        }
    }
    drop(listener);
    if timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        warn!(seconds = DRAIN_TIME.as_secs(), "cancelling statements that did not end in time");
    }
    // What is left is dropped, which kills its statements.
    open.shutdown().await;
}

async fn hold<P>(place: P, connection: impl Future<Output = ()>) {
    connection.await;
    drop(place);
}

fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: &Peer,
    front: &Arc<Front>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<S> {
    let (peer, front) = (peer.clone(), front.clone());
    let service = service_fn(move |request| {
        let (peer, front) = (peer.clone(), front.clone());
        async move { Ok::<_, Infallible>(front.answer(request, &peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(served);
    async move {
        if let Err(error) = watched.await {
            debug!(%error, "a connection ended early");
        }
    }
}
