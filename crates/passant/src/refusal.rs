//! Why the Sites API and the accounts API do not do what they are asked; where Plausible has words and a status, in those.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use passant_control::Error;
use serde_json::json;

use crate::oidc::Failure;

/// Why something is not done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is wrong: these words say how.
    Bad(String),
    /// No token.
    MissingToken,
    /// A token that does not allow this.
    NotAllowed,
    /// A site that is not there, or not for this token.
    UnknownSite,
    /// Something of this kind that is not there.
    Unknown(&'static str),
    /// Somebody whose role does not allow this.
    NotYours,
    /// Nobody has signed in.
    NoSession,
    /// Address and password do not fit, or the code does not.
    WrongPassword,
    /// Address and password fit, and a code of the device is needed, too.
    CodeNeeded,
    /// A link asks for a password, and none was shown or another.
    PasswordNeeded,
    /// Too many attempts; there is one again after this time.
    TooMany(Duration),
    /// As much of this is under way as may be.
    Busy,
    /// The sign-in provider cannot be asked now.
    SignIn(Failure),
    /// A page of another site made the browser send it.
    Foreign,
    /// A link that works once was used or is too old.
    LinkGone,
    /// The control data are away for the moment.
    Unavailable,
    /// Our own fault.
    Failed,
}

impl Refusal {
    pub(crate) fn bad(words: impl Into<String>) -> Self {
        Self::Bad(words.into())
    }

    fn said(&self) -> (StatusCode, String) {
        match self {
            Self::Bad(words) => (StatusCode::BAD_REQUEST, words.clone()),
            Self::MissingToken => (
                StatusCode::UNAUTHORIZED,
                "Missing API key. Please use a valid API key as a Bearer Token.".to_owned(),
            ),
            Self::NotAllowed => (
                StatusCode::UNAUTHORIZED,
                "Invalid API key. Please make sure you're using a valid API key with access to the resource you've requested."
                    .to_owned(),
            ),
            Self::UnknownSite => (StatusCode::NOT_FOUND, "Site could not be found".to_owned()),
            Self::Unknown(what) => {
                let (first, rest) = what.split_at(1);
                let what = first.to_ascii_uppercase() + rest;
                (StatusCode::NOT_FOUND, format!("{what} could not be found"))
            }
            Self::NotYours => (StatusCode::FORBIDDEN, "Your role does not allow this".to_owned()),
            Self::NoSession => (StatusCode::UNAUTHORIZED, "Nobody has signed in".to_owned()),
            Self::WrongPassword => {
                (StatusCode::UNAUTHORIZED, "E-mail address, password or code is wrong".to_owned())
            }
            Self::CodeNeeded => {
                (StatusCode::UNAUTHORIZED, "The code of your device is needed, too".to_owned())
            }
            Self::PasswordNeeded => {
                (StatusCode::UNAUTHORIZED, "The link asks for its password".to_owned())
            }
            Self::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                format!("Too many attempts; try again in {} seconds", seconds(*wait)),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Other exports are under way; try again when they have ended".to_owned(),
            ),
            Self::SignIn(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The sign-in provider cannot be reached now; try again, or sign in by password".to_owned(),
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "Only pages of this server may do this: expected Sec-Fetch-Site: same-origin, or its Origin"
                    .to_owned(),
            ),
            Self::LinkGone => {
                (StatusCode::GONE, "The link is not valid any more; ask for another".to_owned())
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The control data cannot be used now; try again".to_owned(),
            ),
            Self::Failed => {
                (StatusCode::INTERNAL_SERVER_ERROR, "The control data could not be used".to_owned())
            }
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(words) => Self::Bad(words),
            Error::UnknownSite(_) => Self::UnknownSite,
            Error::Unknown { what, .. } => Self::Unknown(what),
            Error::UnknownUser(_) => Self::Unknown("user"),
            Error::LinkGone => Self::LinkGone,
            Error::Unavailable(_) => {
                tracing::warn!(%error, "the control data cannot be used now");
                Self::Unavailable
            }
            Error::Newer { .. } | Error::Database(_) | Error::Server(_) | Error::Io(_) => {
                tracing::error!(%error, "the control data cannot be used");
                Self::Failed
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, words) = self.said();
        let mut body = json!({ "error": words });
        if self == Self::CodeNeeded {
            body["code_needed"] = json!(true);
        }
        if self == Self::PasswordNeeded {
            body["password_needed"] = json!(true);
        }
        let mut response = (status, Json(body)).into_response();
        let header = match self {
            Self::MissingToken | Self::NotAllowed => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::TooMany(wait) => Some((RETRY_AFTER, HeaderValue::from(seconds(wait)))),
            Self::Busy | Self::Unavailable | Self::SignIn(_) => {
                Some((RETRY_AFTER, HeaderValue::from(BUSY_SECONDS)))
            }
            Self::Bad(_)
            | Self::UnknownSite
            | Self::Unknown(_)
            | Self::NotYours
            | Self::NoSession
            | Self::WrongPassword
            | Self::CodeNeeded
            | Self::PasswordNeeded
            | Self::Foreign
            | Self::LinkGone
            | Self::Failed => None,
        };
        response.headers_mut().extend(header);
        response
    }
}

/// Exports take minutes rather than seconds, and so do providers that are away.
const BUSY_SECONDS: u64 = 30;

/// Whole seconds, at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}
