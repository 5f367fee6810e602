//! The HTTP face of reports: `POST /api/v2/query` and `GET /api/v1/stats/realtime/visitors`.
//!
//! Invariant: who may read the site is settled before anything else in a question is looked at. The only I/O of this
//! crate is here. There is no limit on requests an hour; the store's own limits on time and memory hold instead.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use passant_store::Store;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    period::DateRange,
    report::{Report, Site},
    request::Request,
    response::{self, ReportRow},
    sql,
};

/// Who may read what: the seam to the control data.
pub trait Access: Send + Sync {
    /// The site of this domain.
    fn site(&self, domain: &str) -> Option<Site>;

    /// Whether this bearer token may read this site.
    fn authorize(&self, bearer: &str, site: &Site) -> Permission;
}

/// Whether a token may read a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not, or is no token.
    Refused,
}

/// What the routes need.
#[derive(Clone)]
pub struct QueryState {
    /// Where the events are.
    pub store: Store,
    /// Who may read what.
    pub access: Arc<dyn Access>,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// Far above any question that the limits on clauses and values allow to be useful.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes of the Stats API.
pub fn router(state: QueryState) -> Router {
    Router::new()
        .route("/api/v2/query", post(query))
        .route("/api/v1/stats/realtime/visitors", get(live_visitors))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(state))
}

async fn query(State(state): State<Arc<QueryState>>, headers: HeaderMap, body: Bytes) -> Result<Json<Value>> {
    let token = bearer(&headers)?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|error| Error::invalid("body", format!("not JSON at line {}", error.line())))?;
    let site = authorized_site(&state, token, Request::parse_site_id(&body)?)?;
    let request = Request::parse(&body)?;
    state.answer(&request, &site).await.map(Json)
}

#[derive(Deserialize)]
struct LiveQuery {
    site_id: Option<String>,
}

async fn live_visitors(
    State(state): State<Arc<QueryState>>,
    headers: HeaderMap,
    Query(query): Query<LiveQuery>,
) -> Result<Json<u64>> {
    #[derive(clickhouse::Row, Deserialize)]
    struct Live {
        visitors: u64,
    }
    let token = bearer(&headers)?;
    let domain = query.site_id.ok_or_else(|| Error::invalid("site_id", "is missing"))?;
    let site = authorized_site(&state, token, &domain)?;
    let rows: Vec<Live> = state.store.fetch(&sql::live_visitors(site.id, (state.clock)())).await?;
    Ok(Json(rows.first().map_or(0, |live| live.visitors)))
}

impl QueryState {
    /// Answers a question about a site that the asker may read.
    ///
    /// # Errors
    /// When the range does not fit the question, or the store does not answer.
    pub async fn answer(&self, request: &Request, site: &Site) -> Result<Value> {
        let first_event = match request.date_range {
            DateRange::All => self.first_event(site).await?,
            _ => None,
        };
        let report = Report::resolve(request, site, (self.clock)(), first_event)?;
        let rows: Vec<ReportRow> = self.store.fetch(&sql::report(&report)).await?;
        let total_rows = match rows.first() {
            Some(row) => row.total_rows,
            // Beyond the last page no row is left to carry the total.
            None if request.include.total_rows && report.offset > 0 => {
                let first = Report { limit: 1, offset: 0, ..report.clone() };
                let rows: Vec<ReportRow> = self.store.fetch(&sql::report(&first)).await?;
                rows.first().map_or(0, |row| row.total_rows)
            }
            None => 0,
        };
        Ok(response::render(request, &report, &rows, total_rows))
    }

    async fn first_event(&self, site: &Site) -> Result<Option<Timestamp>> {
        #[derive(clickhouse::Row, Deserialize)]
        struct First {
            first: u32,
        }
        let rows: Vec<First> = self.store.fetch(&sql::first_event(site.id)).await?;
        let first = rows.first().map_or(0, |row| row.first);
        Ok((first > 0).then(|| Timestamp::from_second(i64::from(first)).ok()).flatten())
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    token.filter(|token| !token.is_empty()).ok_or(Error::MissingToken)
}

fn authorized_site(state: &QueryState, token: &str, domain: &str) -> Result<Site> {
    let site = state.access.site(domain).ok_or(Error::NotAllowed)?;
    match state.access.authorize(token, &site) {
        Permission::Granted => Ok(site),
        Permission::Refused => Err(Error::NotAllowed),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Self::Unavailable(cause) => tracing::warn!(%cause, "report not computed"),
            Self::Failed(cause) => tracing::error!(%cause, "report failed"),
            Self::Invalid { .. } | Self::MissingToken | Self::NotAllowed => {}
        }
        let mut response = (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        let headers = response.headers_mut();
        match self {
            Self::MissingToken | Self::NotAllowed => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Invalid { .. } | Self::Failed(_) => {}
        }
        response
    }
}

#[cfg(test)]
mod tests;
