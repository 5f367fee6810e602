//! What the collector answers: each outcome with its status, in one place.
//!
//! No answer may carry anything that differs between two visitors who send the same.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::adapter::Reply;
use crate::beacon::Invalid;
use crate::{Config, Discard};

/// Says why events of an accepted beacon were not stored.
const DISCARDED: HeaderName = HeaderName::from_static("x-passant-discarded");
/// Says how many, under the name that Plausible's clients know.
const DROPPED: HeaderName = HeaderName::from_static("x-plausible-dropped");

/// The reason of a beacon that cannot be read, as metrics read it.
pub(super) const INVALID: &str = "invalid";

/// What is answered.
pub(super) enum Answer {
    /// All events of the beacons are durable but for those that were discarded, and those that the reply names.
    Accepted { discards: Vec<Discard>, reply: Reply },
    /// What a browser may send from another origin.
    Preflight(&'static [Method]),
    /// Beacons are taken.
    Healthy { sites: usize },
    /// Nothing is stored.
    Refused(Refusal),
}

/// Why nothing is stored.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What cannot be read, and who says so in the words of its protocol.
    Invalid(Invalid, fn(&Invalid) -> Reply),
    /// A token that does not allow what is asked, or none where one is needed.
    Token,
    Type,
    TooLarge,
    Slow,
    Broken,
    PrefixRate(Duration),
    SiteRate(Duration),
    Overloaded,
    SpoolFull(Duration),
    SpoolFailed,
    SpoolClosed,
    Path,
    Method,
    /// No answer would be true.
    Unanswerable,
}

impl Answer {
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Accepted { discards, reply } => accepted(&discards, reply),
            Self::Preflight(methods) => preflight(methods),
            Self::Healthy { sites } => healthy(sites),
            Self::Refused(refusal) => refusal.into_response(),
        }
    }
}

impl Refusal {
    /// The one table of status codes.
    const fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(..) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PrefixRate(_) | Self::SiteRate(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded
            | Self::SpoolFull(_)
            | Self::SpoolFailed
            | Self::SpoolClosed
            | Self::Unanswerable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason as metrics read it.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Invalid(..) => INVALID,
            Self::Token => "token",
            Self::Type => "type",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::PrefixRate(_) => "prefix_rate",
            Self::SiteRate(_) => "site_rate",
            Self::Overloaded => "overloaded",
            Self::SpoolFull(_) => "spool_full",
            Self::SpoolFailed => "spool_failed",
            Self::SpoolClosed => "spool_closed",
            Self::Path => "path",
            Self::Method => "method",
            Self::Unanswerable => "unanswerable",
        }
    }

    /// When the client should try again, where that is worth trying.
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::PrefixRate(after) | Self::SiteRate(after) | Self::SpoolFull(after) => Some(*after),
            Self::Overloaded | Self::SpoolFailed | Self::SpoolClosed => Some(Duration::from_secs(1)),
            Self::Invalid(..)
            | Self::Token
            | Self::Type
            | Self::TooLarge
            | Self::Slow
            | Self::Broken
            | Self::Path
            | Self::Method
            | Self::Unanswerable => None,
        }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let status = self.status();
        let (content_type, body) = match &self {
            Self::Invalid(invalid, refuse) => return refuse(invalid).into_response(),
            Self::Token => ("text/plain", "the token does not allow this".to_owned()),
            Self::Type => ("text/plain", "expected application/json or text/plain".to_owned()),
            Self::TooLarge => ("text/plain", "the beacon is too large".to_owned()),
            Self::Slow => ("text/plain", "the beacon took too long".to_owned()),
            Self::PrefixRate(_) | Self::SiteRate(_) => ("text/plain", "too many beacons".to_owned()),
            Self::Overloaded
            | Self::SpoolFull(_)
            | Self::SpoolFailed
            | Self::SpoolClosed
            | Self::Unanswerable => ("text/plain", "beacons cannot be stored now".to_owned()),
            Self::Broken | Self::Path | Self::Method => ("text/plain", String::new()),
        };
        let mut response = response(status, content_type, body);
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after() {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        match self {
            // What is left of the body is not worth reading.
            Self::TooLarge | Self::Slow | Self::Broken | Self::Type => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
            }
            Self::Token => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Invalid(..)
            | Self::PrefixRate(_)
            | Self::SiteRate(_)
            | Self::Overloaded
            | Self::SpoolFull(_)
            | Self::SpoolFailed
            | Self::SpoolClosed
            | Self::Path
            | Self::Unanswerable => {}
        }
        response
    }
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

impl Reply {
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = response(self.status, self.content_type, self.body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn accepted(discards: &[Discard], reply: Reply) -> Response<Full<Bytes>> {
    let mut response = reply.into_response();
    if !discards.is_empty() {
        let reasons = Discard::ALL.iter().filter(|reason| discards.contains(reason));
        let reasons: Vec<_> = reasons.map(|reason| reason.as_str()).collect();
        let reasons = HeaderValue::from_str(&reasons.join(", ")).expect("the reasons are lower case words");
        response.headers_mut().insert(DISCARDED, reasons);
        response.headers_mut().insert(DROPPED, discards.len().into());
    }
    response
}

fn healthy(sites: usize) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "status": "ok", "sites": sites });
    response(StatusCode::OK, "application/json", body.to_string())
}

fn preflight(methods: &[Method]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods: Vec<_> = methods.iter().chain([&Method::OPTIONS]).map(Method::as_str).collect();
    let methods = HeaderValue::from_str(&methods.join(", ")).expect("methods are upper case words");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    // The second is Umami's, whose clients send back what we told them to remember: nothing.
    let allowed = HeaderValue::from_static("content-type, x-umami-cache");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// Whose pages may read our answers.
pub(super) struct Origins(Vec<String>);

impl Origins {
    pub(super) fn new(config: &Config) -> Self {
        Self(
            config.allowed_origins.iter().map(|origin| origin.trim_end_matches('/').to_lowercase()).collect(),
        )
    }

    /// Any origin where none is listed; otherwise the one that asks, if it is listed.
    pub(super) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let exposed = HeaderValue::from_static("x-passant-discarded, x-plausible-dropped");
        if self.0.is_empty() {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            return;
        }
        response.insert(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = request.get(header::ORIGIN) else { return };
        let listed = origin.to_str().is_ok_and(|origin| self.0.contains(&origin.to_lowercase()));
        if listed {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}
