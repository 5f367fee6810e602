//! The accounts API: signing in, one's own account, who may do what, and tokens.
//!
//! Invariant: one table of routes, from which they are served and described. What changes something is refused to
//! another site's page, by whatever it is asked. A secret is answered once, and only to who made it.

mod account;
mod link;
mod member;
mod openapi;
mod reply;
mod session;
mod share;
mod sign_in;
mod token;
mod user;

use std::sync::Arc;

use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Json, Router};
use passant_control::{Actor, Person};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::authority::{Authority, Credentials};
use crate::call::{Call, Origin};
use crate::oidc::Provider;
use crate::refusal::Refusal;

use self::reply::{Cookie, Reply};

pub(crate) use self::link::{base_url, password_link, setup_link};

type Outcome = Result<Reply, Refusal>;
/// A parameter: its name, whether it is needed, what it says.
type Takes = (&'static str, Needed, &'static str);

/// Whether a parameter has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    Always,
    Sometimes,
}

/// What the routes need.
pub(crate) struct AccountsApi {
    authority: Authority,
    config: passant_control::Config,
    /// Where people reach the dashboard.
    base_url: String,
    /// By whom people may sign in besides.
    provider: Option<Provider>,
    throttle: crate::throttle::Throttle,
    /// Each hash of a password takes 19 MiB and a core for a while.
    hashing: Semaphore,
}

/// One route: adding one is a row in the table of its module.
struct Route {
    method: Method,
    path: &'static str,
    summary: &'static str,
    /// What the description calls the shape of its answer.
    answers: &'static str,
    takes: &'static [Takes],
    run: fn(&AccountsApi, &Call) -> Outcome,
}

/// Passwords that are hashed at once.
const HASHES_MAX: usize = 2;

/// Every route.
fn table() -> impl Iterator<Item = &'static Route> {
    [
        session::ROUTES,
        sign_in::ROUTES,
        account::ROUTES,
        user::ROUTES,
        member::ROUTES,
        token::ROUTES,
        share::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// The description of the routes.
pub(crate) fn description() -> serde_json::Value {
    openapi::describe()
}

/// The routes.
pub(crate) fn router(api: AccountsApi) -> Router {
    let described = Router::new().route(openapi::PATH, get(async || Json(openapi::describe())));
    let routes = table().fold(described, |router, route| {
        let filter = MethodFilter::try_from(route.method.clone())
            .expect("a test holds every method of the table to be one that axum filters by");
        let answer = async move |api: State<Arc<AccountsApi>>, call: Call| api.0.answer(route, call).await;
        router.route(route.path, on(filter, answer))
    });
    routes.with_state(Arc::new(api))
}

impl AccountsApi {
    pub(crate) fn new(authority: Authority, config: passant_control::Config, base_url: String) -> Self {
        let (throttle, hashing) = (crate::throttle::Throttle::new(), Semaphore::new(HASHES_MAX));
        Self { authority, config, base_url, provider: None, throttle, hashing }
    }

    /// The same, with a provider by whom people may sign in besides.
    pub(crate) fn with_provider(self, provider: Option<Provider>) -> Self {
        Self { provider, ..self }
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Runs what blocks: the control data is a file, and a password takes its time.
    async fn answer(self: Arc<Self>, route: &'static Route, call: Call) -> Response {
        // Without a session there is one to be begun; a token is nothing that a page could send.
        let by_token = matches!(call.credentials, Credentials::Token(_));
        if call.origin == Origin::Foreign && !by_token {
            return Refusal::Foreign.into_response();
        }
        let done = tokio::task::spawn_blocking(move || (route.run)(&self, &call)).await;
        done.unwrap_or(Err(Refusal::Failed)).into_response()
    }

    /// Who asks; a stranger is told nothing else.
    fn actor(&self, call: &Call) -> Result<Actor, Refusal> {
        match self.authority.actor(&call.credentials)? {
            Actor::Stranger => Err(Refusal::NoSession),
            known @ (Actor::Person(_) | Actor::Token(_) | Actor::Guest(_)) => Ok(known),
        }
    }

    /// Who has signed in.
    fn person(&self, call: &Call) -> Result<Person, Refusal> {
        match self.actor(call)? {
            Actor::Person(person) => Ok(person),
            Actor::Token(_) | Actor::Guest(_) => Err(Refusal::NotAllowed),
            Actor::Stranger => Err(Refusal::NoSession),
        }
    }

    /// Does what hashes a password, in its turn.
    fn in_turn<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = Handle::current().block_on(self.hashing.acquire());
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_shape_and_every_shape_an_answer() {
        let described = openapi::describe();
        let shapes = described["components"]["schemas"].as_object().expect("a table");
        let text = described.to_string();
        for name in table().map(|route| route.answers) {
            assert!(shapes.contains_key(name), "{name}");
        }
        for name in shapes.keys() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name}");
        }
    }

    #[test]
    fn every_route_can_be_served_and_stands_once() {
        let mut seen = std::collections::HashSet::new();
        for route in table() {
            assert!(MethodFilter::try_from(route.method.clone()).is_ok());
            assert!(seen.insert((route.method.clone(), route.path)), "{} {}", route.method, route.path);
        }
    }
}
