//! One's own account: name, password, sessions, the second factor.

use axum::http::Method;
use passant_control::{Password, Person};
use serde_json::json;

use super::{AccountsApi, Needed, Outcome, Route};
use crate::call::Call;
use crate::refusal::Refusal;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/account",
        summary: "One's own account",
        answers: "Account",
        takes: &[],
        run: show,
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/account",
        summary: "Changes one's name or password; another password ends all other sessions",
        answers: "Account",
        takes: &[
            ("name", Needed::Sometimes, "what others call you"),
            ("new_password", Needed::Sometimes, "at least 10 characters"),
            ("password", Needed::Sometimes, "the one until now, for another one"),
        ],
        run: change,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/account/sessions",
        summary: "Where one has signed in: each session with its times",
        answers: "Sessions",
        takes: &[],
        run: list_sessions,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/account/sessions",
        summary: "Ends all sessions but this one",
        answers: "Ended",
        takes: &[],
        run: |api, call| {
            let person = api.person(call)?;
            api.authority.control.end_other_sessions(&person.user, person.session)?;
            Ok(json!({ "ended": true }).into())
        },
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/account/sessions/{id}",
        summary: "Ends a session",
        answers: "Ended",
        takes: &[],
        run: |api, call| {
            let person = api.person(call)?;
            api.authority.control.end_session(&person.user, call.number("id", "session")?)?;
            Ok(json!({ "ended": true }).into())
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/account/two-factor",
        summary: "Makes a secret for a device, shown once; it counts once a code of it was confirmed",
        answers: "DeviceSecret",
        takes: &[("password", Needed::Always, "one's password")],
        run: begin_two_factor,
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/account/two-factor",
        summary: "Asks for codes from now on; answers recovery codes, shown once",
        answers: "RecoveryCodes",
        takes: &[("code", Needed::Always, "what the device shows now")],
        run: confirm_two_factor,
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/account/two-factor",
        summary: "Asks for no code any more",
        answers: "Ended",
        takes: &[("password", Needed::Always, "one's password")],
        run: end_two_factor,
    },
];

fn show(api: &AccountsApi, call: &Call) -> Outcome {
    let user = api.person(call)?.user;
    let left = api.authority.control.recovery_codes_left(&user)?;
    let two_factor = json!({ "on": user.has_two_factor, "recovery_codes_left": left });
    Ok(json!({
        "email": user.email,
        "name": user.name,
        "owner": user.is_owner,
        "created_at": user.created_at.to_string(),
        "two_factor": two_factor,
    })
    .into())
}

fn change(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    let control = &api.authority.control;
    let (name, new) = (call.parameters.text("name")?, call.parameters.text("new_password")?);
    if name.is_none() && new.is_none() {
        return Err(Refusal::bad("nothing to change, expected `name` or `new_password`"));
    }
    if let Some(new) = new {
        let new = Password::chosen(new)?;
        check_password(api, call, &person)?;
        api.in_turn(|| control.change_password(&person.user, &new, person.session))?;
    }
    if let Some(name) = name {
        control.rename_user(person.user.id, &name)?;
    }
    show(api, call)
}

fn list_sessions(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    let (now, limits) = (api.authority.now(), api.authority.session_limits);
    let sessions = api.authority.control.sessions(&person.user, now, limits)?;
    let sessions = sessions.iter().map(|session| {
        json!({
            "id": session.id,
            "created_at": session.created_at.to_string(),
            "seen_at": session.seen_at.to_string(),
            "expires_at": session.expires_at.to_string(),
            "this": session.id == person.session,
        })
    });
    Ok(json!({ "sessions": sessions.collect::<Vec<_>>() }).into())
}

fn begin_two_factor(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    check_password(api, call, &person)?;
    let device = api.authority.control.begin_two_factor(&person.user)?;
    Ok(json!({ "secret": device.secret, "uri": device.uri }).into())
}

fn confirm_two_factor(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    let now = api.authority.now();
    let code = call.parameters.needed("code", "confirm the device")?;
    // Who holds a session without the password could try codes.
    api.throttle.attempt(&person.user.email, call.prefix, now).map_err(Refusal::TooMany)?;
    let codes = api.authority.control.confirm_two_factor(&person.user, &code, now)?;
    api.throttle.succeeded(&person.user.email, call.prefix);
    Ok(json!({ "recovery_codes": codes }).into())
}

fn end_two_factor(api: &AccountsApi, call: &Call) -> Outcome {
    let person = api.person(call)?;
    check_password(api, call, &person)?;
    api.authority.control.end_two_factor(&person.user)?;
    Ok(json!({ "ended": true }).into())
}

/// A browser that was left open is not enough for this.
fn check_password(api: &AccountsApi, call: &Call, person: &Person) -> Result<(), Refusal> {
    let email = &person.user.email;
    let password = Password::shown(call.parameters.needed("password", "do this")?);
    api.throttle.attempt(email, call.prefix, api.authority.now()).map_err(Refusal::TooMany)?;
    let found = api.in_turn(|| api.authority.control.user_by_password(email, &password))?;
    if found.is_none() {
        return Err(Refusal::bad("password: not the one of this account"));
    }
    api.throttle.succeeded(email, call.prefix);
    Ok(())
}
