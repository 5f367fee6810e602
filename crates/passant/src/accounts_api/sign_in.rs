//! Signing in by a provider: leaving for it, and coming back.
//!
//! Invariant: whoever comes back is sent on to our own first page, whatever they bring, and is told what went wrong by a word
//! of ours.

use axum::http::Method;
use serde_json::json;

use super::{AccountsApi, Cookie, Needed, Outcome, Reply, Route};
use crate::call::Call;
use crate::oidc::{self, Attempt, CALLBACK_PATH, Failure, Provider};
use crate::refusal::Refusal;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/sign-in",
        summary: "How people may sign in besides by password",
        answers: "SignIn",
        takes: &[],
        run: ways,
    },
    Route {
        method: Method::POST,
        path: CALLBACK_PATH,
        summary: "Begins to sign in by the provider: answers the `url` where the browser has to go",
        answers: "Provider",
        takes: &[],
        run: begin,
    },
    Route {
        method: Method::GET,
        path: CALLBACK_PATH,
        summary: "Where the provider sends the browser back: signs in, and leads to the first page",
        answers: "SignedIn",
        takes: &[
            ("state", Needed::Always, "what it was sent there with"),
            ("code", Needed::Sometimes, "what proves who has signed in"),
            ("error", Needed::Sometimes, "instead: why nobody has"),
            ("iss", Needed::Sometimes, "which provider it is"),
        ],
        run: finish,
    },
];

/// Where people go on, and where they are told what went wrong: the dashboard takes the word out of the fragment.
const FIRST_PAGE: &str = "/";
const FAILED: &str = "/#sign-in=";

fn ways(api: &AccountsApi, _: &Call) -> Outcome {
    let label = api.provider.as_ref().map(|provider| json!({ "label": provider.config.label }));
    Ok(json!({ "single_sign_on": label }).into())
}

fn begin(api: &AccountsApi, _: &Call) -> Outcome {
    let now = api.authority.now();
    let attempt = Attempt::begin(now).map_err(|_| Refusal::Failed)?;
    let url = provider(api)?.begin(&attempt, now).map_err(Refusal::SignIn)?;
    Ok(Reply::from(json!({ "url": url })).with(Cookie::Attempt(attempt)))
}

fn finish(api: &AccountsApi, call: &Call) -> Outcome {
    Ok(match signed_in(api, provider(api)?, call) {
        Ok(session) => Reply::see_other(FIRST_PAGE.into()).with(session).with(Cookie::NoAttempt),
        // One that goes on elsewhere in this browser is not ended by an address that somebody made up.
        Err(Failure::NotBegunHere) => failed(Failure::NotBegunHere),
        Err(failure) => failed(failure).with(Cookie::NoAttempt),
    })
}

fn failed(failure: Failure) -> Reply {
    Reply::see_other(format!("{FAILED}{}", failure.as_str()))
}

/// The session of who has come back.
fn signed_in(api: &AccountsApi, provider: &Provider, call: &Call) -> Result<Cookie, Failure> {
    let (control, now) = (&api.authority.control, api.authority.now());
    let said = |key| call.parameters.text(key).unwrap_or_default().unwrap_or_default();
    let attempt = call.attempt.as_deref().and_then(|cookie| Attempt::read(cookie, now));
    let attempt = attempt.filter(|attempt| attempt.is_answered_by(&said("state")));
    let attempt = attempt.ok_or(Failure::NotBegunHere)?;
    if !said("error").is_empty() || said("code").is_empty() {
        return Err(Failure::Denied);
    }
    // RFC 9207; who sends none is held to the issuer of the ID token all the same.
    if ![provider.config.issuer.as_str(), ""].contains(&said("iss").as_str()) {
        return Err(Failure::Unproven);
    }
    api.throttle.attempt_by(call.prefix, now).map_err(|_| Failure::Busy)?;
    let person = provider.finish(&attempt, said("code"), now)?;
    let user = oidc::admit(control, provider, &person, now)?;
    api.throttle.succeeded_by(call.prefix);
    let limits = api.authority.session_limits;
    let secret = control.begin_session(&user, now, limits)?;
    Ok(Cookie::Session { secret, lasts_seconds: limits.lasts.as_secs() })
}

fn provider(api: &AccountsApi) -> Result<&Provider, Refusal> {
    api.provider.as_ref().ok_or(Refusal::Unknown("single sign-on"))
}
