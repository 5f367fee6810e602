//! Links that work once: to become the first owner, and to choose a password.
//!
//! Invariant: a link is used by whoever holds it, once and in time; the first owner's until there is an owner.

use jiff::Timestamp;

use crate::database::{Control, Reader, params};
use crate::error::{Error, Result};
use crate::password::Password;
use crate::secret;
use crate::user::{self, NewUser, User};

/// The first owner, who is to be.
pub struct NewOwner<'a> {
    /// Address to sign in by.
    pub email: &'a str,
    /// What others call them.
    pub name: &'a str,
    /// Their password.
    pub password: &'a Password,
}

impl Control {
    /// Makes the secret by which somebody becomes the first owner; `None` once there is one. Those that were made before
    /// hold too.
    ///
    /// # Errors
    /// When the file cannot be written or the system has no randomness.
    pub fn setup_link(&self) -> Result<Option<String>> {
        let secret = secret::random_hex::<20>()?;
        self.write(|writer| {
            if user::has_owner(writer)? {
                return Ok(None);
            }
            let sql = "INSERT INTO one_time_links (hash) VALUES (?1)";
            writer.execute(sql, params![secret::hash(&secret)])?;
            Ok(Some(secret))
        })
    }

    /// Makes the holder of a setup secret the first owner.
    ///
    /// # Errors
    /// [`Error::LinkGone`] for another secret, and once there is an owner; [`Error::Refused`] for an address or a name
    /// that is none.
    pub fn set_up(&self, secret: &str, owner: &NewOwner<'_>, now: Timestamp) -> Result<User> {
        let hash = owner.password.hash()?;
        let owner =
            NewUser { email: owner.email.to_owned(), name: Some(owner.name.to_owned()), is_owner: true };
        self.write(|writer| {
            let sql = "SELECT 1 FROM one_time_links WHERE hash = ?1 AND user_id IS NULL";
            let known = writer.row(sql, params![secret::hash(secret)])?;
            if known.is_none() || user::has_owner(writer)? {
                return Err(Error::LinkGone);
            }
            let id = user::add(writer, &owner, now)?.id;
            user::set_password(writer, id, &hash)?;
            writer.execute("DELETE FROM one_time_links WHERE user_id IS NULL", &[])?;
            by_id(writer, id)
        })
    }

    /// Makes the secret by which a user chooses a password until `ends`; an earlier one holds no longer.
    ///
    /// # Errors
    /// When the file cannot be written or the system has no randomness.
    pub fn password_link(&self, user: &User, ends: Timestamp) -> Result<String> {
        let secret = secret::random_hex::<20>()?;
        self.write(|writer| {
            writer.execute("DELETE FROM one_time_links WHERE user_id = ?1", params![user.id])?;
            let sql = "INSERT INTO one_time_links (hash, user_id, expires_at) VALUES (?1, ?2, ?3)";
            writer.execute(sql, params![secret::hash(&secret), user.id, ends])
        })?;
        Ok(secret)
    }

    /// Whom a secret lets choose a password.
    ///
    /// # Errors
    /// [`Error::LinkGone`] for one that was used, is too old or never was.
    pub fn user_of_link(&self, secret: &str, now: Timestamp) -> Result<User> {
        self.read(|reader| of_link(reader, secret, now))
    }

    /// Gives the user whom a secret was made for this password, and ends their sessions and the secret.
    ///
    /// # Errors
    /// [`Error::LinkGone`] for a secret that was used, is too old or never was.
    pub fn choose_password(&self, secret: &str, password: &Password, now: Timestamp) -> Result<User> {
        let hash = password.hash()?;
        self.write(|writer| {
            let id = of_link(writer, secret, now)?.id;
            user::set_password(writer, id, &hash)?;
            writer.execute("DELETE FROM one_time_links WHERE user_id = ?1", params![id])?;
            by_id(writer, id)
        })
    }
}

fn of_link(reader: &Reader<'_>, secret: &str, now: Timestamp) -> Result<User> {
    let sql =
        "SELECT user_id FROM one_time_links WHERE hash = ?1 AND user_id IS NOT NULL AND expires_at > ?2";
    let found = reader.row(sql, params![secret::hash(secret), now])?;
    by_id(reader, found.ok_or(Error::LinkGone)?.get(0)?)
}

fn by_id(reader: &Reader<'_>, id: u64) -> Result<User> {
    user::by_id(reader, id)?.ok_or(Error::LinkGone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, member, password};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    fn set_up(control: &Control, secret: &str, email: &str) -> Result<User> {
        control.set_up(secret, &NewOwner { email, name: "Ada", password: &password() }, NOW)
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    #[test]
    fn any_setup_link_makes_the_first_owner_and_then_none_does() {
        let (_ground, control, _site) = control_with_site();
        let first = control.setup_link().expect("made").expect("no owner yet");
        let second = control.setup_link().expect("made").expect("no owner yet");
        assert!(matches!(set_up(&control, "00", "ada@example.com"), Err(Error::LinkGone)));
        assert!(matches!(set_up(&control, &first, "ada"), Err(Error::Refused(_))));
        let owner = set_up(&control, &first, "ada@example.com").expect("set up");
        assert!(owner.is_owner && owner.has_password);
        for link in [&first, &second] {
            let again = set_up(&control, link, "eve@example.com");
            assert!(matches!(again, Err(Error::LinkGone)));
        }
        assert_eq!(control.setup_link().expect("asked"), None);
    }

    #[test]
    fn a_password_link_works_once_in_time_and_for_one_alone() {
        let (_ground, control, _site) = control_with_site();
        let user = member(&control, "bob@example.com");
        let replaced = control.password_link(&user, second(60)).expect("made");
        let link = control.password_link(&user, second(60)).expect("made");
        assert!(matches!(control.choose_password(&replaced, &password(), NOW), Err(Error::LinkGone)));
        assert!(matches!(control.choose_password(&link, &password(), second(60)), Err(Error::LinkGone)));
        assert!(matches!(set_up(&control, &link, "ada@example.com"), Err(Error::LinkGone)), "not an owner's");
        assert_eq!(control.user_of_link(&link, second(59)).expect("holds").id, user.id);
        assert!(control.choose_password(&link, &password(), second(59)).expect("chosen").has_password);
        assert!(matches!(control.choose_password(&link, &password(), second(59)), Err(Error::LinkGone)));
    }
}
