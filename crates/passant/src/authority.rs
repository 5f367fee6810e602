//! Who asks, and what they may do: from the headers of a request to an actor, for every route alike.
//!
//! Invariant: a token or a pass goes before a session. A session that has ended is a stranger's, a token that nobody gave is
//! refused: whoever brings one means to be known.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;
use passant_control::{
    Action, Actor, Control, Decision, PASS_PREFIX, Person, SessionLimits, Subject, decide,
};

use crate::cookie::cookie;
use crate::refusal::Refusal;

/// Bound to this host, to HTTPS and to the whole site by its prefix (RFC 6265bis).
pub(crate) const SESSION_COOKIE: &str = "__Host-passant";

/// What a request shows of who asks.
pub(crate) enum Credentials {
    None,
    Token(String),
    Session(String),
}

/// What the answer depends on.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) control: Arc<Control>,
    pub(crate) clock: fn() -> Timestamp,
    pub(crate) session_limits: SessionLimits,
}

impl Credentials {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match (bearer(headers), session_cookie(headers)) {
            (Some(token), _) => Self::Token(token.to_owned()),
            (None, Some(secret)) => Self::Session(secret.to_owned()),
            (None, None) => Self::None,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The secret in the session's cookie, if there is one.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

impl Authority {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Who it is.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] for a token that nobody gave or that has ended, and when the control data cannot be read.
    pub(crate) fn actor(&self, credentials: &Credentials) -> Result<Actor, Refusal> {
        match credentials {
            Credentials::None => Ok(Actor::Stranger),
            Credentials::Token(pass) if pass.starts_with(PASS_PREFIX) => {
                self.control.share(pass, self.now())?.map(Actor::Guest).ok_or(Refusal::NotAllowed)
            }
            Credentials::Token(token) => {
                self.control.grant(token, self.now())?.map(Actor::Token).ok_or(Refusal::NotAllowed)
            }
            Credentials::Session(secret) => Ok(self.person(secret)?.map_or(Actor::Stranger, Actor::Person)),
        }
    }

    fn person(&self, secret: &str) -> Result<Option<Person>, Refusal> {
        let Some((user, session)) = self.control.session(secret, self.now(), self.session_limits)? else {
            return Ok(None);
        };
        let roles = self.control.roles(user.id)?;
        Ok(Some(Person { user, session, roles }))
    }
}

/// Lets pass who may do this.
///
/// # Errors
/// How to refuse the others.
pub(crate) fn require(actor: &Actor, action: Action, subject: Subject<'_>) -> Result<(), Refusal> {
    match (decide(actor, action, subject), actor) {
        (Decision::Allowed, _) => Ok(()),
        // What the public may read is reports, which have an access of their own.
        (Decision::AllowedAsPublic, _) => Err(Refusal::NotAllowed),
        (Decision::Hidden | Decision::Refused, Actor::Stranger) => Err(Refusal::MissingToken),
        (Decision::Hidden, Actor::Person(_) | Actor::Token(_) | Actor::Guest(_)) => Err(Refusal::UnknownSite),
        (Decision::Refused, Actor::Person(_)) => Err(Refusal::NotYours),
        (Decision::Refused, Actor::Token(_) | Actor::Guest(_)) => Err(Refusal::NotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn a_session_is_found_among_other_cookies_and_a_token_goes_before_it() {
        let mut headers = HeaderMap::new();
        assert!(matches!(Credentials::of(&headers), Credentials::None));
        headers.append(COOKIE, HeaderValue::from_static("theme=dark; __Host-passantx=1"));
        assert!(session_cookie(&headers).is_none());
        headers.append(COOKIE, HeaderValue::from_static("a=b;__Host-passant=5ec2e7 ; c"));
        assert!(matches!(Credentials::of(&headers), Credentials::Session(secret) if secret == "5ec2e7"));
        for (value, token) in [("bearer  t1 ", Some("t1")), ("Basic eA==", None), ("Bearer ", None)] {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            match (Credentials::of(&headers), token) {
                (Credentials::Token(found), Some(token)) => assert_eq!(found, token),
                (Credentials::Session(_), None) => {}
                _ => panic!("{value}"),
            }
        }
    }
}
