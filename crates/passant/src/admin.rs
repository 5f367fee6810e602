//! The admin listener: `/healthz`, `/readyz` and `/metrics`, for the operator's network only.
//!
//! Invariant: readiness of ingest never depends on the store; an event that the spool takes is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use passant_spool::Spool;
use prometheus::{Encoder, Registry, TextEncoder};

/// What readiness is made of.
#[derive(Clone)]
pub(crate) struct Health {
    /// Set when the process was told to stop.
    pub(crate) draining: Arc<AtomicBool>,
    /// The spool, where this process ingests.
    pub(crate) spool: Option<Spool>,
}

#[derive(Clone)]
struct Admin {
    health: Health,
    registry: Registry,
    /// Brings gauges up to date before they are read.
    refresh: Arc<dyn Fn() + Send + Sync>,
}

impl Health {
    /// Why requests should go elsewhere, if they should.
    fn not_ready(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            return Some("draining");
        }
        // Keys are made on first use from the system's randomness: where there is a process, there is a key.
        self.spool.as_ref().is_some_and(|spool| !spool.is_writable()).then_some("the spool is not writable")
    }
}

/// The admin routes. `refresh` is called before each reading of the metrics.
pub(crate) fn router(health: Health, registry: Registry, refresh: Arc<dyn Fn() + Send + Sync>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Admin { health, registry, refresh })
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    // The spool's disk is asked, which may take its time.
    let reason = tokio::task::spawn_blocking(move || admin.health.not_ready()).await;
    match reason.unwrap_or(Some("the check failed")) {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    (admin.refresh)();
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    if let Err(error) = encoder.encode(&admin.registry.gather(), &mut text) {
        tracing::error!(%error, "metrics cannot be written");
        return (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], Vec::new());
    }
    (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
