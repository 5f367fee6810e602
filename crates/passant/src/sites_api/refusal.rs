//! Why the Sites API does not do what it is asked, in the words and statuses of Plausible's.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use passant_control::Error;
use serde_json::json;

/// Why something is not done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
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
    /// Our own fault.
    Failed,
}

impl Refusal {
    pub(super) fn bad(words: impl Into<String>) -> Self {
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
            Error::Newer { .. } | Error::Database(_) | Error::Io(_) => {
                tracing::error!(%error, "the control data cannot be used");
                Self::Failed
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, words) = self.said();
        let mut response = (status, Json(json!({ "error": words }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
