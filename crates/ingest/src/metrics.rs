//! What an operator can see of the ingest half, in Prometheus' terms.
//!
//! The names are a part of the interface. Labels come only from closed sets, never from a path, an address or a user
//! agent.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use jiff::Timestamp;
use prometheus::core::Collector as Metric;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::Discard;

/// Label of an event that was stored.
const ACCEPTED: &str = "accepted";
/// Label of an event whose beacon was read, understood and then refused.
const REFUSED: &str = "refused";
/// Label of an event of which the spool cannot tell whether it is stored.
const UNKNOWN: &str = "unknown";
/// Status of a request that ended without an answer.
const NO_ANSWER: &str = "none";
/// Seconds: the disk's sync is 2 to 13 ms, the promise on reports is 2 s.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Events in one group commit.
const EVENTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0];

/// The routes of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/api/event`
    Event,
    /// `/p.gif`
    Pixel,
    /// What Umami's clients send.
    Umami,
    /// What GoatCounter's clients send.
    GoatCounter,
    /// What Matomo's clients send.
    Matomo,
    /// `/api/health`
    Health,
    /// Other paths below `/api/`.
    Report,
    /// Whatever else is asked for.
    Other,
}

impl Route {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Pixel => "pixel",
            Self::Umami => "umami",
            Self::GoatCounter => "goatcounter",
            Self::Matomo => "matomo",
            Self::Health => "health",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// The metrics of one process, with the registry that they stand in.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    beacons_refused: IntCounterVec,
    events: IntCounterVec,
    sync_seconds: Histogram,
    commit_events: Histogram,
    spool: SpoolGauges,
    hot: Hot,
    io_errors: IntCounter,
    frames_skipped: IntCounter,
    key_age_seconds: IntGauge,
    country_database_age_seconds: IntGauge,
    /// Set by the shipper: visits that an event can still join.
    pub(crate) open_visits: IntGauge,
    /// Observed by the shipper: from a segment's first frame to its rows in the store.
    pub(crate) ship_lag_seconds: Histogram,
    /// Counted by the shipper: `shipped` and `failed` inserts.
    pub(crate) ship_batches: IntCounterVec,
    /// Counted by the shipper: what was done about a batch whose fate was unknown.
    pub(crate) ship_reconciled: IntCounterVec,
    /// Counted by the shipper: engagement events that were accepted and then had no visit.
    pub(crate) no_visit_after_all: IntCounter,
}

/// Those of the above that nearly each beacon meets, found once: finding one by its labels hashes them under a lock.
struct Hot {
    accepted: IntCounter,
    requests: IntCounter,
    request_seconds: Histogram,
}

struct SpoolGauges {
    bytes: IntGauge,
    capacity_bytes: IntGauge,
    events: IntGauge,
    oldest_unsent_seconds: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics in a registry of their own; the binary adds its own to it.
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = registered(
            &registry,
            IntCounterVec::new(
                Opts::new("passant_http_requests_total", "Requests by route and status code."),
                &["route", "code"],
            ),
        );
        let request_seconds = registered(
            &registry,
            HistogramVec::new(
                seconds("passant_http_request_seconds", "From the head of a request to its answer."),
                &["route"],
            ),
        );
        let events = registered(
            &registry,
            IntCounterVec::new(
                Opts::new(
                    "passant_events_total",
                    "Events of beacons that were understood: accepted, discarded by reason, refused.",
                ),
                &["outcome"],
            ),
        );
        let hot = Hot {
            accepted: events.with_label_values(&[ACCEPTED]),
            requests: requests.with_label_values(&[Route::Event.as_str(), StatusCode::ACCEPTED.as_str()]),
            request_seconds: request_seconds.with_label_values(&[Route::Event.as_str()]),
        };
        let metrics = Self {
            hot,
            requests,
            request_seconds,
            events,
            beacons_refused: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "passant_beacons_refused_total",
                        "Beacons of which nothing is stored, by reason.",
                    ),
                    &["reason"],
                ),
            ),
            sync_seconds: registered(
                &registry,
                Histogram::with_opts(seconds("passant_spool_fsync_seconds", "Syncs of the spool's disk.")),
            ),
            commit_events: registered(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new("passant_spool_commit_events", "Events made durable by one sync.")
                        .buckets(EVENTS.to_vec()),
                ),
            ),
            spool: SpoolGauges {
                bytes: gauge(&registry, "passant_spool_bytes", "Disk that the spool takes."),
                capacity_bytes: gauge(
                    &registry,
                    "passant_spool_capacity_bytes",
                    "Disk that the spool may take.",
                ),
                events: gauge(
                    &registry,
                    "passant_spool_events",
                    "Events acknowledged and not yet in the store.",
                ),
                oldest_unsent_seconds: registered(
                    &registry,
                    Gauge::new(
                        "passant_spool_oldest_unsent_seconds",
                        "Age of the oldest event not yet in the store.",
                    ),
                ),
            },
            io_errors: counter(
                &registry,
                "passant_spool_io_errors_total",
                "Disk operations of the spool that failed.",
            ),
            frames_skipped: counter(
                &registry,
                "passant_spool_frames_skipped_total",
                "Frames that were damaged or missing.",
            ),
            key_age_seconds: gauge(
                &registry,
                "passant_key_age_seconds",
                "Age of the oldest living day key's date.",
            ),
            country_database_age_seconds: gauge(
                &registry,
                "passant_country_database_age_seconds",
                "Time since the country database was built; -1 without one.",
            ),
            open_visits: gauge(&registry, "passant_open_visits", "Visits that an event can still join."),
            ship_lag_seconds: registered(
                &registry,
                Histogram::with_opts(seconds(
                    "passant_ship_lag_seconds",
                    "From the spool's file to the store.",
                )),
            ),
            ship_batches: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("passant_ship_batches_total", "Batches by result."),
                    &["result"],
                ),
            ),
            ship_reconciled: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("passant_ship_reconciled_total", "Batches of unknown fate, by what was done."),
                    &["action"],
                ),
            ),
            no_visit_after_all: counter(
                &registry,
                "passant_ship_no_visit_total",
                "Engagement events that were accepted and then had no visit to belong to.",
            ),
            registry,
        };
        // Each outcome is there from the start, so that a rate over it is 0 and not missing.
        for outcome in Discard::ALL.map(Discard::as_str).into_iter().chain([ACCEPTED, REFUSED, UNKNOWN]) {
            metrics.events.with_label_values(&[outcome]);
        }
        for (counts, words) in [
            (&metrics.ship_batches, ["shipped", "failed"]),
            (&metrics.ship_reconciled, ["skipped", "inserted"]),
        ] {
            for word in words {
                counts.with_label_values(&[word]);
            }
        }
        metrics
    }

    /// Where the metrics stand, for the binary to add to and to render.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// One request was answered.
    pub fn answered(&self, route: Route, code: StatusCode, took: Duration) {
        if (route, code) == (Route::Event, StatusCode::ACCEPTED) {
            self.hot.requests.inc();
            return self.hot.request_seconds.observe(took.as_secs_f64());
        }
        self.requests.with_label_values(&[route.as_str(), code.as_str()]).inc();
        self.request_seconds.with_label_values(&[route.as_str()]).observe(took.as_secs_f64());
    }

    /// One request got no answer: its client went away, or an answer would not have been true.
    pub fn unanswered(&self, route: Route) {
        self.requests.with_label_values(&[route.as_str(), NO_ANSWER]).inc();
    }

    /// One beacon was refused; `reason` is a word of a closed set.
    pub(crate) fn beacon_refused(&self, reason: &'static str) {
        self.beacons_refused.with_label_values(&[reason]).inc();
    }

    /// So many events became durable.
    pub fn accepted(&self, events: u64) {
        self.hot.accepted.inc_by(events);
    }

    /// So many events are not stored, because their beacon was refused.
    pub(crate) fn refused(&self, events: u64) {
        self.events.with_label_values(&[REFUSED]).inc_by(events);
    }

    /// So many events are stored or not.
    pub(crate) fn unknown(&self, events: u64) {
        self.events.with_label_values(&[UNKNOWN]).inc_by(events);
    }

    /// One event was discarded.
    pub fn discarded(&self, reason: Discard) {
        self.events.with_label_values(&[reason.as_str()]).inc();
    }

    /// The spool as it is now.
    pub fn spool_is(&self, status: &passant_spool::Status, now: Timestamp) {
        self.spool.bytes.set(saturated(status.bytes));
        self.spool.capacity_bytes.set(saturated(status.capacity_bytes));
        self.spool.events.set(saturated(status.events));
        let oldest = status.oldest_unsent.and_then(|since| age_seconds(since, now)).unwrap_or(0.0);
        self.spool.oldest_unsent_seconds.set(oldest);
        advance(&self.io_errors, status.io_errors_total);
        advance(&self.frames_skipped, status.frames_skipped_total);
    }

    /// The keys and the country database as they are now.
    pub fn ages_are(&self, key_age_seconds: i64, country_database_age_seconds: Option<i64>) {
        self.key_age_seconds.set(key_age_seconds);
        self.country_database_age_seconds.set(country_database_age_seconds.unwrap_or(-1));
    }
}

/// Told by the spool's own thread.
impl passant_spool::Observer for Metrics {
    fn committed(&self, commit: passant_spool::Commit) {
        self.sync_seconds.observe(commit.sync.as_secs_f64());
        self.commit_events.observe(commit.frames as f64);
    }
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::new(name, help))
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

fn registered<M: Metric + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("the names are fixed, and a test makes them all");
    registry
        .register(Box::new(metric.clone()))
        .expect("each name stands once, and a test registers them all");
    metric
}

fn advance(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn age_seconds(since: SystemTime, now: Timestamp) -> Option<f64> {
    let since = Timestamp::try_from(since).ok()?;
    Some(now.duration_since(since).as_secs_f64().max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_there_from_the_start_and_counts() {
        let metrics = Metrics::new();
        metrics.accepted(3);
        metrics.discarded(Discard::Bot);
        metrics.answered(Route::Event, StatusCode::ACCEPTED, Duration::from_millis(3));
        let mut status = passant_spool::Status { io_errors_total: 5, ..Default::default() };
        metrics.spool_is(&status, Timestamp::UNIX_EPOCH);
        status.io_errors_total = 7;
        metrics.spool_is(&status, Timestamp::UNIX_EPOCH);
        let text = prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
        for line in [
            r#"passant_events_total{outcome="accepted"} 3"#,
            r#"passant_events_total{outcome="bot"} 1"#,
            r#"passant_events_total{outcome="no_visit"} 0"#,
            r#"passant_http_requests_total{code="202",route="event"} 1"#,
            "passant_spool_io_errors_total 7",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
