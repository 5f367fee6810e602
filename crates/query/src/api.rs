//! The HTTP face of reports: `POST /api/v2/query`, and the older `GET /api/v1/stats/…`.
//!
//! Invariant: who may read the site is settled before anything of a question but its site is looked at. The only I/O of this
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
use jiff::{SignedDuration, Timestamp};
use passant_store::{Cost, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    dashboard_files,
    error::{Error, Result},
    explore::{self, Kind},
    filter::Filter,
    live::{self, Live},
    metric::Metric,
    openapi,
    period::DateRange,
    report::{Report, Site},
    request::Request,
    response::Answer,
    rollup::Rollups,
    sql,
    v1::{self, Params},
};

/// Who may read what: the seam to the control data.
pub trait Access: Send + Sync {
    /// The site of this domain as whoever sent these headers may read it.
    ///
    /// # Errors
    /// [`Error::MissingToken`] for a stranger, and [`Error::NotAllowed`] for anybody else who may not read it, also where
    /// there is no such site.
    fn site(&self, headers: &HeaderMap, domain: &str) -> Result<Site>;
}

/// What the routes need.
#[derive(Clone)]
pub struct QueryState {
    /// Where the events are.
    pub store: Store,
    /// What of them is added up already.
    pub rollups: Rollups,
    /// Who may read what.
    pub access: Arc<dyn Access>,
    /// Who watches.
    pub live: Live,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// Properties that nobody has sent for so long are not offered: thirteen weeks, the longest range of days that has a name.
const PROPS_WINDOW: SignedDuration = SignedDuration::from_hours(91 * 24);
/// Far above any question that the limits on clauses and values allow to be useful.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes of the Stats API.
pub fn router(state: QueryState) -> Router {
    let explorations = Kind::all().fold(Router::new(), |router, kind| {
        let answer = async move |state: State<Arc<QueryState>>, headers: HeaderMap, body: Bytes| {
            answer_exploration(kind, state, &headers, &body).await
        };
        router.route(kind.path(), post(answer))
    });
    explorations
        .route("/api/v2/query", post(query))
        .route(dashboard_files::PATH, post(export))
        .route(live::PATH, get(watch))
        .route("/api/v1/stats/realtime/visitors", get(live_visitors))
        .route("/api/v1/stats/aggregate", get(aggregate))
        .route("/api/v1/stats/timeseries", get(timeseries))
        .route("/api/v1/stats/breakdown", get(breakdown))
        .route("/api/v1/sites/custom-props", get(custom_props))
        .route("/api/openapi.json", get(async || Json(openapi::document())))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(state))
}

async fn query(State(state): State<Arc<QueryState>>, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let body = parse_body(&body)?;
    let site = state.access.site(&headers, Request::parse_site_id(&body)?)?;
    let request = Request::parse(&body)?;
    match Shape::asked(&headers) {
        Shape::Json => Ok(Json(state.answer(&request, &site).await?).into_response()),
        Shape::Csv => {
            let csv = state.answer_csv(&request, &site).await?;
            Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response())
        }
    }
}

async fn watch(
    State(state): State<Arc<QueryState>>,
    headers: HeaderMap,
    Query(query): Query<SiteQuery>,
) -> Result<Response> {
    let site = query.authorized(&state, &headers)?;
    match accepts_first(&headers, "text/event-stream") {
        true => state.live_stream(site, &headers).await,
        false => state.live_once(&site).await,
    }
}

async fn export(State(state): State<Arc<QueryState>>, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let body = parse_body(&body)?;
    let site = state.access.site(&headers, Request::parse_site_id(&body)?)?;
    let files = state.dashboard_files(&body, &site).await?;
    Ok(([(header::CONTENT_TYPE, "application/zip")], files).into_response())
}

async fn answer_exploration(
    kind: Kind,
    State(state): State<Arc<QueryState>>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Json<Value>> {
    let body = parse_body(body)?;
    let site = state.access.site(headers, Request::parse_site_id(&body)?)?;
    state.explore(kind, &body, &site).await.map(Json)
}

fn parse_body(body: &Bytes) -> Result<Value> {
    serde_json::from_slice(body)
        .map_err(|error| Error::invalid("#", format!("not JSON at line {}", error.line())))
}

/// How an answer is written.
enum Shape {
    Json,
    Csv,
}

impl Shape {
    /// CSV where it is the first thing that the asker accepts, else JSON.
    fn asked(headers: &HeaderMap) -> Self {
        if accepts_first(headers, "text/csv") { Self::Csv } else { Self::Json }
    }
}

fn accepts_first(headers: &HeaderMap, kind: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default().trim();
    first.eq_ignore_ascii_case(kind)
}

async fn aggregate(
    state: State<Arc<QueryState>>,
    headers: HeaderMap,
    params: Query<Params>,
) -> Result<Json<Value>> {
    state.answer_v1(v1::Kind::Aggregate, &headers, &params).await
}

async fn timeseries(
    state: State<Arc<QueryState>>,
    headers: HeaderMap,
    params: Query<Params>,
) -> Result<Json<Value>> {
    state.answer_v1(v1::Kind::Timeseries, &headers, &params).await
}

async fn breakdown(
    state: State<Arc<QueryState>>,
    headers: HeaderMap,
    params: Query<Params>,
) -> Result<Json<Value>> {
    state.answer_v1(v1::Kind::Breakdown, &headers, &params).await
}

#[derive(Deserialize)]
struct SiteQuery {
    site_id: Option<String>,
}

async fn live_visitors(
    State(state): State<Arc<QueryState>>,
    headers: HeaderMap,
    Query(query): Query<SiteQuery>,
) -> Result<Json<Option<u64>>> {
    #[derive(clickhouse::Row, Deserialize)]
    struct Live {
        visitors: u64,
    }
    let site = query.authorized(&state, &headers)?;
    let rows: Vec<Live> = state.store.fetch(&sql::live_visitors(site.id, (state.clock)())).await?;
    let visitors = rows.first().map_or(0, |live| live.visitors);
    Ok(Json(Some(visitors).filter(|visitors| site.tells_live(*visitors))))
}

async fn custom_props(
    State(state): State<Arc<QueryState>>,
    headers: HeaderMap,
    Query(query): Query<SiteQuery>,
) -> Result<Json<Value>> {
    let site = query.authorized(&state, &headers)?;
    state.custom_props(&site).await.map(Json)
}

impl SiteQuery {
    fn authorized(&self, state: &QueryState, headers: &HeaderMap) -> Result<Site> {
        let domain = self.site_id.as_deref().ok_or_else(|| Error::invalid("#/site_id", "is missing"))?;
        state.access.site(headers, domain)
    }
}

impl QueryState {
    /// Answers a question about a site that the asker may read.
    ///
    /// # Errors
    /// When the question does not fit the site or the range, or the store does not answer.
    pub async fn answer(&self, request: &Request, site: &Site) -> Result<Value> {
        let report = self.resolve(request, site).await?;
        Ok(self.ask(request, &report).await?.json())
    }

    /// Answers a question as CSV.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn answer_csv(&self, request: &Request, site: &Site) -> Result<String> {
        let report = self.resolve(request, site).await?;
        Ok(self.ask(request, &report).await?.csv())
    }

    /// Answers a question as CSV under titles of its own, with these metrics whether they were asked or not.
    pub(crate) async fn answer_titled(
        &self,
        request: &Request,
        site: &Site,
        (titles, metrics): (&[&str], &[Metric]),
    ) -> Result<String> {
        let report = self.resolve(request, site).await?;
        Ok(self.ask(request, &report).await?.csv_titled(titles, metrics))
    }

    /// Answers a funnel, a journey or another exploration of a site that the asker may read.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn explore(&self, kind: Kind, body: &Value, site: &Site) -> Result<Value> {
        let request = explore::Question::request(kind, body)?;
        let first_event = match request.date_range {
            DateRange::All => self.first_event(site).await?,
            _ => None,
        };
        let question = explore::Question::parse(kind, body, site, ((self.clock)(), first_event))?;
        self.check_patterns(&request.filters).await?;
        let about = (&question.report.site, &question.report.range);
        let rows: Vec<explore::ExplorationRow> =
            self.rollups.rows_within(&self.store, about, &sql::exploration(&question)).await?;
        Ok(question.json(&rows))
    }

    /// The properties that events of a site carry, in the shape of Plausible's Sites API.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn custom_props(&self, site: &Site) -> Result<Value> {
        let props = self.property_keys(site, (self.clock)() - PROPS_WINDOW).await?;
        let props: Vec<_> = props.iter().map(|property| json!({ "property": property })).collect();
        Ok(json!({ "custom_properties": props }))
    }

    /// The keys of the properties that events have carried since then, those of most visitors first.
    pub(crate) async fn property_keys(&self, site: &Site, since: Timestamp) -> Result<Vec<String>> {
        #[derive(clickhouse::Row, Deserialize)]
        struct Prop {
            property: String,
        }
        // They are those of the whole site, of which this reader may see a part.
        if !site.within.is_empty() {
            return Ok(Vec::new());
        }
        let props: Vec<Prop> = self.store.fetch(&sql::custom_props(site, since)).await?;
        Ok(props.into_iter().map(|prop| prop.property).collect())
    }

    async fn answer_v1(&self, kind: v1::Kind, headers: &HeaderMap, params: &Params) -> Result<Json<Value>> {
        let domain = params.site_id.as_deref().ok_or_else(|| Error::invalid("#/site_id", "is missing"))?;
        let site = self.access.site(headers, domain)?;
        let request = Request::parse(&params.body(kind)?)?;
        let answer = self.answer(&request, &site).await?;
        Ok(Json(params.reshaped(kind, &answer)))
    }

    /// Answers a question as lines of CSV without a header, each of which begins with what it is a line of.
    pub(crate) async fn answer_lines(&self, request: &Request, site: &Site, what: &str) -> Result<String> {
        let report = self.resolve(request, site).await?;
        Ok(self.ask(request, &report).await?.csv_of(what))
    }

    pub(crate) async fn resolve(&self, request: &Request, site: &Site) -> Result<Report> {
        let first_event = match request.date_range {
            DateRange::All => self.first_event(site).await?,
            _ => None,
        };
        let report = Report::resolve(request, site, (self.clock)(), first_event)?;
        self.check_patterns(&request.filters).await?;
        Ok(report)
    }

    async fn ask<'a>(&self, request: &'a Request, report: &'a Report) -> Result<Answer<'a>> {
        let compared = request.include.comparisons;
        let compared = compared.map(|comparison| report.compared(&comparison, (self.clock)())).transpose()?;
        let rows = self.rollups.rows(&self.store, report).await?;
        let total_rows = match rows.first() {
            Some(row) => row.total_rows,
            // Beyond the last page no row is left to carry the total.
            None if request.include.total_rows && report.offset > 0 => {
                let first = Report { limit: 1, offset: 0, ..report.clone() };
                let rows = self.rollups.rows(&self.store, &first).await?;
                rows.first().map_or(0, |row| row.total_rows)
            }
            None => 0,
        };
        let compared = match compared {
            Some(before) => {
                let rows = self.rollups.rows(&self.store, &before).await?;
                Some((before, rows))
            }
            None => None,
        };
        Ok(Answer { request, report, rows, total_rows, compared })
    }

    /// Refuses a pattern that the store cannot compile, by its path; a range without events would not tell.
    async fn check_patterns(&self, filters: &[Filter]) -> Result<()> {
        let patterns = Filter::patterns(filters);
        if patterns.is_empty() {
            return Ok(());
        }
        let texts = |patterns: &[(String, String)]| patterns.iter().map(|(_, text)| text.clone()).collect();
        let compile = async |texts: Vec<String>| match self.store.execute(&sql::patterns(&texts)).await {
            Ok(()) => Ok(true),
            Err(passant_store::Error::Refused { .. }) => Ok(false),
            Err(error) => Err(Error::from(error)),
        };
        if compile(texts(&patterns)).await? {
            return Ok(());
        }
        for (path, text) in patterns {
            if !compile(vec![text.clone()]).await? {
                return Err(Error::invalid(path, format!("{text:?} is no regular expression (RE2)")));
            }
        }
        Ok(())
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

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Self::Unavailable(cause) => tracing::warn!(%cause, "report not computed"),
            Self::Failed(cause) => tracing::error!(%cause, "report failed"),
            Self::TooCostly(limit) => tracing::info!(%limit, "report given up"),
            // Whoever could not look it up has said so.
            Self::AccessUnavailable => {}
            Self::Invalid { .. } | Self::MissingToken | Self::NotAllowed | Self::TooManyWatch => {}
        }
        let mut response = (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        let headers = response.headers_mut();
        match self {
            Self::MissingToken | Self::NotAllowed => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooCostly(Cost::Time)
            | Self::Unavailable(_)
            | Self::AccessUnavailable
            | Self::TooManyWatch => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Invalid { .. } | Self::TooCostly(Cost::Memory | Cost::Rows) | Self::Failed(_) => {}
        }
        response
    }
}

#[cfg(test)]
mod tests;
