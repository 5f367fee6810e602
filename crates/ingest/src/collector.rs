//! The HTTP face of ingest: a beacon comes in, and `202` goes out only when its events are durable.
//!
//! No answer is ambiguous: after a refusal nothing is stored, the answer to several beacons names those that are not, and
//! where the spool itself cannot tell, the connection is broken without an answer. Nothing of a request is ever logged.

mod answer;
mod body;
mod settlement;
mod understanding;
mod visitor;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts as Head;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use jiff::Timestamp;
use passant_spool::{AppendError, Spool};
use tokio::sync::{Semaphore, oneshot};

use crate::adapter::{Adapter, Receipt, Types, adapter};
use crate::client::{AddressPrefix, Client, PrefixBits, Proxies};
use crate::event::encode;
use crate::metrics::{Metrics, Route};
use crate::nonce::{Claim, Hold, Nonces};
use crate::pipeline::Pipeline;
use crate::presence::Presence;
use crate::rate::Rates;
use crate::{Config, Discard, Error};

use answer::{Answer, Origins, Refusal};
use settlement::Settlement;
use understanding::{Caller, Resolved, Understood};

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
    /// Places for beacons on their way into the spool.
    places: Arc<Semaphore>,
    nonces: Arc<Nonces>,
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
            places: Arc::new(Semaphore::new(config.beacons_in_flight.min(Semaphore::MAX_PERMITS))),
            nonces: Arc::new(Nonces::new()),
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
        let (head, body) = request.into_parts();
        let adapter = adapter(head.uri.path());
        let route = adapter.map_or_else(|| route(head.uri.path()), |adapter| adapter.route);
        let counted = Counted { metrics: &self.0.outlets.metrics, route, began: Instant::now(), code: None };
        let answer = match (adapter, &head.method) {
            (Some(adapter), method) if adapter.methods.contains(method) => {
                match self.0.collect(adapter, (peer, &head), body).await {
                    Ok(answer) => answer,
                    Err(refusal) => Answer::Refused(refusal),
                }
            }
            (Some(adapter), &Method::OPTIONS) => Answer::Preflight(adapter.methods),
            (None, &Method::GET | &Method::HEAD) if route == Route::Health => self.0.health(),
            (None, _) if route != Route::Health => Answer::Refused(Refusal::Path),
            (Some(_) | None, _) => Answer::Refused(Refusal::Method),
        };
        if let Answer::Refused(refusal) = &answer
            && adapter.is_some()
        {
            self.0.outlets.metrics.beacon_refused(refusal.as_str());
        }
        if matches!(answer, Answer::Refused(Refusal::Unanswerable)) {
            return Err(Unanswerable);
        }
        let mut response = answer.into_response();
        if adapter.is_some() {
            self.0.origins.allow(&head.headers, response.headers_mut());
        }
        if adapter.is_some() && head.method == Method::GET {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        counted.answered(response.status());
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
    adapter(path).is_some() || route(path) != Route::Other
}

fn route(path: &str) -> Route {
    if path == HEALTH_PATH { Route::Health } else { Route::Other }
}

impl Parts {
    async fn collect<B>(
        self: &Arc<Self>,
        adapter: &'static Adapter,
        (peer, head): (SocketAddr, &Head),
        body: B,
    ) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let now = (self.clock)();
        let client = self.proxies.client(peer, &head.headers);
        let is_local = client.is_loopback();
        // The address ends here: from now on there are only its first bits, and which sites block it.
        let client = Client::of(client, self.pipeline.sites().load().blocked_networks(), self.bits);
        let bucket = (!is_local).then_some(client.prefix);
        let caller = Caller { client, bucket, now };
        self.limit(&caller, 1)?;
        if adapter.types == Types::JsonOrText {
            body::check_type(&head.headers)?;
        }
        let body = match head.method {
            Method::GET => Bytes::new(),
            _ => body::read(body, &head.headers, &self.config).await?,
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        let Understood { resolved, fates, reply } = self.understand(adapter, (head, &body), &caller)?;
        let metrics = &self.outlets.metrics;
        let discards = if resolved.events.is_empty() {
            resolved.discards.iter().for_each(|reason| metrics.discarded(*reason));
            resolved.discards
        } else {
            for event in &resolved.events {
                self.site_rates.take(event.site_id, now).map_err(|after| {
                    metrics.refused(resolved.count());
                    Refusal::SiteRate(after)
                })?;
            }
            let settlement = Settlement::new(Arc::clone(self), &resolved, place);
            self.store(resolved, settlement).await?
        };
        let receipt = Receipt { discards, fates };
        Ok(Answer::Accepted { reply: reply(&receipt), discards: receipt.discards })
    }

    /// Takes tokens for so many beacons of one prefix.
    fn limit(&self, caller: &Caller, beacons: usize) -> Result<(), Refusal> {
        let Some(prefix) = caller.bucket else { return Ok(()) };
        (0..beacons).try_for_each(|_| self.prefix_rates.take(prefix, caller.now)).map_err(Refusal::PrefixRate)
    }

    /// Makes events durable, at one point for all sites of a beacon.
    async fn store(
        &self,
        mut resolved: Resolved,
        mut settlement: Settlement,
    ) -> Result<Vec<Discard>, Refusal> {
        let hold = self.hold(&mut resolved).await?;
        let Resolved { events, discards, .. } = resolved;
        settlement.storing(&events, discards, hold);
        if events.is_empty() {
            return settlement.end(Ok(()));
        }
        let (answer, answered) = oneshot::channel();
        let payloads = events.iter().map(encode).collect();
        // A client that goes away drops this future. Its events are stored all the same, so what is known of them has
        // to follow: on the writer's thread, for the whole of its group.
        self.outlets.spool.append_then(payloads, move |outcome| drop(answer.send(settlement.end(outcome))));
        answered.await.unwrap_or(Err(Refusal::Unanswerable))
    }

    /// Discards the events that were stored already, and holds the right to store the others. While one of them is
    /// being stored by another request, that one's end is waited for.
    async fn hold(&self, resolved: &mut Resolved) -> Result<Option<Hold>, Refusal> {
        if resolved.fingerprints.is_empty() {
            return Ok(None);
        }
        loop {
            match self.nonces.claim(&resolved.fingerprints, (self.clock)().as_second()) {
                Claim::Held(hold, repeated) => {
                    let mut repeated = repeated.into_iter();
                    let before = resolved.events.len();
                    resolved.events.retain(|_| !repeated.next().unwrap_or_default());
                    resolved.discards.extend((resolved.events.len()..before).map(|_| Discard::Repeated));
                    return Ok(Some(hold));
                }
                // The sender says nothing: it is dropped when the other request has ended.
                Claim::Wait(mut ended) => drop(ended.changed().await),
                Claim::Unknown => return Err(Refusal::Unanswerable),
            }
        }
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

/// Counts one request, whatever becomes of it: a client that goes away drops the future that would have answered.
struct Counted<'a> {
    metrics: &'a Metrics,
    route: Route,
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
        match self.code {
            Some(code) => self.metrics.answered(self.route, code, self.began.elapsed()),
            None => self.metrics.unanswered(self.route),
        }
    }
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Full { retry_after } => Refusal::SpoolFull(retry_after),
        AppendError::Io { .. } => Refusal::SpoolFailed,
        AppendError::Closed => Refusal::SpoolClosed,
        AppendError::TooLarge { .. } => Refusal::TooLarge,
        // What a later spool may say is no acknowledgement, and nothing says that it is a refusal.
        AppendError::Indeterminate | _ => Refusal::Unanswerable,
    }
}

#[cfg(test)]
mod tests;
