//! Signing in and out, and the links that lead there.

use axum::http::Method;
use passant_control::{NewOwner, Password, Role, User};
use serde_json::{Value, json};

use super::{AccountsApi, Cookie, Needed, Outcome, Reply, Route};
use crate::call::Call;
use crate::refusal::Refusal;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/session",
        summary: "Who has signed in, and what they are on which site",
        answers: "Session",
        takes: &[],
        run: show,
    },
    Route {
        method: Method::POST,
        path: "/api/session",
        summary: "Signs in; where `code_needed` is answered, once more with a code",
        answers: "Session",
        takes: &[
            ("email", Needed::Always, "address of the account"),
            ("password", Needed::Always, "its password"),
            ("code", Needed::Sometimes, "what the device shows, or a recovery code"),
        ],
        run: sign_in,
    },
    Route {
        method: Method::DELETE,
        path: "/api/session",
        summary: "Signs out",
        answers: "Ended",
        takes: &[],
        run: sign_out,
    },
    Route {
        method: Method::GET,
        path: "/api/setup",
        summary: "Whether there is still no owner",
        answers: "Setup",
        takes: &[],
        run: |api, _| Ok(json!({ "needed": !api.authority.control.has_owner()? }).into()),
    },
    Route {
        method: Method::POST,
        path: "/api/setup",
        summary: "Makes the first owner, and signs in",
        answers: "Session",
        takes: &[
            ("token", Needed::Always, "what stands after the # of the setup link"),
            ("name", Needed::Always, "what others call you"),
            ("email", Needed::Always, "address to sign in by"),
            ("password", Needed::Always, "at least 10 characters"),
        ],
        run: set_up,
    },
    Route {
        method: Method::POST,
        path: "/api/password",
        summary: "Sets a password by an invitation or another link, and signs in unless a code is needed",
        answers: "SessionOrCode",
        takes: &[
            ("token", Needed::Always, "what stands after the # of the link"),
            ("password", Needed::Always, "at least 10 characters"),
            ("name", Needed::Sometimes, "what others call you"),
        ],
        run: choose_password,
    },
];

fn show(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    Ok(view(api, &person.user)?.into())
}

fn sign_in(api: &AccountsApi, call: &Call) -> Outcome {
    let (control, now) = (&api.authority.control, api.authority.now());
    let email = call.parameters.needed("email", "sign in")?;
    let password = Password::shown(call.parameters.needed("password", "sign in")?);
    api.throttle.attempt(&email, call.prefix, now).map_err(Refusal::TooMany)?;
    let user = api.in_turn(|| control.user_by_password(&email, &password))?;
    let user = user.ok_or(Refusal::WrongPassword)?;
    if user.has_two_factor {
        let code = call.parameters.text("code")?.ok_or(Refusal::CodeNeeded)?;
        if !control.take_code(&user, &code, now)? {
            return Err(Refusal::WrongPassword);
        }
    }
    api.throttle.succeeded(&email, call.prefix);
    begin(api, &user)
}

fn sign_out(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    api.authority.control.end_session(&person.user, person.session)?;
    Ok(Reply::from(json!({ "ended": true })).with(Cookie::NoSession))
}

fn set_up(api: &AccountsApi, call: &Call) -> Outcome {
    let needed = |key| call.parameters.needed(key, "set up the first owner");
    let (token, name, email) = (needed("token")?, needed("name")?, needed("email")?);
    let password = Password::chosen(needed("password")?)?;
    let owner = NewOwner { email: &email, name: &name, password: &password };
    let owner = api.in_turn(|| api.authority.control.set_up(&token, &owner, api.authority.now()))?;
    begin(api, &owner)
}

fn choose_password(api: &AccountsApi, call: &Call) -> Outcome {
    let (control, now) = (&api.authority.control, api.authority.now());
    let token = call.parameters.needed("token", "choose a password")?;
    let password = Password::chosen(call.parameters.needed("password", "choose a password")?)?;
    if let Some(name) = call.parameters.text("name")? {
        control.rename_user(control.user_of_link(&token, now)?.id, &name)?;
    }
    let user = api.in_turn(|| control.choose_password(&token, &password, now))?;
    // Whoever reads somebody's mail has the link, and not the device.
    if user.has_two_factor { Ok(json!({ "code_needed": true }).into()) } else { begin(api, &user) }
}

/// Begins a session.
fn begin(api: &AccountsApi, user: &User) -> Outcome {
    let limits = api.authority.session_limits;
    let secret = api.authority.control.begin_session(user, api.authority.now(), limits)?;
    let session = Cookie::Session { secret, lasts_seconds: limits.lasts.as_secs() };
    Ok(Reply::from(view(api, user)?).with(session))
}

/// Somebody, and what they are on which site.
fn view(api: &AccountsApi, user: &User) -> Result<Value, Refusal> {
    let control = &api.authority.control;
    let roles = control.roles(user.id)?;
    let sites = control.sites()?;
    let sites = sites.iter().filter_map(|site| {
        let role = if user.is_owner { Some(Role::Owner) } else { roles.get(&site.id).copied() };
        role.map(|role| json!({ "domain": site.domain, "role": role.as_str() }))
    });
    let sites: Vec<_> = sites.collect();
    let shown = json!({ "email": user.email, "name": user.name, "owner": user.is_owner });
    Ok(json!({ "user": shown, "sites": sites }))
}
