//! The public listener's routes: beacons to the collector, everything else to the reports API and the pages.
//!
//! Invariant: a beacon meets no router, no middleware and no allocation that is not the collector's own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use passant_ingest::{AddressPrefix, Collector, PrefixBits, Proxies, Unanswerable};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

/// Where the collector takes beacons of our script.
pub(crate) const EVENT_PATH: &str = "/api/event";

/// What a listener serves, by role.
pub(crate) struct Public {
    pub(crate) collector: Option<Arc<Collector>>,
    /// Another path for the same, if the operator named one.
    pub(crate) event_path: Option<String>,
    pub(crate) pages: Router,
    /// Where pages and reports are made: they take longer than beacons, which are not to wait for them.
    pub(crate) page_threads: Handle,
    /// Whom a page's request comes from, where that matters.
    pub(crate) clients: Option<Clients>,
}

/// How to tell whom a request comes from, as the collector does.
pub(crate) struct Clients {
    pub(crate) proxies: Proxies,
    pub(crate) prefix_bits: PrefixBits,
}

/// A collector's answer, or a page.
type Body = Either<Full<Bytes>, axum::body::Body>;

impl Public {
    /// Answers one request.
    ///
    /// # Errors
    /// [`Unanswerable`]: the connection is to be broken without an answer.
    pub(crate) async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Unanswerable> {
        if self.event_path.as_deref().is_some_and(|path| path == request.uri().path()) {
            *request.uri_mut() = Uri::from_static(EVENT_PATH);
        }
        if let Some(collector) = &self.collector
            && passant_ingest::takes(request.uri().path())
        {
            return Ok(collector.handle(peer, request).await?.map(Either::Left));
        }
        // Boxed, or each beacon would move the room that a page needs.
        Box::pin(self.page(peer, request)).await
    }

    async fn page(
        self: Arc<Self>,
        peer: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Unanswerable> {
        if let Some(Clients { proxies, prefix_bits }) = &self.clients {
            let prefix = AddressPrefix::cut(proxies.client(peer, request.headers()), *prefix_bits);
            request.extensions_mut().insert(prefix);
        }
        let page = self.page_threads.spawn(self.pages.clone().oneshot(request));
        // One who no longer waits for a report no longer wants it.
        match AbortOnDropHandle::new(page).await {
            Ok(Ok(response)) => Ok(response.map(Either::Right)),
            Ok(Err(never)) => match never {},
            // It panicked, which was logged: there is no answer.
            Err(_) => Err(Unanswerable),
        }
    }
}
