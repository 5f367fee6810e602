//! What people may do: a role on each site, or everything as an owner.
//!
//! Invariant: roles are ordered; each may do what those below it may.

use std::collections::HashMap;
use std::str::FromStr;

use crate::database::{Control, Row, params};
use crate::error::{Error, Result};
use crate::site::Site;
use crate::user::User;

/// What somebody is on a site, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads reports.
    Viewer,
    /// Also defines goals, funnels, segments and annotations.
    Analyst,
    /// Also changes settings, members, tokens and links of the site, and exports its events.
    Admin,
    /// May do everything on every site, and decides who has an account.
    Owner,
}

/// Every role and its name, in their order: adding one is a variant and a row here.
const ROLES: &[(Role, &str)] =
    &[(Role::Viewer, "viewer"), (Role::Analyst, "analyst"), (Role::Admin, "admin"), (Role::Owner, "owner")];

/// Somebody with a role on a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they are there.
    pub role: Role,
}

impl Role {
    /// Its name in commands, in the API and in the file.
    pub fn as_str(self) -> &'static str {
        ROLES.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ROLES.iter().find(|(_, name)| *name == text).map(|(role, _)| *role).ok_or_else(|| {
            let names: Vec<_> = ROLES.iter().map(|(_, name)| *name).collect();
            Error::Refused(format!("{text:?} is not a role, expected one of {}", names.join(", ")))
        })
    }
}

impl Control {
    /// Who has a role on a site of their own, by e-mail address. Owners need none and are not among them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn members(&self, site: &Site) -> Result<Vec<Member>> {
        let sql = "SELECT user_id, role FROM members WHERE site_id = ?1";
        let rows = self.read(|reader| reader.rows(sql, params![site.id]))?;
        let role = |row: &Row| Ok((row.get(0)?, row.get(1)?));
        let roles: HashMap<u64, String> = rows.iter().map(role).collect::<Result<_>>()?;
        let users = self.users()?.into_iter().filter(|user| !user.is_owner);
        let members = users.filter_map(|user| {
            let role = roles.get(&user.id)?.parse();
            Some(role.map(|role| Member { user, role }))
        });
        members.collect()
    }

    /// The roles of a user, by site.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn roles(&self, user_id: u64) -> Result<HashMap<u32, Role>> {
        let sql = "SELECT site_id, role FROM members WHERE user_id = ?1";
        let rows = self.read(|reader| reader.rows(sql, params![user_id]))?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get::<String>(1)?.parse()?))).collect()
    }

    /// Gives a user a role on a site, in the place of the one there was.
    ///
    /// # Errors
    /// [`Error::Refused`] for the role of an owner, who is one of all sites.
    pub fn set_member(&self, site: &Site, user: &User, role: Role) -> Result<()> {
        if role == Role::Owner {
            return Err(Error::Refused(
                "role \"owner\": an owner is one of all sites, expected viewer, analyst or admin".into(),
            ));
        }
        let sql = "INSERT INTO members (site_id, user_id, role) VALUES (?1, ?2, ?3)
                   ON CONFLICT (site_id, user_id) DO UPDATE SET role = excluded.role";
        self.write(|writer| writer.execute(sql, params![site.id, user.id, role.as_str()])).map(drop)
    }

    /// Takes a user's role on a site away.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub fn remove_member(&self, site: &Site, user_id: u64) -> Result<()> {
        let sql = "DELETE FROM members WHERE site_id = ?1 AND user_id = ?2";
        let removed = self.write(|writer| writer.execute(sql, params![site.id, user_id]))?;
        if removed == 0 { Err(Error::Unknown { what: "member", id: user_id }) } else { Ok(()) }
    }

    /// The role of a user on a site, if they have one of their own there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn role(&self, site: &Site, user_id: u64) -> Result<Option<Role>> {
        let sql = "SELECT role FROM members WHERE site_id = ?1 AND user_id = ?2";
        let row = self.read(|reader| reader.row(sql, params![site.id, user_id]))?;
        row.map(|row| row.get::<String>(0)?.parse()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, member};

    #[test]
    fn roles_are_named_and_ordered() {
        assert!(ROLES.is_sorted());
        for (role, name) in ROLES {
            assert_eq!((role.as_str(), name.parse::<Role>().expect("named")), (*name, *role));
        }
        let words = "boss".parse::<Role>().expect_err("none").to_string();
        assert_eq!(words, "\"boss\" is not a role, expected one of viewer, analyst, admin, owner");
    }

    #[test]
    fn a_role_is_given_changed_and_taken_away() {
        let (_ground, control, site) = control_with_site();
        let user = member(&control, "ada@example.com");
        control.set_member(&site, &user, Role::Viewer).expect("given");
        control.set_member(&site, &user, Role::Admin).expect("changed");
        assert_eq!(control.members(&site).expect("read"), [Member { user: user.clone(), role: Role::Admin }]);
        assert_eq!(control.role(&site, user.id).expect("read"), Some(Role::Admin));
        assert!(matches!(control.set_member(&site, &user, Role::Owner), Err(Error::Refused(_))));
        control.remove_member(&site, user.id).expect("taken");
        assert!(control.roles(user.id).expect("read").is_empty());
        assert!(matches!(control.remove_member(&site, user.id), Err(Error::Unknown { .. })));
    }

    #[test]
    fn roles_end_with_the_site_and_with_the_account() {
        let (_ground, control, site) = control_with_site();
        let other = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
        let user = member(&control, "ada@example.com");
        for site in [&site, &other] {
            control.set_member(site, &user, Role::Viewer).expect("given");
        }
        control.remove_site("b.example").expect("removed");
        assert_eq!(control.roles(user.id).expect("read").len(), 1);
        control.remove_user(user.id).expect("removed");
        assert!(control.members(&site).expect("read").is_empty());
    }
}
