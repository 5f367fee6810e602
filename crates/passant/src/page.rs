//! What holds for each page and report of the public listener: its body has a size and a deadline, and it is counted
//! and timed.
//!
//! Invariant: every request is counted once, also one whose client did not wait. Labels come from closed sets: a path
//! is looked up, never shown. What a page says is not decided here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use passant_ingest::{Metrics, Route};
use prometheus::{HistogramOpts, HistogramVec};

/// Largest question; a beacon's bound is the same by default.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// Seconds that a report may take: from the cache of the engine to its own limit.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// The paths of reports, and what each is called in the metrics.
const REPORTS: [(&str, &str); 13] = [
    ("/api/v2/query", "query"),
    ("/api/v2/export", "export"),
    ("/api/v2/funnel", "funnel"),
    ("/api/v2/journeys", "journeys"),
    ("/api/v2/paths", "paths"),
    ("/api/v2/returning", "returning"),
    ("/api/v2/attribution", "attribution"),
    // Of a stream, its head: until then it is known whether there will be one.
    ("/api/v2/live", "live"),
    ("/api/v1/stats/realtime/visitors", "realtime_visitors"),
    ("/api/v1/stats/aggregate", "aggregate"),
    ("/api/v1/stats/timeseries", "timeseries"),
    ("/api/v1/stats/breakdown", "breakdown"),
    ("/api/v1/sites/custom-props", "custom_props"),
];

/// What requests are held to and counted in.
#[derive(Clone)]
pub(crate) struct Bounds {
    metrics: Arc<Metrics>,
    query_seconds: HistogramVec,
    body_deadline: Duration,
}

impl Bounds {
    /// Registers what is measured.
    ///
    /// # Errors
    /// When a metric of that name is there.
    pub(crate) fn new(metrics: Arc<Metrics>, body_deadline: Duration) -> prometheus::Result<Self> {
        let options =
            HistogramOpts::new("passant_query_seconds", "From the question to the answer, by report.");
        let query_seconds = HistogramVec::new(options.buckets(SECONDS.to_vec()), &["report"])?;
        for (_, report) in REPORTS {
            query_seconds.with_label_values(&[report]);
        }
        metrics.registry().register(Box::new(query_seconds.clone()))?;
        Ok(Self { metrics, query_seconds, body_deadline })
    }
}

/// Answers one request, and counts it.
pub(crate) async fn bounded(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let report = REPORTS.iter().find(|(known, _)| *known == path).map(|(_, report)| *report);
    let route = if path.starts_with("/api/") { Route::Report } else { Route::Other };
    let counted = Counted { bounds: &bounds, route, report, began: Instant::now(), code: None };
    let response = match read(request, bounds.body_deadline).await {
        Ok(request) => next.run(request).await,
        Err(status) => {
            let mut refused = status.into_response();
            // What is left of the body is not worth reading.
            refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            refused
        }
    };
    counted.answered(response.status());
    response
}

/// The request with its whole body.
async fn read(request: Request, deadline: Duration) -> Result<Request, StatusCode> {
    let (head, body) = request.into_parts();
    let whole = tokio::time::timeout(deadline, to_bytes(body, BODY_LIMIT_BYTES)).await;
    let body = whole.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(Request::from_parts(head, Body::from(body)))
}

/// One request, counted when it ends: a client that goes away drops what would have answered it.
struct Counted<'a> {
    bounds: &'a Bounds,
    route: Route,
    report: Option<&'static str>,
    began: Instant,
    code: Option<StatusCode>,
}

impl Counted<'_> {
    fn answered(mut self, code: StatusCode) {
        self.code = Some(code);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        match self.code {
            Some(code) => self.bounds.metrics.answered(self.route, code, took),
            None => self.bounds.metrics.unanswered(self.route),
        }
        if let Some(report) = self.report {
            self.bounds.query_seconds.with_label_values(&[report]).observe(took.as_secs_f64());
        }
    }
}
