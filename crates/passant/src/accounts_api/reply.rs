//! What is answered: JSON, and what becomes of the session's cookie.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::authority::SESSION_COOKIE;

/// An answer.
pub(super) struct Reply {
    body: Value,
    session: Session,
}

/// What becomes of the session's cookie.
enum Session {
    Kept,
    Begun { secret: String, lasts_seconds: i64 },
    Ended,
}

impl Reply {
    pub(super) fn session_begun(body: Value, secret: String, lasts_seconds: i64) -> Self {
        Self { body, session: Session::Begun { secret, lasts_seconds } }
    }

    pub(super) fn session_ended(body: Value) -> Self {
        Self { body, session: Session::Ended }
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self { body, session: Session::Kept }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let cookie = match self.session {
            Session::Kept => return response,
            Session::Begun { secret, lasts_seconds } => cookie(&secret, lasts_seconds),
            Session::Ended => cookie("", 0),
        };
        let mut cookie = HeaderValue::try_from(cookie).expect("hex, digits and our own words");
        cookie.set_sensitive(true);
        headers.insert(SET_COOKIE, cookie);
        response
    }
}

/// Strict, since pages of ours ask for everything by themselves: no link of another site needs the session.
fn cookie(secret: &str, lasts_seconds: i64) -> String {
    format!("{SESSION_COOKIE}={secret}; Path=/; Max-Age={lasts_seconds}; Secure; HttpOnly; SameSite=Strict")
}
