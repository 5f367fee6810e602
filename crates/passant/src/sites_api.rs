//! The Sites API: sites and what is defined for them, in the shape of Plausible's.
//!
//! Invariant: any token may read what is defined for the sites that it is for, and only one of the scope
//! `sites:provision` may change it; a site that a token is not for looks like one that does not exist.

mod definition;
mod openapi;
mod page;
mod parameters;
mod refusal;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use passant_control::{Control, Grant, Scope, Setting, Site};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::view;

use self::definition::{DEFINITIONS, Definition};
use self::page::Page;
use self::parameters::Parameters;
use self::refusal::Refusal;

/// What the routes need.
#[derive(Clone)]
pub(crate) struct SitesApi {
    pub(crate) control: Arc<Control>,
    pub(crate) clock: fn() -> Timestamp,
    /// Told when a site's events are to be erased.
    pub(crate) erase: Arc<Notify>,
}

type Outcome = Result<Value, Refusal>;

/// The routes.
pub(crate) fn router(api: SitesApi) -> Router {
    let routes = Router::new()
        .route("/api/v1/sites", get(list_sites).post(add_site))
        .route("/api/v1/sites/openapi.json", get(async || Json(openapi::describe())))
        .route("/api/v1/sites/{domain}", get(show_site).put(change_site).delete(remove_site));
    let routes = DEFINITIONS.iter().fold(routes, |routes, definition| {
        let all = format!("/api/v1/sites/{}", definition.plural);
        let one = format!("{all}/{{id}}");
        routes
            .route(
                &all,
                get(async move |api: State<SitesApi>, call: Call| {
                    api.0.run(call, move |api, call| api.list(definition, &call)).await
                })
                .put(async move |api: State<SitesApi>, call: Call| {
                    api.0.run(call, move |api, call| api.put(definition, &call)).await
                }),
            )
            .route(
                &one,
                axum::routing::delete(async move |api: State<SitesApi>, id: Path<String>, call: Call| {
                    api.0.run(call, move |api, call| api.remove(definition, &call, &id)).await
                }),
            )
    });
    routes.with_state(api)
}

async fn list_sites(api: State<SitesApi>, call: Call) -> Response {
    let list = |api: &SitesApi, call: Call| {
        let grant = api.grant(&call)?;
        let sites = api.control.sites()?;
        let sites = sites.iter().filter(|site| grant.site_id.is_none_or(|only| only == site.id));
        let sites = sites.map(|site| (site.domain.clone(), view::site(site))).collect();
        Page::asked(&call.parameters)?.of("sites", sites)
    };
    api.0.run(call, list).await
}

async fn add_site(api: State<SitesApi>, call: Call) -> Response {
    let add = |api: &SitesApi, call: Call| {
        let grant = api.grant(&call)?;
        if grant.scope != Scope::SitesProvision || grant.site_id.is_some() {
            return Err(Refusal::NotAllowed);
        }
        let domain = call.parameters.needed("domain", "create a site")?;
        let timezone = call.parameters.text("timezone")?;
        let settings = call.parameters.settings()?;
        let timezone = timezone.as_deref().unwrap_or(Setting::Timezone.facts().default);
        let site = api.control.add_site(&domain, timezone, (api.clock)())?;
        match api.control.set_site(&site.domain, &settings) {
            Ok(site) => Ok(view::site(&site)),
            // Half of what was asked for would be neither one nor the other.
            Err(error) => {
                api.control.remove_site(&site.domain)?;
                Err(error.into())
            }
        }
    };
    api.0.run(call, add).await
}

async fn show_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    api.0.run(call, move |api, call| Ok(view::site(&api.site(&call, &domain, Purpose::Read)?))).await
}

async fn change_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    let change = move |api: &SitesApi, call: Call| {
        let mut site = api.site(&call, &domain, Purpose::Change)?;
        let mut settings = call.parameters.settings()?;
        settings.extend(call.parameters.text("timezone")?.map(|name| (Setting::Timezone, name)));
        let new_domain = call.parameters.text("domain")?;
        if settings.is_empty() && new_domain.is_none() {
            return Err(Refusal::bad("nothing to change, expected `domain`, `timezone` or `settings`"));
        }
        site = api.control.set_site(&site.domain, &settings)?;
        if let Some(new_domain) = new_domain {
            site = api.control.rename_site(&site.domain, &new_domain)?;
        }
        Ok(view::site(&site))
    };
    api.0.run(call, change).await
}

async fn remove_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    let remove = move |api: &SitesApi, call: Call| {
        let site = api.site(&call, &domain, Purpose::Change)?;
        api.control.remove_site(&site.domain)?;
        api.erase.notify_one();
        Ok(json!({ "deleted": true }))
    };
    api.0.run(call, remove).await
}

/// One request, read.
pub(crate) struct Call {
    bearer: Option<String>,
    parameters: Parameters,
}

impl<S: Send + Sync> axum::extract::FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Response> {
        let headers: HeaderMap = request.headers().clone();
        let query = RawQuery(request.uri().query().map(str::to_owned));
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let parameters =
            Parameters::read(query.0.as_deref(), &headers, &body).map_err(IntoResponse::into_response)?;
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        Ok(Self { bearer, parameters })
    }
}

/// What a site is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Change,
}

impl SitesApi {
    /// Runs what blocks: the control data is a file, and a change waits for the disk.
    async fn run(self, call: Call, work: impl FnOnce(&Self, Call) -> Outcome + Send + 'static) -> Response {
        let done = tokio::task::spawn_blocking(move || work(&self, call)).await;
        match done {
            Ok(Ok(answer)) => Json(answer).into_response(),
            Ok(Err(refusal)) => refusal.into_response(),
            Err(_) => Refusal::Failed.into_response(),
        }
    }

    fn grant(&self, call: &Call) -> Result<Grant, Refusal> {
        let bearer = call.bearer.as_deref().ok_or(Refusal::MissingToken)?;
        self.control.grant(bearer, (self.clock)())?.ok_or(Refusal::NotAllowed)
    }

    fn site(&self, call: &Call, domain: &str, purpose: Purpose) -> Result<Site, Refusal> {
        let grant = self.grant(call)?;
        if purpose == Purpose::Change && grant.scope != Scope::SitesProvision {
            return Err(Refusal::NotAllowed);
        }
        let site = self.control.site(domain)?;
        if grant.site_id.is_none_or(|only| only == site.id) { Ok(site) } else { Err(Refusal::UnknownSite) }
    }

    /// The site that a request about definitions names.
    fn named_site(&self, call: &Call, purpose: Purpose) -> Result<Site, Refusal> {
        // Who asks comes first: a stranger is not told what is missing.
        self.grant(call)?;
        self.site(call, &call.parameters.needed("site_id", "say which site is meant")?, purpose)
    }

    fn list(&self, definition: &Definition, call: &Call) -> Outcome {
        let site = self.named_site(call, Purpose::Read)?;
        let rows = (definition.list)(&self.control, &site)?;
        // Numbers in the order of their text.
        let rows = rows.into_iter().map(|(id, row)| (format!("{id:020}"), row)).collect();
        Page::asked(&call.parameters)?.of(definition.plural, rows)
    }

    fn put(&self, definition: &Definition, call: &Call) -> Outcome {
        let site = self.named_site(call, Purpose::Change)?;
        (definition.put)(&self.control, &site, &call.parameters)
    }

    fn remove(&self, definition: &Definition, call: &Call, id: &str) -> Outcome {
        let site = self.named_site(call, Purpose::Change)?;
        let id = id.parse().map_err(|_| Refusal::Unknown(definition.singular))?;
        (definition.remove)(&self.control, &site, id)?;
        Ok(json!({ "deleted": true }))
    }
}
