//! Tokens for programs: of one site, or of all for owners. Shown once.

use axum::http::Method;
use jiff::Timestamp;
use passant_control::{Action, Actor, Decision, NewToken, Site, Subject, Token, decide};
use serde_json::json;

use super::{AccountsApi, Needed, Outcome, Route};
use crate::authority::require;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::view;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/tokens",
        summary: "Lists the tokens that one may revoke, all but their text",
        answers: "Tokens",
        takes: &[],
        run: list,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/tokens",
        summary: "Makes a token; its text is answered this once",
        answers: "MadeToken",
        takes: &[
            ("scope", Needed::Always, "what it allows, as stats:read"),
            ("site_id", Needed::Sometimes, "domain of the one site it is for; all sites without"),
            ("name", Needed::Sometimes, "what tells it from others"),
            ("expires_at", Needed::Sometimes, "instant from which on it allows nothing"),
        ],
        run: make,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/tokens/{id}",
        summary: "Revokes a token, from this moment on",
        answers: "Revoked",
        takes: &[],
        run: revoke,
    },
];

fn list(api: &AccountsApi, call: &Call) -> Outcome {
    let tokens: Vec<_> = own(api, &api.actor(call)?)?.iter().map(view::token).collect();
    Ok(json!({ "tokens": tokens }).into())
}

fn make(api: &AccountsApi, call: &Call) -> Outcome {
    let control = &api.authority.control;
    let actor = api.actor(call)?;
    let site = call.parameters.text("site_id")?.map(|domain| control.site(&domain)).transpose()?;
    require(&actor, Action::ChangeTokens, site.as_ref().map_or(Subject::Installation, Subject::Site))?;
    let instant = |text: String| {
        text.parse::<Timestamp>().map_err(|_| {
            Refusal::bad(format!("Parameter `expires_at`: {text:?}, expected one like 2027-01-01T00:00:00Z"))
        })
    };
    let token = NewToken {
        scope: call.parameters.needed("scope", "make a token")?.parse()?,
        site: site.as_ref(),
        name: call.parameters.text("name")?.unwrap_or_default(),
        expires_at: call.parameters.text("expires_at")?.map(instant).transpose()?,
    };
    let text = control.create_token(&token, api.authority.now())?;
    let made = control.tokens()?.pop().ok_or(Refusal::Failed)?;
    let mut answer = view::token(&made);
    answer["token"] = text.into();
    Ok(answer.into())
}

fn revoke(api: &AccountsApi, call: &Call) -> Outcome {
    let id = call.number("id", "token")?;
    let tokens = own(api, &api.actor(call)?)?;
    // Another's looks like one that does not exist.
    tokens.iter().find(|token| token.id == id).ok_or(Refusal::Unknown("token"))?;
    api.authority.control.revoke_token(id)?;
    Ok(json!({ "revoked": true }).into())
}

/// The tokens that somebody may revoke.
fn own(api: &AccountsApi, actor: &Actor) -> Result<Vec<Token>, Refusal> {
    if matches!(actor, Actor::Token(_) | Actor::Guest(_)) {
        return Err(Refusal::NotAllowed);
    }
    let sites = api.authority.control.sites()?;
    let may = |subject| decide(actor, Action::ChangeTokens, subject) == Decision::Allowed;
    let is_own = |token: &Token| match &token.domain {
        None => may(Subject::Installation),
        Some(domain) => {
            let site: Option<&Site> = sites.iter().find(|site| site.domain == *domain);
            site.is_some_and(|site| may(Subject::Site(site)))
        }
    };
    Ok(api.authority.control.tokens()?.into_iter().filter(is_own).collect())
}
