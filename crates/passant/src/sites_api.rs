//! The Sites API: sites and what is defined for them, in the shape of Plausible's.
//!
//! Invariant: who may do what is decided by [`decide`] alone; a site that somebody may not see looks like one that does
//! not exist.

mod definition;
mod openapi;
mod page;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use passant_control::{Action, Actor, Decision, Links, Setting, Site, Subject, decide};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::authority::{Authority, require};
use crate::call::Call;
use crate::config::Tracker;
use crate::refusal::Refusal;
use crate::script::SiteScript;
use crate::view;

use self::definition::{Change, DEFINITIONS, Definition};
use self::page::Page;

/// What the routes need.
#[derive(Clone)]
pub(crate) struct SitesApi {
    pub(crate) authority: Authority,
    /// Where the website script is.
    pub(crate) tracker: Arc<Tracker>,
    /// Told when a site's events are to be erased.
    pub(crate) erase: Arc<Notify>,
}

type Outcome = Result<Value, Refusal>;

/// The description of the routes.
pub(crate) fn description() -> Value {
    openapi::describe()
}

/// The routes.
pub(crate) fn router(api: SitesApi) -> Router {
    let routes = Router::new()
        .route("/api/v1/sites", get(list_sites).post(add_site))
        .route("/api/v1/sites/openapi.json", get(async || Json(openapi::describe())))
        .route("/api/v1/sites/{domain}", get(show_site).put(change_site).delete(remove_site))
        .route("/api/v1/sites/{domain}/script", get(show_script));
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
                axum::routing::put(async move |api: State<SitesApi>, id: Path<String>, call: Call| {
                    api.0.run(call, move |api, call| api.change(definition, &call, &id)).await
                })
                .delete(async move |api: State<SitesApi>, id: Path<String>, call: Call| {
                    api.0.run(call, move |api, call| api.remove(definition, &call, &id)).await
                }),
            )
    });
    routes.with_state(api)
}

async fn list_sites(api: State<SitesApi>, call: Call) -> Response {
    let list = |api: &SitesApi, call: Call| {
        let actor = api.actor(&call)?;
        let sites = api.authority.control.sites()?;
        let may_read =
            |site: &&Site| decide(&actor, Action::ReadDefinitions, Subject::Site(site)) == Decision::Allowed;
        let sites = sites.iter().filter(may_read);
        let sites = sites.map(|site| (site.domain.clone(), view::site(site))).collect();
        Page::asked(&call.parameters)?.of("sites", sites)
    };
    api.0.run(call, list).await
}

async fn add_site(api: State<SitesApi>, call: Call) -> Response {
    let add = |api: &SitesApi, call: Call| {
        require(&api.actor(&call)?, Action::AddSite, Subject::Installation)?;
        let domain = call.parameters.needed("domain", "create a site")?;
        let timezone = call.parameters.text("timezone")?;
        let timezone = timezone.map(|timezone| (Setting::Timezone, timezone));
        let settings: Vec<_> = timezone.into_iter().chain(call.parameters.settings()?).collect();
        let site = api.authority.control.add_site_with(&domain, &settings, api.authority.now())?;
        Ok(view::site(&site))
    };
    api.0.run(call, add).await
}

async fn show_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    api.0
        .run(call, move |api, call| Ok(view::site(&api.site(&call, &domain, Action::ReadDefinitions)?)))
        .await
}

async fn show_script(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    let show = move |api: &SitesApi, call: Call| {
        let site = api.site(&call, &domain, Action::ReadDefinitions)?;
        let script = SiteScript { paths: &api.tracker, options: &site.script_options };
        Ok(view::script(&site, script))
    };
    api.0.run(call, show).await
}

async fn change_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    let change = move |api: &SitesApi, call: Call| {
        let mut site = api.site(&call, &domain, Action::ChangeSite)?;
        let mut settings = call.parameters.settings()?;
        settings.extend(call.parameters.text("timezone")?.map(|name| (Setting::Timezone, name)));
        let new_domain = call.parameters.text("domain")?;
        if settings.is_empty() && new_domain.is_none() {
            return Err(Refusal::bad("nothing to change, expected `domain`, `timezone` or `settings`"));
        }
        site = api.authority.control.set_site(&site.domain, &settings)?;
        if let Some(new_domain) = new_domain {
            site = api.authority.control.rename_site(&site.domain, &new_domain)?;
        }
        Ok(view::site(&site))
    };
    api.0.run(call, change).await
}

async fn remove_site(api: State<SitesApi>, domain: Path<String>, call: Call) -> Response {
    let remove = move |api: &SitesApi, call: Call| {
        let site = api.site(&call, &domain, Action::ChangeSite)?;
        api.authority.control.remove_site(&site.domain)?;
        api.erase.notify_one();
        Ok(json!({ "deleted": true }))
    };
    api.0.run(call, remove).await
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

    /// Who asks; a stranger is told nothing else.
    fn actor(&self, call: &Call) -> Result<Actor, Refusal> {
        match self.authority.actor(&call.credentials)? {
            Actor::Stranger => Err(Refusal::MissingToken),
            known @ (Actor::Person(_) | Actor::Token(_) | Actor::Guest(_)) => Ok(known),
        }
    }

    fn site(&self, call: &Call, domain: &str, action: Action) -> Result<Site, Refusal> {
        let actor = self.actor(call)?;
        let site = self.authority.control.site(domain)?;
        require(&actor, action, Subject::Site(&site))?;
        Ok(site)
    }

    /// The site that a request about definitions names.
    fn named_site(&self, call: &Call, action: Action) -> Result<Site, Refusal> {
        // Who asks comes first: a stranger is not told what is missing.
        self.actor(call)?;
        self.site(call, &call.parameters.needed("site_id", "say which site is meant")?, action)
    }

    fn list(&self, definition: &Definition, call: &Call) -> Outcome {
        let site = self.named_site(call, Action::ReadDefinitions)?;
        let rows = (definition.list)(&self.authority.control, &site)?;
        // Numbers in the order of their text.
        let rows = rows.into_iter().map(|(id, row)| (format!("{id:020}"), row)).collect();
        Page::asked(&call.parameters)?.of(definition.plural, rows)
    }

    fn put(&self, definition: &Definition, call: &Call) -> Outcome {
        let site = self.named_site(call, Action::Define)?;
        (definition.put)(&self.authority.control, &site, &call.parameters)
    }

    fn change(&self, definition: &Definition, call: &Call, id: &str) -> Outcome {
        let site = self.named_site(call, Action::Define)?;
        let links = match decide(&self.actor(call)?, Action::ChangeLinks, Subject::Site(&site)) {
            Decision::Allowed => Links::Follow,
            Decision::AllowedAsPublic | Decision::Hidden | Decision::Refused => Links::Stay,
        };
        let change = Change { id: definition.number(id)?, parameters: &call.parameters, links };
        (definition.change)(&self.authority.control, &site, change)
    }

    fn remove(&self, definition: &Definition, call: &Call, id: &str) -> Outcome {
        let site = self.named_site(call, Action::Define)?;
        let id = definition.number(id)?;
        (definition.remove)(&self.authority.control, &site, id)?;
        Ok(json!({ "deleted": true }))
    }
}
