//! What is done about people.

use std::io::{self, IsTerminal, Read};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use passant_control::{Control, Password, Role, User};

use super::{list, say};
use crate::accounts_api::{base_url, password_link, setup_link};
use crate::{cli, view};

/// Longest password that is read; the control data takes less.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// Where links lead and how long they hold.
pub(super) struct Links<'a> {
    pub(super) config: &'a passant_control::Config,
    pub(super) listener: SocketAddr,
}

pub(super) fn user(control: &Control, links: &Links<'_>, command: cli::User) -> Result<()> {
    match command {
        cli::User::Invite(new) => say(&links.to_password(control, &add(control, &new)?)?),
        cli::User::Add(new) => {
            // Before the account is there, or half of what was asked for would be left.
            let password = password_from_input()?;
            let user = add(control, &new)?;
            control.set_password(user.id, &password)?;
            say(&format!("added {}", user.email))
        }
        cli::User::List { output } => list(&output, &control.users()?, view::user, cells),
        cli::User::Role { email, site, role } => {
            let (user, site) = (control.user(&email)?, control.site(&site)?);
            if role == "none" {
                control.remove_member(&site, user.id)?;
            } else {
                control.set_member(&site, &user, role.parse()?)?;
            }
            say(&format!("{} is {role} on {}", user.email, site.domain))
        }
        cli::User::ResetLink { email, drop_two_factor } => {
            let user = control.user(&email)?;
            if drop_two_factor {
                control.end_two_factor(&user)?;
            }
            say(&links.to_password(control, &user)?)
        }
        cli::User::SetupLink => match control.setup_link()? {
            Some(secret) => say(&setup_link(&base_url(links.config, links.listener), &secret)),
            None => bail!("there is an owner already; `passant user list` shows who"),
        },
        cli::User::Remove { email } => {
            let user = control.user(&email)?;
            control.remove_user(user.id)?;
            say(&format!("removed {}", user.email))
        }
    }
}

impl Links<'_> {
    fn to_password(&self, control: &Control, user: &User) -> Result<String> {
        let secret = control.password_link(user, Timestamp::now() + self.config.link_lasts())?;
        Ok(password_link(&base_url(self.config, self.listener), &secret))
    }
}

fn add(control: &Control, new: &cli::NewUser) -> Result<User> {
    let role: Role = new.role.parse()?;
    let site = new.site.as_deref().map(|domain| control.site(domain)).transpose()?;
    if role == Role::Owner {
        bail!("role \"owner\": an owner is one of all sites, say --owner");
    }
    let user =
        passant_control::NewUser { email: new.email.clone(), name: new.name.clone(), is_owner: new.owner };
    let user = control.add_user(&user, Timestamp::now())?;
    if let Some(site) = site {
        control.set_member(&site, &user, role)?;
    }
    Ok(user)
}

/// The first line of the input: a password on the command line would stand in the list of processes.
fn password_from_input() -> Result<Password> {
    if io::stdin().is_terminal() {
        bail!("the password comes on standard input, where nobody sees it; or use `passant user invite`");
    }
    let mut text = String::new();
    let mut input = io::stdin().lock().take(PASSWORD_BYTES_MAX);
    input.read_to_string(&mut text).context("the password cannot be read")?;
    Ok(Password::chosen(text.lines().next().unwrap_or_default().to_owned())?)
}

fn cells(user: &User) -> Vec<String> {
    let standing = match (user.is_owner, user.has_password || user.has_identity) {
        (true, true) => "owner",
        (true, false) => "owner, invited",
        (false, true) => "member",
        (false, false) => "member, invited",
    };
    let by = match (user.has_password, user.has_identity, user.has_two_factor) {
        (true, false, true) => "two factors",
        (true, true, true) => "two factors, provider",
        (true, true, false) => "password, provider",
        (false, true, _) => "provider",
        (true, false, false) | (false, false, _) => "password",
    };
    vec![user.email.clone(), user.name.clone(), standing.to_owned(), by.to_owned()]
}
