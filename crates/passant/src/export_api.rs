//! `GET /api/v1/sites/{domain}/events.ndjson` and `.parquet`: all events of a site, streamed.
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
use crate::cli::ExportFormat;
use crate::events_file::{CHUNKS_UNDER_WAY, Chunk, read_events};
use crate::refusal::Refusal;

/// A file that is served: adding one is a row of [`FILES`].
pub(crate) struct EventsFile {
    /// Where it is served.
    pub(crate) path: &'static str,
    /// What it is.
    pub(crate) media_type: &'static str,
    extension: &'static str,
    format: ExportFormat,
}

/// Every file.
pub(crate) const FILES: &[EventsFile] = &[
    EventsFile {
        path: "/api/v1/sites/{domain}/events.ndjson",
        media_type: "application/x-ndjson",
        extension: "ndjson",
        format: ExportFormat::Events,
    },
    EventsFile {
        path: "/api/v1/sites/{domain}/events.parquet",
        media_type: "application/vnd.apache.parquet",
        extension: "parquet",
        format: ExportFormat::Parquet,
    },
];
/// Exports that read at once: the engine has three readers, of which one is for reports.
const EXPORTS_MAX: usize = 2;

/// What the route needs.
pub(crate) struct ExportApi {
    authority: Authority,
    store: Store,
    running: Arc<Semaphore>,
}

/// The routes.
pub(crate) fn router(authority: Authority, store: Store) -> Router {
    let running = Arc::new(Semaphore::new(EXPORTS_MAX));
    let routes = FILES.iter().fold(Router::new(), |router, file| {
        let answer =
            async move |State(api): State<Arc<ExportApi>>, Path(domain): Path<String>, headers: HeaderMap| {
                let site = api.site(&domain, &headers)?;
                api.events(&site, file)
            };
        router.route(file.path, get(answer))
    });
    routes.with_state(Arc::new(ExportApi { authority, store, running }))
}

impl ExportApi {
    fn events(&self, site: &Site, file: &EventsFile) -> Result<Response, Refusal> {
        let turn = self.running.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let (chunks, sent) = mpsc::channel(CHUNKS_UNDER_WAY);
        let (store, id, format) = (self.store.clone(), site.id, file.format);
        let reading = tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = read_events(&store, (id, format), chunks).await {
                tracing::warn!(%error, site = id, "an export broke off");
            }
        });
        let name = format!("attachment; filename=\"{}.events.{}\"", site.domain, file.extension);
        let mut response = body(sent, AbortOnDropHandle::new(reading)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
        // A domain is letters, digits, and a few signs; one in another script stays without a name.
        if let Ok(name) = HeaderValue::try_from(name) {
            headers.insert(CONTENT_DISPOSITION, name);
        }
        Ok(response)
    }

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
                Some(Chunk::Bytes(bytes)) => return Some((Ok::<Bytes, io::Error>(bytes), (sent, reading))),
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
        let lines = || Chunk::Bytes(Bytes::from_static(b"{}\n"));
        let whole = collected(vec![lines(), Chunk::Day, lines(), Chunk::Day, Chunk::End]).await;
        assert_eq!(whole.expect("whole"), "{}\n{}\n");
        assert!(collected(vec![lines(), Chunk::Day]).await.is_err());
        assert!(collected(vec![]).await.is_err());
    }
}
