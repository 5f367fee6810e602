//! Who of those whom the provider knows gets in here, and what they are.
//!
//! Invariant: an address counts only if the provider has verified it; an account that is there already is theirs only if the
//! configuration says so. Roles are the provider's business only where a row names a group.

use jiff::Timestamp;
use passant_control::{Control, Error, NewUser, Role, Standing, User};

use super::config::{Config, Grant, UnknownPeople};
use super::provider::Person;
use super::{Failure, Provider};

/// More is no name here.
const NAME_CHARACTERS_MAX: usize = 100;

/// The account of somebody whom the provider has signed in.
///
/// # Errors
/// Why they have none.
pub(crate) fn admit(
    control: &Control,
    provider: &Provider,
    person: &Person,
    now: Timestamp,
) -> Result<User, Failure> {
    let config = &provider.config;
    check_domain(config, person)?;
    let (user, is_new) = match control.user_of_identity(&person.identity)? {
        Some(user) => (user, false),
        None => account(control, config, person, now)?,
    };
    if is_new || provider.decides_roles() {
        give_roles(control, config, person, &user)?;
    }
    Ok(control.user_of(user.id)?)
}

/// The account of an identity that had none, and whether it was made just now.
fn account(
    control: &Control,
    config: &Config,
    person: &Person,
    now: Timestamp,
) -> Result<(User, bool), Failure> {
    let email = person.email.as_deref().ok_or(Failure::NoAddress)?;
    match (control.user(email), config.unknown_people) {
        (Ok(user), _) if config.join_by_email => {
            Ok((taken(control.join_identity(&person.identity, &user))?, false))
        }
        (Ok(_), _) => Err(Failure::Taken),
        (Err(Error::UnknownUser(_)), UnknownPeople::Refuse) => Err(Failure::NoAccount),
        (Err(Error::UnknownUser(_)), UnknownPeople::Make) => {
            let user = NewUser { email: email.to_owned(), name: name(person), is_owner: false };
            Ok((taken(control.add_user_of_identity(&person.identity, &user, now))?, true))
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn check_domain(config: &Config, person: &Person) -> Result<(), Failure> {
    if config.allowed_domains.is_empty() {
        return Ok(());
    }
    let email = person.email.as_deref().ok_or(Failure::NoAddress)?.to_lowercase();
    let (_, domain) = email.rsplit_once('@').ok_or(Failure::NoAddress)?;
    if config.allowed_domains.iter().any(|allowed| allowed == domain) { Ok(()) } else { Err(Failure::Domain) }
}

/// What others call them, if it can be a name here.
fn name(person: &Person) -> Option<String> {
    let name: String = person.name.iter().flat_map(|name| name.chars()).filter(|c| !c.is_control()).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.chars().take(NAME_CHARACTERS_MAX).collect())
}

fn taken(outcome: passant_control::Result<User>) -> Result<User, Failure> {
    match outcome {
        Err(Error::Refused(_)) => Err(Failure::Taken),
        other => Ok(other?),
    }
}

/// Makes somebody's roles what the rows say, and nothing else.
fn give_roles(control: &Control, config: &Config, person: &Person, user: &User) -> Result<(), Failure> {
    let is_theirs = |grant: &&Grant| grant.group.as_ref().is_none_or(|group| person.groups.contains(group));
    let grants: Vec<_> = config.roles.iter().filter(is_theirs).collect();
    let is_owner = grants.iter().any(|grant| grant.role == Role::Owner);
    let standing = if is_owner { Standing::Owner } else { Standing::Member };
    if user.is_owner != is_owner {
        match control.set_owner(user.id, standing) {
            Err(Error::Refused(_)) => {
                tracing::warn!("the last owner with a password stays one, whatever the provider's groups say")
            }
            other => other?,
        }
    }
    let roles = control.roles(user.id)?;
    for site in control.sites()? {
        let wanted = role_on(&grants, &site.domain);
        match (wanted, roles.get(&site.id)) {
            (Some(role), had) if had != Some(&role) => control.set_member(&site, user, role)?,
            (None, Some(_)) => control.remove_member(&site, user.id)?,
            (Some(_), _) | (None, None) => {}
        }
    }
    Ok(())
}

/// The most that somebody is on a site.
fn role_on(grants: &[&Grant], domain: &str) -> Option<Role> {
    let here = |grant: &&&Grant| grant.sites.is_empty() || grant.sites.iter().any(|site| site == domain);
    grants.iter().filter(here).map(|grant| grant.role).filter(|role| *role != Role::Owner).max()
}
