//! Links that share a site's reports with whoever has one, and opening them.

use axum::http::Method;
use jiff::Timestamp;
use passant_control::{Action, Actor, Decision, NewShareLink, Opened, Password, Site, Subject, decide};
use serde_json::{Value, json};

use super::{AccountsApi, Needed, Outcome, Route, link};
use crate::authority::require;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::view;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/sites/shared-links",
        summary: "Lists the links of a site, all but their secrets",
        answers: "ShareLinks",
        takes: &[("site_id", Needed::Always, "domain of the site")],
        run: list,
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/sites/shared-links",
        summary: "Makes a link; its URL is answered this once",
        answers: "MadeShareLink",
        takes: &[
            ("site_id", Needed::Always, "domain of the site"),
            ("name", Needed::Always, "what tells it from others"),
            ("password", Needed::Sometimes, "one to ask for, at least 10 characters"),
            ("segment_id", Needed::Sometimes, "number of the one segment that it shows"),
            ("expires_at", Needed::Sometimes, "instant from which on it shows nothing"),
            ("frame_ancestors", Needed::Sometimes, "list of origins whose pages may frame it"),
        ],
        run: make,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/sites/shared-links/{id}",
        summary: "Removes a link; who has opened it reads nothing any more",
        answers: "Removed",
        takes: &[("site_id", Needed::Always, "domain of the site")],
        run: remove,
    },
    Route {
        method: Method::POST,
        path: "/api/share",
        summary: "Opens a link: answers a pass, which reads reports as a bearer token does",
        answers: "Opened",
        takes: &[
            ("link", Needed::Sometimes, "what stands after the # of the URL"),
            ("site_id", Needed::Sometimes, "instead: domain of a public site, which needs no pass"),
            ("password", Needed::Sometimes, "where `password_needed` was answered"),
        ],
        run: open,
    },
];

fn list(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    let links = api.authority.control.share_links(&site)?;
    Ok(json!({ "shared_links": links.iter().map(view::share_link).collect::<Vec<_>>() }).into())
}

fn make(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    let link = NewShareLink {
        name: call.parameters.needed("name", "make a link")?,
        password: call.parameters.text("password")?.map(Password::chosen).transpose()?,
        segment_id: call.parameters.number("segment_id")?,
        frame_ancestors: origins(call)?,
        expires_at: call.parameters.text("expires_at")?.map(|text| instant(&text)).transpose()?,
    };
    let now = api.authority.now();
    let (made, secret) = api.in_turn(|| api.authority.control.add_share_link(&site, link, now))?;
    let mut answer = view::share_link(&made);
    answer["url"] = link::share_link(&api.base_url, &site.domain, &secret).into();
    if !made.frame_ancestors.is_empty() {
        answer["embed_url"] = link::embed_link(&api.base_url, &site.domain, (made.id, &secret)).into();
    }
    Ok(answer.into())
}

fn remove(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    api.authority.control.remove_share_link(&site, call.number("id", "link")?)?;
    Ok(json!({ "deleted": true }).into())
}

fn open(api: &AccountsApi, call: &Call) -> Outcome {
    let (control, now) = (&api.authority.control, api.authority.now());
    let Some(secret) = call.parameters.text("link")? else { return open_public(api, call) };
    let password = call.parameters.text("password")?.map(Password::shown);
    // Who shows a password may be guessing; who shows none gets at most a pass, and there is no limit on those.
    let guess = password.is_some().then(|| format!("link {secret}"));
    if let Some(guess) = &guess {
        api.throttle.attempt(guess, call.prefix, now).map_err(Refusal::TooMany)?;
    }
    match api.in_turn(|| control.open_share_link(&secret, password.as_ref(), now))? {
        Opened::PasswordNeeded => Err(Refusal::PasswordNeeded),
        Opened::Pass { pass, ends, link } => {
            if let Some(guess) = &guess {
                api.throttle.succeeded(guess, call.prefix);
            }
            let sites = control.sites()?;
            let site = sites.iter().find(|site| site.id == link.site_id).ok_or(Refusal::LinkGone)?;
            Ok(json!({ "pass": pass, "expires_at": ends.to_string(), "site": shown(site) }).into())
        }
    }
}

/// What a page has to know of a site that all may read.
fn open_public(api: &AccountsApi, call: &Call) -> Outcome {
    let domain = call.parameters.needed("site_id", "open a public site, or `link` to open a link")?;
    // One that is not there and one that is not public look the same.
    let unknown = || Refusal::Unknown("public site");
    let site = api.authority.control.site(&domain).map_err(|_| unknown())?;
    match decide(&Actor::Stranger, Action::ReadReports, Subject::Site(&site)) {
        Decision::Allowed | Decision::AllowedAsPublic => Ok(json!({ "site": shown(&site) }).into()),
        Decision::Hidden | Decision::Refused => Err(unknown()),
    }
}

fn shown(site: &Site) -> Value {
    json!({ "domain": site.domain, "timezone": site.timezone })
}

fn site(api: &AccountsApi, call: &Call) -> Result<Site, Refusal> {
    let actor = api.actor(call)?;
    let site = api.authority.control.site(&call.parameters.needed("site_id", "say which site is meant")?)?;
    require(&actor, Action::ChangeLinks, Subject::Site(&site))?;
    Ok(site)
}

fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let wrong =
        || Refusal::bad(format!("Parameter `expires_at`: {text:?}, expected one like 2027-01-01T00:00:00Z"));
    text.parse().map_err(|_| wrong())
}

fn origins(call: &Call) -> Result<Vec<String>, Refusal> {
    let Some(origins) = call.parameters.json("frame_ancestors")? else { return Ok(Vec::new()) };
    let text = |origin: &Value| origin.as_str().map(str::to_owned);
    let origins = origins.as_array().and_then(|origins| origins.iter().map(text).collect());
    origins.ok_or_else(|| Refusal::bad("Parameter `frame_ancestors`: expected a list of origins"))
}
