//! Requests that we send to the provider: the only outbound connections besides those to the store.
//!
//! Invariant: a request has a deadline and its answer a bound; it is encrypted, or does not leave this machine; and a
//! redirect is an answer like any other, which nobody follows. Nothing of either is logged.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::url::Url;
use openidconnect::{HttpRequest, HttpResponse};
use rustls::ClientConfig;
use tokio::runtime::Handle;

use super::config::is_plain_loopback;

/// Longer than a provider takes that works, shorter than a person waits.
const DEADLINE: Duration = Duration::from_secs(10);
/// The keys of a large provider are some 20 KiB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the address is not an https one")]
    NotEncrypted,
    #[error("no connection, or it broke")]
    Connection,
    #[error("the answer broke off or is too large")]
    Body,
    #[error("no answer in time")]
    Late,
}

/// Sends requests.
pub(super) struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    plain: Plain,
}

/// Whether what stays on this machine may go unencrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Loopback,
    Never,
}

impl Outbound {
    /// A client that trusts the authorities that this system trusts.
    ///
    /// # Errors
    /// When the system has none.
    pub(super) fn new(plain: Plain) -> Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let tls = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .context("rustls has no protocol that it calls safe")?
            .with_native_roots()
            .context("oidc: no certificate authorities (Debian: apt-get install ca-certificates)")?
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        // Signing in is rare: a connection that is kept would have ended when it is needed.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, plain })
    }

    /// Whether a request may go there, or a browser be sent there.
    pub(super) fn may_ask(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.plain == Plain::Loopback && is_plain_loopback(url))
    }

    /// Sends a request and waits for the whole answer; for a thread that may block.
    ///
    /// # Errors
    /// [`Unanswered`] says why there is none.
    pub(super) fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let answer = async { tokio::time::timeout(DEADLINE, self.ask(request)).await };
        Handle::current().block_on(answer).unwrap_or(Err(Unanswered::Late))
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| Unanswered::NotEncrypted)?;
        if !self.may_ask(&url) {
            return Err(Unanswered::NotEncrypted);
        }
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = self.client.request(request).await.map_err(|_| Unanswered::Connection)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| Unanswered::Body)?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
    }
}
