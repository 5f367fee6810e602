//! What is answered: JSON or the way to another page of ours, and what becomes of cookies.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::authority::SESSION_COOKIE;
use crate::oidc::{ATTEMPT_COOKIE, Attempt, LASTS_SECONDS};

/// An answer.
pub(super) struct Reply {
    body: Body,
    cookies: Vec<Cookie>,
}

enum Body {
    Json(Value),
    /// A path of ours.
    SeeOther(String),
}

/// What becomes of a cookie.
pub(super) enum Cookie {
    /// A session has begun.
    Session { secret: String, lasts_seconds: i64 },
    /// It has ended.
    NoSession,
    /// Somebody leaves for the provider.
    Attempt(Attempt),
    /// They have come back.
    NoAttempt,
}

impl Reply {
    pub(super) fn see_other(path: String) -> Self {
        Self { body: Body::SeeOther(path), cookies: Vec::new() }
    }

    pub(super) fn with(mut self, cookie: Cookie) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self { body: Body::Json(body), cookies: Vec::new() }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Body::Json(body) => Json(body).into_response(),
            Body::SeeOther(path) => {
                let path = HeaderValue::try_from(path).expect("one of our own words");
                (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in self.cookies {
            let mut cookie = HeaderValue::try_from(cookie.text()).expect("hex, digits and our own words");
            cookie.set_sensitive(true);
            headers.append(SET_COOKIE, cookie);
        }
        response
    }
}

impl Cookie {
    fn text(&self) -> String {
        match self {
            // Strict, since pages of ours ask for everything by themselves: no link of another site needs the session.
            Self::Session { secret, lasts_seconds } => {
                cookie(SESSION_COOKIE, secret, (*lasts_seconds, "Strict"))
            }
            Self::NoSession => cookie(SESSION_COOKIE, "", (0, "Strict")),
            // Lax, since it is the provider's page that leads back.
            Self::Attempt(attempt) => cookie(ATTEMPT_COOKIE, attempt.cookie(), (LASTS_SECONDS, "Lax")),
            Self::NoAttempt => cookie(ATTEMPT_COOKIE, "", (0, "Lax")),
        }
    }
}

fn cookie(name: &str, value: &str, (lasts_seconds, same_site): (i64, &str)) -> String {
    format!("{name}={value}; Path=/; Max-Age={lasts_seconds}; Secure; HttpOnly; SameSite={same_site}")
}
