//! Who people are to a sign-in provider.
//!
//! Invariant: an identity is one account's for as long as that is there, whatever address the provider says later. Nothing
//! here decides whether a provider may be believed.

use jiff::Timestamp;

use crate::database::{Control, Writer, params};
use crate::error::{Error, Result};
use crate::goal::refused;
use crate::user::{self, NewUser, User};

/// Somebody as a provider names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Its name for them, never used again for somebody else.
    pub subject: String,
}

/// Two identities of one provider are two people: they have one address only if the one had it before the other.
const JOIN: &str = "INSERT INTO identities (issuer, subject, user_id)
    SELECT ?1, ?2, id FROM users
    WHERE id = ?3 AND NOT EXISTS (SELECT 1 FROM identities WHERE issuer = ?1 AND user_id = ?3)
    ON CONFLICT DO NOTHING";

impl Control {
    /// The account of an identity, if it has one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn user_of_identity(&self, identity: &Identity) -> Result<Option<User>> {
        let sql = "SELECT user_id FROM identities WHERE issuer = ?1 AND subject = ?2";
        self.read(|reader| {
            let row = reader.row(sql, params![&identity.issuer, &identity.subject])?;
            row.map_or(Ok(None), |row| user::by_id(reader, row.get(0)?))
        })
    }

    /// From now on the identity signs in as this user.
    ///
    /// # Errors
    /// [`Error::Refused`] where it is somebody's already, or the provider knows the user by another.
    pub fn join_identity(&self, identity: &Identity, user: &User) -> Result<User> {
        self.write(|writer| join(writer, identity, user.id))
    }

    /// Makes an account that has no password, for an identity that has none.
    ///
    /// # Errors
    /// [`Error::Refused`] for an address that is none or has an account, and where the identity is somebody's already.
    pub fn add_user_of_identity(&self, identity: &Identity, user: &NewUser, now: Timestamp) -> Result<User> {
        self.write(|writer| {
            let added = user::add(writer, user, now)?;
            join(writer, identity, added.id)
        })
    }
}

fn join(writer: &Writer<'_>, identity: &Identity, id: u64) -> Result<User> {
    if writer.execute(JOIN, params![&identity.issuer, &identity.subject, id])? == 0 {
        return Err(refused("the account belongs to somebody else at the sign-in provider".into()));
    }
    user::by_id(writer, id)?.ok_or(Error::Unknown { what: "user", id })
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, member};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn identity(subject: &str) -> Identity {
        Identity { issuer: "https://id.example.com".into(), subject: subject.into() }
    }

    fn new(email: &str) -> NewUser {
        NewUser { email: email.into(), name: None, is_owner: false }
    }

    #[test]
    fn an_identity_is_one_accounts_until_that_is_removed() {
        let (_directory, control, _site) = control_with_site();
        let ada = control.add_user_of_identity(&identity("1"), &new("ada@example.com"), NOW).expect("added");
        assert!(ada.has_identity && !ada.has_password);
        assert_eq!(control.user_of_identity(&identity("1")).expect("read"), Some(ada.clone()));
        assert_eq!(control.user_of_identity(&identity("2")).expect("read"), None);
        let elsewhere = Identity { issuer: "https://evil.example".into(), ..identity("1") };
        assert_eq!(control.user_of_identity(&elsewhere).expect("read"), None);
        control.remove_user(ada.id).expect("removed");
        assert_eq!(control.user_of_identity(&identity("1")).expect("read"), None);
    }

    #[test]
    fn an_account_has_one_identity_of_a_provider_and_an_identity_one_account() {
        let (_directory, control, _site) = control_with_site();
        let bob = member(&control, "bob@example.com");
        assert!(!bob.has_identity);
        assert!(control.join_identity(&identity("1"), &bob).expect("joined").has_identity);
        assert!(matches!(control.join_identity(&identity("2"), &bob), Err(Error::Refused(_))));
        let eve = member(&control, "eve@example.com");
        assert!(matches!(control.join_identity(&identity("1"), &eve), Err(Error::Refused(_))));
        let taken = control.add_user_of_identity(&identity("3"), &new("bob@example.com"), NOW);
        assert!(matches!(taken, Err(Error::Refused(_))));
        let refused = control.add_user_of_identity(&identity("1"), &new("zoe@example.com"), NOW);
        assert!(matches!(refused, Err(Error::Refused(_))));
        assert!(matches!(control.user("zoe@example.com"), Err(Error::UnknownUser(_))), "all or nothing");
    }
}
