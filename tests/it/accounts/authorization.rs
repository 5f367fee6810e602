//! Who may do what: every actor on every route of the three descriptions, on their own site, on another, and on one that
//! is open to all.
//!
//! Invariant: a route that is described and not listed here fails the test, and so does one that is listed twice. What
//! somebody may not see is answered as what is not there.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use passant_control::{
    Control, NewShareLink, NewToken, NewUser, Opened, Role, Scope, SessionLimits, Setting, User,
};
use passant_tests::{Answer, Passant, until};
use serde_json::{Value, json};

const OWN: &str = "example.com";
const OTHER: &str = "other.example";
const OPEN: &str = "open.example";
const NOWHERE: &str = "nowhere.example";

/// Who asks: nobody, somebody with a role on [`OWN`], tokens of [`OWN`] and of all sites, and who has opened a link.
const ACTORS: &[(char, Actor)] = &[
    ('s', Actor::Stranger),
    ('v', Actor::Person(Role::Viewer)),
    ('a', Actor::Person(Role::Analyst)),
    ('m', Actor::Person(Role::Admin)),
    ('o', Actor::Person(Role::Owner)),
    ('r', Actor::Token(Scope::StatsRead, Reach::Own)),
    ('p', Actor::Token(Scope::SitesProvision, Reach::Own)),
    ('g', Actor::Guest),
    ('e', Actor::Token(Scope::EventsRead, Reach::Own)),
    ('E', Actor::Token(Scope::EventsRead, Reach::All)),
    ('R', Actor::Token(Scope::StatsRead, Reach::All)),
    ('P', Actor::Token(Scope::SitesProvision, Reach::All)),
];
/// Who may do everything that they may on [`OWN`] on every site.
const EVERYWHERE: &str = "oREP";

const ANYBODY: &str = "svamorpgeREP";
/// A list of what one may see; it is empty for who has opened a link.
const LISTERS: &str = "vamorpgeREP";
const KNOWN: &str = "vamorpRP";
const PEOPLE: &str = "vamo";
const READERS: &str = "vamorgR";
const DEFINERS: &str = "amopP";
const CHANGERS: &str = "mopP";
const ADMINS: &str = "mo";
const OWNERS: &str = "o";

#[derive(Clone, Copy)]
enum Actor {
    Stranger,
    Person(Role),
    Token(Scope, Reach),
    Guest,
}

#[derive(Clone, Copy)]
enum Reach {
    Own,
    All,
}

/// What a route is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// The site that is named.
    Site,
    /// Nothing that a site could be.
    All,
}

/// Every route, what it is about, and who may.
const ROUTES: &[(&str, &str, About, &str)] = &[
    ("POST", "/api/v2/query", About::Site, READERS),
    ("POST", "/api/v2/export", About::Site, READERS),
    ("POST", "/api/v2/funnel", About::Site, READERS),
    ("POST", "/api/v2/journeys", About::Site, READERS),
    ("POST", "/api/v2/paths", About::Site, READERS),
    ("POST", "/api/v2/returning", About::Site, READERS),
    ("POST", "/api/v2/attribution", About::Site, READERS),
    ("GET", "/api/v2/live", About::Site, READERS),
    ("GET", "/api/v1/stats/realtime/visitors", About::Site, READERS),
    ("GET", "/api/v1/stats/aggregate", About::Site, READERS),
    ("GET", "/api/v1/stats/timeseries", About::Site, READERS),
    ("GET", "/api/v1/stats/breakdown", About::Site, READERS),
    ("GET", "/api/v1/sites/custom-props", About::Site, READERS),
    ("GET", "/api/v1/sites/{domain}/events.ndjson", About::Site, "moeE"),
    ("GET", "/api/v1/sites/{domain}/events.parquet", About::Site, "moeE"),
    ("GET", "/api/v1/sites", About::All, LISTERS),
    ("POST", "/api/v1/sites", About::All, "oP"),
    ("GET", "/api/v1/sites/{domain}", About::Site, KNOWN),
    ("GET", "/api/v1/sites/{domain}/script", About::Site, KNOWN),
    ("PUT", "/api/v1/sites/{domain}", About::Site, CHANGERS),
    ("DELETE", "/api/v1/sites/{domain}", About::Site, CHANGERS),
    ("GET", "/api/v1/sites/goals", About::Site, KNOWN),
    ("PUT", "/api/v1/sites/goals", About::Site, DEFINERS),
    ("PUT", "/api/v1/sites/goals/{id}", About::Site, DEFINERS),
    ("DELETE", "/api/v1/sites/goals/{id}", About::Site, DEFINERS),
    ("GET", "/api/v1/sites/funnels", About::Site, KNOWN),
    ("PUT", "/api/v1/sites/funnels", About::Site, DEFINERS),
    ("PUT", "/api/v1/sites/funnels/{id}", About::Site, DEFINERS),
    ("DELETE", "/api/v1/sites/funnels/{id}", About::Site, DEFINERS),
    ("GET", "/api/v1/sites/segments", About::Site, KNOWN),
    ("PUT", "/api/v1/sites/segments", About::Site, DEFINERS),
    ("PUT", "/api/v1/sites/segments/{id}", About::Site, DEFINERS),
    ("DELETE", "/api/v1/sites/segments/{id}", About::Site, DEFINERS),
    ("GET", "/api/v1/sites/annotations", About::Site, KNOWN),
    ("PUT", "/api/v1/sites/annotations", About::Site, DEFINERS),
    ("PUT", "/api/v1/sites/annotations/{id}", About::Site, DEFINERS),
    ("DELETE", "/api/v1/sites/annotations/{id}", About::Site, DEFINERS),
    ("GET", "/api/v1/sites/shared-links", About::Site, CHANGERS),
    ("PUT", "/api/v1/sites/shared-links", About::Site, CHANGERS),
    ("DELETE", "/api/v1/sites/shared-links/{id}", About::Site, CHANGERS),
    ("GET", "/api/v1/sites/{domain}/members", About::Site, ADMINS),
    ("PUT", "/api/v1/sites/{domain}/members", About::Site, ADMINS),
    ("DELETE", "/api/v1/sites/{domain}/members/{id}", About::Site, ADMINS),
    ("POST", "/api/v1/tokens", About::Site, ADMINS),
    ("GET", "/api/v1/tokens", About::All, PEOPLE),
    ("DELETE", "/api/v1/tokens/{id}", About::All, PEOPLE),
    ("GET", "/api/v1/users", About::All, OWNERS),
    ("POST", "/api/v1/users", About::All, OWNERS),
    ("PUT", "/api/v1/users/{id}", About::All, OWNERS),
    ("DELETE", "/api/v1/users/{id}", About::All, OWNERS),
    ("POST", "/api/v1/users/{id}/link", About::All, OWNERS),
    ("GET", "/api/v1/account", About::All, PEOPLE),
    ("PUT", "/api/v1/account", About::All, PEOPLE),
    ("GET", "/api/v1/account/sessions", About::All, PEOPLE),
    ("DELETE", "/api/v1/account/sessions", About::All, PEOPLE),
    ("DELETE", "/api/v1/account/sessions/{id}", About::All, PEOPLE),
    ("POST", "/api/v1/account/two-factor", About::All, PEOPLE),
    ("PUT", "/api/v1/account/two-factor", About::All, PEOPLE),
    ("DELETE", "/api/v1/account/two-factor", About::All, PEOPLE),
    ("GET", "/api/session", About::All, PEOPLE),
    ("POST", "/api/session", About::All, ANYBODY),
    ("DELETE", "/api/session", About::All, PEOPLE),
    ("GET", "/api/sign-in", About::All, ANYBODY),
    ("POST", "/api/sign-in/oidc", About::All, ANYBODY),
    ("GET", "/api/sign-in/oidc", About::All, ANYBODY),
    ("GET", "/api/setup", About::All, ANYBODY),
    ("POST", "/api/setup", About::All, ANYBODY),
    ("POST", "/api/password", About::All, ANYBODY),
    ("POST", "/api/share", About::All, ANYBODY),
];

#[tokio::test]
async fn every_actor_may_do_on_every_route_what_the_table_says_and_nothing_else() {
    let scene = Scene::new().await;
    assert_eq!(scene.described().await, listed(), "left: what is described, right: what is listed here");
    let mut wrong = Vec::new();
    for (method, path, about, may) in ROUTES {
        for (letter, actor) in ACTORS {
            let own = scene.ask(*actor, (method, path), OWN).await;
            if is_allowed(&own) != may.contains(*letter) {
                wrong.push(format!("{letter} {method} {path}: {} {}", own.status, own.text()));
            }
            if *about == About::All {
                continue;
            }
            let other = scene.ask(*actor, (method, path), OTHER).await;
            if is_allowed(&other) != (may.contains(*letter) && EVERYWHERE.contains(*letter)) {
                wrong.push(format!("{letter} {method} {path} elsewhere: {} {}", other.status, other.text()));
            }
            let open = scene.ask(*actor, (method, path), OPEN).await;
            // All read reports of an open site, and it gives nobody anything else.
            if is_allowed(&open) != (*may == READERS || is_allowed(&other)) {
                wrong.push(format!(
                    "{letter} {method} {path} of an open site: {} {}",
                    open.status,
                    open.text()
                ));
            }
            let nowhere = scene.ask(*actor, (method, path), NOWHERE).await;
            let told = (other.status, other.text()) != (nowhere.status, nowhere.text());
            // A token whose scope allows it nowhere is told so; that tells nothing of the site.
            let same = is_allowed(&other) || !told || matches!(actor, Actor::Token(..) | Actor::Guest);
            if !same {
                wrong.push(format!("{letter} {method} {path} is told that a site exists: {}", other.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn listed() -> BTreeSet<(String, String)> {
    let listed: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(listed.len(), ROUTES.len());
    listed
}

/// Whether who asked was let in: what they asked for may still be wrong or missing.
fn is_allowed(answer: &Answer) -> bool {
    let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = error["error"].as_str().unwrap_or_default().to_owned();
    match answer.status.as_u16() {
        401 => error.starts_with("E-mail address"),
        403 => false,
        404 => error != "Site could not be found",
        200 | 400 | 410 | 429 => true,
        status => panic!("{status}: {}", answer.text()),
    }
}

struct Scene {
    passant: Passant,
    control: Control,
}

impl Scene {
    async fn new() -> Self {
        let passant = Passant::start().await;
        until("the store is ready", || async { passant.log().contains("the store is ready").then_some(()) })
            .await;
        let control = passant.control();
        Self { passant, control }
    }

    /// Every route that is described, by method and path.
    async fn described(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for path in ["/api/openapi.json", "/api/v1/sites/openapi.json", "/api/v1/accounts/openapi.json"] {
            let document = self.passant.public().get(path).await.json();
            let paths: BTreeMap<String, Value> = serde_json::from_value(document["paths"].clone()).unwrap();
            for (path, item) in paths {
                let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
                found.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
            }
        }
        found
    }

    /// Sends one request about a site; both sites and the actor's role are there before.
    async fn ask(&self, actor: Actor, (method, path): (&str, &str), site: &str) -> Answer {
        for (domain, visibility) in [(OWN, "members"), (OTHER, "members"), (OPEN, "public")] {
            if self.control.site(domain).is_err() {
                self.control.add_site(domain, "UTC", Timestamp::now()).expect("added");
                let visibility = [(Setting::Visibility, visibility.to_owned())];
                self.control.set_site(domain, &visibility).expect("set");
            }
        }
        let header = self.credentials(actor);
        let mut headers = vec![("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
        headers.extend(header.as_ref().map(|(name, value)| (*name, value.as_str())));
        let path = path.replace("{domain}", site).replace("{id}", "999999");
        let path = format!("{path}?site_id={site}");
        let body = json!({ "site_id": site, "date_range": "day", "metrics": ["visitors"] });
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let method: Method = method.parse().expect("a method");
        self.passant.public().send(method, &path, &headers, body).await.expect("an answer")
    }

    fn credentials(&self, actor: Actor) -> Option<(&'static str, String)> {
        let now = Timestamp::now();
        match actor {
            Actor::Stranger => None,
            Actor::Person(role) => {
                let user = self.person(role);
                let hour = SignedDuration::from_hours(1);
                let limits = SessionLimits { lasts: hour, idle: hour };
                let secret = self.control.begin_session(&user, now, limits).expect("begun");
                Some(("cookie", format!("__Host-passant={secret}")))
            }
            Actor::Guest => Some(("authorization", format!("Bearer {}", self.pass(now)))),
            Actor::Token(scope, reach) => {
                let site = self.control.site(OWN).expect("there");
                let site = match reach {
                    Reach::Own => Some(&site),
                    Reach::All => None,
                };
                let token = NewToken { site, ..NewToken::new(scope) };
                let text = self.control.create_token(&token, now).expect("made");
                Some(("authorization", format!("Bearer {text}")))
            }
        }
    }

    fn pass(&self, now: Timestamp) -> String {
        let site = self.control.site(OWN).expect("there");
        let name = format!("Link {}", self.control.share_links(&site).expect("read").len());
        for link in self.control.share_links(&site).expect("read") {
            self.control.remove_share_link(&site, link.id).expect("removed");
        }
        let link = NewShareLink { name, ..NewShareLink::default() };
        let (_, secret) = self.control.add_share_link(&site, link, now).expect("made");
        match self.control.open_share_link(&secret, None, now).expect("opened") {
            Opened::Pass { pass, .. } => pass,
            Opened::PasswordNeeded => panic!("none was set"),
        }
    }

    fn person(&self, role: Role) -> User {
        let email = format!("{}@example.com", role.as_str());
        let user = self.control.user(&email).unwrap_or_else(|_| {
            let user = NewUser { email, name: None, is_owner: role == Role::Owner };
            self.control.add_user(&user, Timestamp::now()).expect("added")
        });
        if role != Role::Owner {
            let site = self.control.site(OWN).expect("there");
            self.control.set_member(&site, &user, role).expect("given");
        }
        user
    }
}
