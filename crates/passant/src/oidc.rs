//! Signing in by a provider: OpenID Connect's code flow, with PKCE, bound to one browser for ten minutes.
//!
//! Invariant: whoever comes back from the provider begins a session only with the cookie that left, a state that fits it, and
//! an ID token that this provider has signed for us and for this attempt. The server starts and works whether the provider
//! answers or not: it is asked when somebody signs in, within deadlines, and never followed elsewhere.

mod admission;
mod attempt;
mod config;
mod outbound;
mod provider;

pub(crate) use admission::admit;
pub(crate) use attempt::{ATTEMPT_COOKIE, Attempt, LASTS_SECONDS};
pub(crate) use config::Config;
pub(crate) use provider::{CALLBACK_PATH, Provider};

/// Why somebody is not signed in by the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The provider does not answer, or not as one.
    Unreachable,
    /// As many are signing in as may at once.
    Busy,
    /// The provider did not let them in, or they did not want to.
    Denied,
    /// It took too long, or was not begun in this browser.
    NotBegunHere,
    /// What the provider gave us proves nothing.
    Unproven,
    /// The provider does not say that an e-mail address is theirs.
    NoAddress,
    /// The address is of no domain that may sign in here.
    Domain,
    /// They have no account, and none is made.
    NoAccount,
    /// The address has an account that is not joined with the provider.
    Taken,
    /// Our own fault.
    Failed,
}

impl Failure {
    /// The word by which the dashboard knows it: a closed set, so that no text of others comes onto a page.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Denied => "denied",
            Self::NotBegunHere => "not_begun_here",
            Self::Unproven => "unproven",
            Self::NoAddress => "no_address",
            Self::Domain => "domain",
            Self::NoAccount => "no_account",
            Self::Taken => "taken",
            Self::Failed => "failed",
        }
    }
}

impl From<passant_control::Error> for Failure {
    fn from(error: passant_control::Error) -> Self {
        tracing::error!(%error, "the control data cannot be used");
        Self::Failed
    }
}
