//! The public listener's routes: beacons to the collector, everything else to the reports API and the pages.
//!
//! Invariant: a beacon meets no router, no middleware and no allocation that is not the collector's own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use passant_ingest::{Collector, Unanswerable};
use serde_json::json;
use tower::ServiceExt;

use crate::access::ReportAccess;

/// What the public listener serves, by role.
#[derive(Clone)]
pub(crate) struct Public {
    pub(crate) collector: Option<Arc<Collector>>,
    pub(crate) pages: Router,
}

/// A collector's answer, or a page.
type Body = Either<Full<Bytes>, axum::body::Body>;

impl Public {
    /// Answers one request.
    ///
    /// # Errors
    /// [`Unanswerable`]: the connection is to be broken without an answer.
    pub(crate) async fn answer(
        self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Unanswerable> {
        if let Some(collector) = &self.collector
            && passant_ingest::takes(request.uri().path())
        {
            return Ok(collector.handle(peer, request).await?.map(Either::Left));
        }
        match self.pages.oneshot(request).await {
            Ok(response) => Ok(response.map(Either::Right)),
            Err(never) => match never {},
        }
    }
}

/// `GET /api/v1/sites`: the sites that the token may read.
pub(crate) fn sites_router(access: Arc<ReportAccess>) -> Router {
    Router::new().route("/api/v1/sites", get(sites)).with_state(access)
}

async fn sites(State(access): State<Arc<ReportAccess>>, headers: HeaderMap) -> impl IntoResponse {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(grant) = bearer.and_then(|bearer| access.grant(bearer)) else {
        let error = "Invalid API key or site ID. Please make sure you're using a valid API key with access to the site you've requested.";
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": error })));
    };
    let sites: Vec<_> = access
        .readable(grant)
        .into_iter()
        .map(|site| json!({ "domain": site.domain, "timezone": site.timezone }))
        .collect();
    (StatusCode::OK, Json(json!({ "sites": sites, "meta": { "after": null, "before": null, "limit": 100 } })))
}
