//! What can go wrong with a report, sorted by what the caller does about it.

use http::StatusCode;
use passant_store::Cost;

/// A report's outcome.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a question was not answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The question is wrong: mend it. The path names the key, as in `#/metrics/1`.
    #[error("{path}: {message}")]
    Invalid {
        /// The offending key.
        path: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// Neither a bearer token nor a session was shown.
    #[error("missing API key: send one as a bearer token, or sign in")]
    MissingToken,
    /// The token is unknown, the site is unknown, or the token may not read the site. These are one answer, so that a
    /// stranger learns nothing about which sites exist.
    #[error("invalid API key or site id: the site must exist and the key must be allowed to read it")]
    NotAllowed,
    /// Who may read the site cannot be looked up now: try again.
    #[error("who may read the site cannot be looked up now; try again")]
    AccessUnavailable,
    /// The question needs more than a report may have: ask for less.
    #[error("{}", too_costly(*.0))]
    TooCostly(Cost),
    /// The store is away, busy, or gave the question up: try again, or ask for less.
    #[error("the report could not be computed now; try again, or ask for a shorter range")]
    Unavailable(#[source] passant_store::Error),
    /// As many watch the live view as may: ask for it once, again and again.
    #[error("as many watch as may; ask for single answers, or try again")]
    TooManyWatch,
    /// Our own fault.
    #[error("the report failed")]
    Failed(#[source] passant_store::Error),
}

impl Error {
    pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), message: message.into() }
    }

    /// The status that says it in HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::MissingToken | Self::NotAllowed => StatusCode::UNAUTHORIZED,
            // The same question a minute later would need as much memory and as many rows, but perhaps less time.
            Self::TooCostly(Cost::Memory | Cost::Rows) => StatusCode::BAD_REQUEST,
            Self::TooCostly(Cost::Time)
            | Self::Unavailable(_)
            | Self::AccessUnavailable
            | Self::TooManyWatch => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

fn too_costly(limit: Cost) -> &'static str {
    match limit {
        Cost::Time => {
            "the report would take longer than one may; ask for a shorter range or fewer dimensions, or try again"
        }
        Cost::Memory => {
            "the report would take more memory than one may; ask for a shorter range or fewer dimensions"
        }
        Cost::Rows => "the report would read more events than one may; ask for a shorter range",
    }
}

/// `CANNOT_COMPILE_REGEXP` of ClickHouse: the one refusal that a user's own words can cause.
const CANNOT_COMPILE_REGEXP: u32 = 427;

impl From<passant_store::Error> for Error {
    fn from(error: passant_store::Error) -> Self {
        match error {
            passant_store::Error::Retry { .. } => Self::Unavailable(error),
            passant_store::Error::Refused { code: CANNOT_COMPILE_REGEXP, .. } => {
                Self::invalid("#/filters", "a pattern is not a valid regular expression (RE2)")
            }
            passant_store::Error::TooCostly { limit } => Self::TooCostly(limit),
            passant_store::Error::Refused { .. } | passant_store::Error::Stop { .. } => Self::Failed(error),
        }
    }
}
