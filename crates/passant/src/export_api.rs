//! `GET /api/v1/sites/{domain}/events.ndjson`: all events of a site, streamed.
//!
//! Invariant: an answer that ends as HTTP says it ends is whole; whatever goes wrong on the way breaks it off. It is read no
//! faster than it is taken, and holds a few chunks in memory.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use passant_control::{Action, Actor, Site, Subject};
use passant_store::Store;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::authority::{Authority, Credentials, require};
use crate::events_file::{CHUNKS_UNDER_WAY, Chunk, read_events};
use crate::refusal::Refusal;

/// Where it is served.
pub(crate) const PATH: &str = "/api/v1/sites/{domain}/events.ndjson";
/// Exports that read at once: the engine has three readers, of which one is for reports.
const EXPORTS_MAX: usize = 2;

/// What the route needs.
pub(crate) struct ExportApi {
    authority: Authority,
    store: Store,
    running: Arc<Semaphore>,
}

/// The route.
pub(crate) fn router(authority: Authority, store: Store) -> Router {
    let running = Arc::new(Semaphore::new(EXPORTS_MAX));
    Router::new().route(PATH, get(events)).with_state(Arc::new(ExportApi { authority, store, running }))
}

async fn events(
    State(api): State<Arc<ExportApi>>,
    Path(domain): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let site = api.site(&domain, &headers)?;
    let turn = api.running.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let (chunks, sent) = mpsc::channel(CHUNKS_UNDER_WAY);
    let store = api.store.clone();
    let reading = tokio::spawn(async move {
        let _turn = turn;
        if let Err(error) = read_events(&store, site.id, chunks).await {
            tracing::warn!(%error, site = site.id, "an export broke off");
        }
    });
    let name = format!("attachment; filename=\"{}.events.ndjson\"", site.domain);
    let mut response = body(sent, AbortOnDropHandle::new(reading)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    // A domain is letters, digits, and a few signs; one in another script stays without a name.
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

impl ExportApi {
    fn site(&self, domain: &str, headers: &HeaderMap) -> Result<Site, Refusal> {
        let actor = self.authority.actor(&Credentials::of(headers))?;
        if matches!(actor, Actor::Stranger) {
            return Err(Refusal::MissingToken);
        }
        let site = self.authority.control.site(domain)?;
        require(&actor, Action::ExportEvents, Subject::Site(&site))?;
        Ok(site)
    }
}

/// Chunks as a body, which breaks where they end without saying so. The reader ends with whoever takes them.
fn body(sent: mpsc::Receiver<Chunk>, reading: AbortOnDropHandle<()>) -> Body {
    let next = async |(mut sent, reading): (mpsc::Receiver<Chunk>, AbortOnDropHandle<()>)| {
        loop {
            match sent.recv().await {
                Some(Chunk::Lines(lines)) => return Some((Ok::<Bytes, io::Error>(lines), (sent, reading))),
                Some(Chunk::Day) => {}
                Some(Chunk::End) => return None,
                None => return Some((Err(io::ErrorKind::UnexpectedEof.into()), (sent, reading))),
            }
        }
    };
    Body::from_stream(stream::unfold((sent, reading), next))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn collected(chunks: Vec<Chunk>) -> Result<Bytes, axum::Error> {
        let (sender, sent) = mpsc::channel(8);
        for chunk in chunks {
            sender.send(chunk).await.expect("room");
        }
        drop(sender);
        let body = body(sent, AbortOnDropHandle::new(tokio::spawn(async {})));
        body.collect().await.map(|whole| whole.to_bytes())
    }

    #[tokio::test]
    async fn what_ends_without_saying_so_is_broken_off() {
        let lines = || Chunk::Lines(Bytes::from_static(b"{}\n"));
        let whole = collected(vec![lines(), Chunk::Day, lines(), Chunk::Day, Chunk::End]).await;
        assert_eq!(whole.expect("whole"), "{}\n{}\n");
        assert!(collected(vec![lines(), Chunk::Day]).await.is_err());
        assert!(collected(vec![]).await.is_err());
    }
}
