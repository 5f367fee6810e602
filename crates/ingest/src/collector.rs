//! The HTTP face of ingest: a beacon comes in, and `202` goes out only when its events are durable.
//!
//! No answer is ambiguous: after any other status nothing is stored, and where the spool itself cannot tell, the
//! connection is broken without an answer. Nothing of a request is ever logged.

mod answer;
mod body;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body;
use http_body_util::Full;
use jiff::Timestamp;
use passant_spool::{AppendError, Spool};

use crate::beacon::Beacon;
use crate::client::{AddressPrefix, PrefixBits, Proxies};
use crate::event::{Event, encode};
use crate::metrics::{Metrics, Route};
use crate::pipeline::{self, Objection, Pipeline};
use crate::presence::Presence;
use crate::rate::Rates;
use crate::{Config, Discard, Error};

use answer::{Answer, Origins, Refusal};

/// Where beacons are sent.
const EVENT_PATH: &str = "/api/event";
/// Where monitors ask.
const HEALTH_PATH: &str = "/api/health";
/// How often keys are retired, the country database is looked at and gauges are set.
const TEND_EVERY: Duration = Duration::from_secs(10);

/// Tells the time. Only the edge reads a clock; tests pass their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Serves beacons. Cheap to clone.
#[derive(Clone)]
pub struct Collector(Arc<Parts>);

struct Parts {
    config: Config,
    proxies: Proxies,
    bits: PrefixBits,
    origins: Origins,
    prefix_rates: Rates<AddressPrefix>,
    site_rates: Rates<u32>,
    pipeline: Pipeline,
    outlets: Outlets,
    clock: Clock,
}

/// The spool cannot tell whether a beacon is stored, so neither answer would be true: break the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fate of a beacon is unknown")]
pub struct Unanswerable;

/// Where what becomes of beacons goes.
pub struct Outlets {
    /// Where events become durable.
    pub spool: Spool,
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
    /// Who was here, shared with the shipper: tells an engagement event that has no visit.
    pub presence: Arc<Presence>,
}

impl Collector {
    /// A collector that makes events in `pipeline` and appends them to the spool.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting that cannot be used.
    pub fn new(config: Config, pipeline: Pipeline, outlets: Outlets, clock: Clock) -> Result<Self, Error> {
        let parts = Parts {
            proxies: Proxies::new(&config)?,
            bits: PrefixBits::new(&config)?,
            origins: Origins::new(&config),
            prefix_rates: Rates::new(config.events_per_second_per_prefix),
            site_rates: Rates::new(config.events_per_second_per_site),
            config,
            pipeline,
            outlets,
            clock,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Answers one request from `peer`.
    ///
    /// # Errors
    /// [`Unanswerable`] when the connection has to be broken instead.
    pub async fn handle<B>(
        &self,
        peer: SocketAddr,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Unanswerable>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let route = route(head.uri.path());
        let answer = match (route, &head.method) {
            (Route::Event, &Method::POST) => match self.0.collect(peer, &head.headers, body).await {
                Ok(answer) => answer,
                Err(Refusal::Unanswerable) => return Err(Unanswerable),
                Err(refusal) => Answer::Refused(refusal),
            },
            (Route::Event, &Method::OPTIONS) => Answer::Preflight,
            (Route::Health, &Method::GET | &Method::HEAD) => self.0.health(),
            (Route::Event | Route::Health, _) => Answer::Refused(Refusal::Method),
            (Route::Other, _) => Answer::Refused(Refusal::Path),
        };
        let mut response = answer.into_response();
        if route == Route::Event {
            self.0.origins.allow(&head.headers, response.headers_mut());
        }
        self.0.outlets.metrics.answered(route, response.status(), began.elapsed());
        Ok(response)
    }

    /// Does what has to be done from time to time, until it is dropped: keys that outlived their day are destroyed, a
    /// new country database is taken into use, gauges are set.
    pub async fn tend(&self) {
        let mut timer = tokio::time::interval(TEND_EVERY);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let parts = Arc::clone(&self.0);
            // Files are read here, which must not hold up a request.
            if tokio::task::spawn_blocking(move || parts.tend_once()).await.is_err() {
                tracing::error!("a round of tending ended early");
            }
        }
    }

    /// One round of [`Collector::tend`], now.
    pub fn tend_once(&self) {
        self.0.tend_once();
    }
}

/// Whether a path is the collector's to answer.
pub fn takes(path: &str) -> bool {
    route(path) != Route::Other
}

fn route(path: &str) -> Route {
    match path {
        EVENT_PATH => Route::Event,
        HEALTH_PATH => Route::Health,
        _ => Route::Other,
    }
}

impl Parts {
    async fn collect<B>(
        self: &Arc<Self>,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let now = (self.clock)();
        let client = self.proxies.client(peer, headers);
        let is_local = client.is_loopback();
        // The address ends here: from now on there are only its first bits.
        let prefix = AddressPrefix::cut(client, self.bits);
        if !is_local {
            self.prefix_rates.take(prefix, now).map_err(Refusal::TooMany)?;
        }
        body::check_type(headers)?;
        let body = body::read(body, headers, &self.config).await?;
        let request = pipeline::Request {
            prefix,
            user_agent: &text(headers, header::USER_AGENT.as_str()),
            accept_language: &text(headers, header::ACCEPT_LANGUAGE.as_str()),
            objection: objection(headers),
            now,
        };
        let Resolved { events, discards } = self.resolve(&body, &request)?;
        if !events.is_empty() {
            // A client that goes away drops this future. The events are stored all the same, so what is known of
            // them has to follow: a task of its own sees to that.
            let stored = tokio::spawn(Arc::clone(self).store(events)).await;
            stored.unwrap_or(Err(AppendError::Indeterminate)).map_err(refusal)?;
        }
        discards.iter().for_each(|reason| self.outlets.metrics.discarded(*reason));
        Ok(Answer::Accepted { discards })
    }

    /// Makes events durable, at one point for all sites of a beacon, and only then counts them.
    async fn store(self: Arc<Self>, events: Vec<Event>) -> Result<(), AppendError> {
        let Outlets { spool, metrics, presence } = &self.outlets;
        spool.append_all(events.iter().map(encode).collect()).await?;
        metrics.accepted(events.len() as u64);
        events.iter().for_each(|event| presence.mark(event));
        Ok(())
    }

    /// Makes the events of one beacon, one for each of its sites, and lists why others were discarded.
    fn resolve(&self, body: &[u8], request: &pipeline::Request<'_>) -> Result<Resolved, Refusal> {
        let beacon = Beacon::parse(body).map_err(Refusal::Invalid)?;
        let mut resolved = Resolved { events: Vec::with_capacity(1), discards: Vec::new() };
        for domain in beacon.domains() {
            match self.pipeline.event(&beacon, domain, request) {
                // A site that a beacon names twice gets one event.
                Ok(event) if resolved.events.iter().any(|known| known.site_id == event.site_id) => {}
                Ok(event) if !self.outlets.presence.admits(&event) => {
                    resolved.discards.push(Discard::NoVisit)
                }
                Ok(event) => {
                    self.site_rates.take(event.site_id, request.now).map_err(Refusal::TooMany)?;
                    resolved.events.push(event);
                }
                Err(reason) => resolved.discards.push(reason),
            }
        }
        Ok(resolved)
    }

    /// Never asks the store: beacons are taken while it is away.
    fn health(&self) -> Answer {
        Answer::Healthy { sites: self.pipeline.site_count() }
    }

    fn tend_once(&self) {
        let now = (self.clock)();
        self.pipeline.keys().retire(now);
        self.pipeline.countries().reload();
        self.outlets.metrics.spool_is(&self.outlets.spool.status(), now);
        self.outlets.metrics.ages_are(
            self.pipeline.keys().oldest_age_seconds(now),
            self.pipeline.countries().age_seconds(now),
        );
    }
}

/// What became of the events of one beacon.
struct Resolved {
    events: Vec<Event>,
    discards: Vec<Discard>,
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Full { retry_after } => Refusal::Unavailable(retry_after),
        AppendError::Io { .. } | AppendError::Closed => Refusal::Unavailable(Duration::from_secs(1)),
        AppendError::TooLarge { .. } => Refusal::TooLarge,
        // What a later spool may say is no acknowledgement, and nothing says that it is a refusal.
        AppendError::Indeterminate | _ => Refusal::Unanswerable,
    }
}

/// Some browsers name themselves in their own script, so a header is no ASCII for certain.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Cow<'a, str> {
    headers.get(name).map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes()))
}

fn objection(headers: &HeaderMap) -> Objection {
    let says_one = |name: &str| text(headers, name).trim() == "1";
    if says_one("sec-gpc") || says_one("dnt") { Objection::Raised } else { Objection::None }
}

#[cfg(test)]
mod tests;
