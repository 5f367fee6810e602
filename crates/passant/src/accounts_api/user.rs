//! Who has an account; owners decide that.

use axum::http::Method;
use passant_control::{Action, NewUser, Role, Site, Standing, Subject, User};
use serde_json::{Value, json};

use super::link;
use super::{AccountsApi, Needed, Outcome, Route};
use crate::authority::require;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::view;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/users",
        summary: "Lists who has an account",
        answers: "Users",
        takes: &[],
        run: list,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/users",
        summary: "Invites somebody: answers a link, shown once, by which they choose a password",
        answers: "InvitedUser",
        takes: &[
            ("email", Needed::Always, "address that they will sign in by"),
            ("name", Needed::Sometimes, "what others call them"),
            ("owner", Needed::Sometimes, "true makes them an owner"),
            ("sites", Needed::Sometimes, "object of their roles by the sites' domains"),
        ],
        run: invite,
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/users/{id}",
        summary: "Makes somebody an owner, or no longer one",
        answers: "User",
        takes: &[("owner", Needed::Always, "true or false")],
        run: change,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/users/{id}",
        summary: "Removes an account, and ends its sessions",
        answers: "Removed",
        takes: &[],
        run: remove,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/users/{id}/link",
        summary: "Makes another link by which somebody chooses a password, shown once",
        answers: "PasswordLink",
        takes: &[],
        run: another_link,
    },
];

fn list(api: &AccountsApi, call: &Call) -> Outcome {
    require(&api.actor(call)?, Action::ChangeUsers, Subject::Installation)?;
    let users: Vec<_> = api.authority.control.users()?.iter().map(view::user).collect();
    Ok(json!({ "users": users }).into())
}

fn invite(api: &AccountsApi, call: &Call) -> Outcome {
    require(&api.actor(call)?, Action::ChangeUsers, Subject::Installation)?;
    let control = &api.authority.control;
    let standing = standing(call)?.unwrap_or(Standing::Member);
    let roles = roles(api, call)?;
    let user = NewUser {
        email: call.parameters.needed("email", "invite somebody")?,
        name: call.parameters.text("name")?,
        is_owner: standing == Standing::Owner,
    };
    let user = control.add_user(&user, api.authority.now())?;
    for (site, role) in roles {
        control.set_member(&site, &user, role)?;
    }
    let mut answer = view::user(&user);
    answer["link"] = new_link(api, &user)?;
    Ok(answer.into())
}

fn change(api: &AccountsApi, call: &Call) -> Outcome {
    require(&api.actor(call)?, Action::ChangeUsers, Subject::Installation)?;
    let id = call.number("id", "user")?;
    let standing =
        standing(call)?.ok_or_else(|| Refusal::bad("Parameter `owner` is required to change a user"))?;
    api.authority.control.set_owner(id, standing)?;
    Ok(view::user(&api.authority.control.user_of(id)?).into())
}

fn remove(api: &AccountsApi, call: &Call) -> Outcome {
    require(&api.actor(call)?, Action::ChangeUsers, Subject::Installation)?;
    api.authority.control.remove_user(call.number("id", "user")?)?;
    Ok(json!({ "deleted": true }).into())
}

fn another_link(api: &AccountsApi, call: &Call) -> Outcome {
    require(&api.actor(call)?, Action::ChangeUsers, Subject::Installation)?;
    let user = api.authority.control.user_of(call.number("id", "user")?)?;
    Ok(json!({ "link": new_link(api, &user)? }).into())
}

fn new_link(api: &AccountsApi, user: &User) -> Result<Value, Refusal> {
    let ends = api.authority.now() + api.config.link_lasts();
    let secret = api.authority.control.password_link(user, ends)?;
    Ok(Value::from(link::password_link(&api.base_url, &secret)))
}

fn standing(call: &Call) -> Result<Option<Standing>, Refusal> {
    let standing = |is_owner| if is_owner { Standing::Owner } else { Standing::Member };
    Ok(call.parameters.flag("owner")?.map(standing))
}

/// All of them, or none where one makes no sense.
fn roles(api: &AccountsApi, call: &Call) -> Result<Vec<(Site, Role)>, Refusal> {
    let Some(sites) = call.parameters.json("sites")? else { return Ok(Vec::new()) };
    let sites = sites.as_object().ok_or_else(|| {
        Refusal::bad("Parameter `sites`: expected an object as {\"example.com\": \"viewer\"}")
    })?;
    let one = |(domain, role): (&String, &Value)| {
        let role: Role = role.as_str().unwrap_or_default().parse()?;
        if role == Role::Owner {
            return Err(Refusal::bad("Parameter `sites`: an owner is one of all sites, see `owner`"));
        }
        Ok((api.authority.control.site(domain)?, role))
    };
    sites.iter().map(one).collect()
}
