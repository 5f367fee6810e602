//! Who has which role on a site. A site's admins choose among those who have an account; who has one, owners decide:
//! otherwise an admin of one site could take an address into their own hands, to which somebody gives another site.

use axum::http::Method;
use passant_control::{Action, Site, Subject};
use serde_json::json;

use super::{AccountsApi, Needed, Outcome, Route};
use crate::authority::require;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::view;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/sites/{domain}/members",
        summary: "Lists who has a role on a site, owners apart",
        answers: "Members",
        takes: &[],
        run: list,
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/sites/{domain}/members",
        summary: "Gives somebody who has an account a role on a site",
        answers: "Member",
        takes: &[
            ("email", Needed::Always, "address of the account"),
            ("role", Needed::Always, "viewer, analyst or admin"),
        ],
        run: put,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/sites/{domain}/members/{id}",
        summary: "Takes somebody's role on a site away",
        answers: "Removed",
        takes: &[],
        run: remove,
    },
];

fn list(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    let members: Vec<_> = api.authority.control.members(&site)?.iter().map(view::member).collect();
    Ok(json!({ "members": members }).into())
}

fn put(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    let control = &api.authority.control;
    let role = call.parameters.needed("role", "give a role")?.parse()?;
    let user = control.user(&call.parameters.needed("email", "give a role")?)?;
    if user.is_owner {
        return Err(Refusal::bad("an owner may do everything on every site already"));
    }
    control.set_member(&site, &user, role)?;
    Ok(view::member(&passant_control::Member { user, role }).into())
}

fn remove(api: &AccountsApi, call: &Call) -> Outcome {
    let site = site(api, call)?;
    api.authority.control.remove_member(&site, call.number("id", "member")?)?;
    Ok(json!({ "deleted": true }).into())
}

fn site(api: &AccountsApi, call: &Call) -> Result<Site, Refusal> {
    let actor = api.actor(call)?;
    let site = api.authority.control.site(call.path("domain"))?;
    require(&actor, Action::ChangeMembers, Subject::Site(&site))?;
    Ok(site)
}
