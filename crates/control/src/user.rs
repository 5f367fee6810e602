//! People who may sign in.
//!
//! Invariant: there is never an account that anybody could enter without a secret that was shown once or chosen by its
//! holder; and once there is an owner, there always is one.

use jiff::Timestamp;

use crate::database::{Control, Reader, Row, Writer, params};
use crate::error::{Error, Result};
use crate::goal::{named, refused};
use crate::password::Password;
use crate::session::end_other_sessions;

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their number, never used again.
    pub id: u64,
    /// Their address, in lower case; they sign in by it.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// Whether they are an owner, who may do everything.
    pub is_owner: bool,
    /// Whether they have chosen a password; who has neither that nor an identity is invited, and cannot sign in.
    pub has_password: bool,
    /// Whether they have signed in by a provider.
    pub has_identity: bool,
    /// Whether a code of their device is asked for, too.
    pub has_two_factor: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// An account that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Address to sign in by.
    pub email: String,
    /// What others call them; the address unless told.
    pub name: Option<String>,
    /// Whether they are to be an owner.
    pub is_owner: bool,
}

const EMAIL_BYTES_MAX: usize = 254;
const COLUMNS: &str = "id, email, name, is_owner, password IS NOT NULL, totp_confirmed, created_at,
    EXISTS (SELECT 1 FROM identities WHERE user_id = users.id)";

impl Control {
    /// All accounts, by e-mail address.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn users(&self) -> Result<Vec<User>> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY email");
        self.read(|reader| reader.rows(&sql, &[]))?.iter().map(from_row).collect()
    }

    /// The account of an address.
    ///
    /// # Errors
    /// [`Error::UnknownUser`] when there is none.
    pub fn user(&self, email: &str) -> Result<User> {
        let unknown = || Error::UnknownUser(email.to_owned());
        let email = normal_email(email).map_err(|_| unknown())?;
        self.read(|reader| by_email(reader, &email))?.ok_or_else(unknown)
    }

    /// The account of a number.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub fn user_of(&self, id: u64) -> Result<User> {
        self.read(|reader| by_id(reader, id))?.ok_or(Error::Unknown { what: "user", id })
    }

    /// Whether somebody can sign in who may do everything.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_owner(&self) -> Result<bool> {
        self.read(has_owner)
    }

    /// Makes an account that has no password yet.
    ///
    /// # Errors
    /// [`Error::Refused`] for an address that is none or has an account, and for a name that is none.
    pub fn add_user(&self, user: &NewUser, now: Timestamp) -> Result<User> {
        self.write(|writer| add(writer, user, now))
    }

    /// Removes an account with its roles and sessions.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none, [`Error::Refused`] for the last owner.
    pub fn remove_user(&self, id: u64) -> Result<()> {
        self.change_user(id, |writer| writer.execute("DELETE FROM users WHERE id = ?1", params![id]))
    }

    /// Makes a user an owner, or no longer one.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none, [`Error::Refused`] for the last owner.
    pub fn set_owner(&self, id: u64, standing: Standing) -> Result<()> {
        self.change_user(id, |writer| {
            let sql = "UPDATE users SET is_owner = ?1 WHERE id = ?2";
            writer.execute(sql, params![standing == Standing::Owner, id])
        })
    }

    /// Gives a user another name.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none, [`Error::Refused`] for a name that is none.
    pub fn rename_user(&self, id: u64, name: &str) -> Result<()> {
        let name = named(name, "name")?;
        self.change_user(id, |writer| {
            writer.execute("UPDATE users SET name = ?1 WHERE id = ?2", params![name, id])
        })
    }

    /// The user who signs in by this address and password, if they are right. Takes as long if they are not.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn user_by_password(&self, email: &str, password: &Password) -> Result<Option<User>> {
        let found = match normal_email(email) {
            Ok(email) => self.read(|reader| by_email(reader, &email))?,
            Err(_) => None,
        };
        let hash: Option<String> = match &found {
            Some(user) => {
                let sql = "SELECT password FROM users WHERE id = ?1";
                let row = self.read(|reader| reader.row(sql, params![user.id]))?;
                row.map_or(Ok(None), |row| row.get(0))?
            }
            None => None,
        };
        let fits = password.matches(hash.as_deref())?;
        Ok(found.filter(|_| fits))
    }

    /// Gives a user another password, and ends all their sessions.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such user.
    pub fn set_password(&self, id: u64, password: &Password) -> Result<()> {
        let hash = password.hash()?;
        self.change_user(id, |writer| set_password(writer, id, &hash))
    }

    /// Gives a user another password, and ends all their sessions but the one that asked for it.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such user.
    pub fn change_password(&self, user: &User, password: &Password, kept: u64) -> Result<()> {
        let hash = password.hash()?;
        self.change_user(user.id, |writer| {
            end_other_sessions(writer, user, kept)?;
            writer.execute("UPDATE users SET password = ?1 WHERE id = ?2", params![hash, user.id])
        })
    }

    /// Changes something of a user, unless nobody could then do everything.
    fn change_user(&self, id: u64, change: impl FnOnce(&Writer<'_>) -> Result<u64>) -> Result<()> {
        self.write(|writer| {
            let had_owner = has_owner(writer)?;
            if change(writer)? == 0 {
                return Err(Error::Unknown { what: "user", id });
            }
            if had_owner && !has_owner(writer)? {
                return Err(refused("the last owner stays one: make somebody else an owner first".into()));
            }
            Ok(())
        })
    }
}

/// Whether somebody is an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// May do everything on every site.
    Owner,
    /// May do what their roles on single sites allow.
    Member,
}

/// Lower case, something on both sides of one `@`, no blanks. What it is worth only a message to it would tell.
pub(crate) fn normal_email(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let sides = email.split_once('@');
    let fits = sides.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && email.len() <= EMAIL_BYTES_MAX
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || c == ':');
    if fits {
        Ok(email)
    } else {
        Err(refused(format!("{text:?} is not an e-mail address, expected one like \"ada@example.com\"")))
    }
}

pub(crate) fn add(writer: &Writer<'_>, user: &NewUser, now: Timestamp) -> Result<User> {
    let email = normal_email(&user.email)?;
    let name = match &user.name {
        Some(name) => named(name, "name")?,
        None => email.chars().take(100).collect(),
    };
    let sql = "INSERT INTO users (email, name, is_owner, created_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING RETURNING id";
    let id = writer.insert(sql, params![&email, name, user.is_owner, now])?;
    let id = id.ok_or_else(|| refused(format!("{email} has an account already")))?;
    by_id(writer, id)?.ok_or(Error::Unknown { what: "user", id })
}

pub(crate) fn set_password(writer: &Writer<'_>, id: u64, hash: &str) -> Result<u64> {
    writer.execute("DELETE FROM sessions WHERE user_id = ?1", params![id])?;
    writer.execute("UPDATE users SET password = ?1 WHERE id = ?2", params![hash, id])
}

pub(crate) fn has_owner(reader: &Reader<'_>) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE is_owner = 1 AND password IS NOT NULL LIMIT 1";
    Ok(reader.row(sql, &[])?.is_some())
}

pub(crate) fn by_id(reader: &Reader<'_>, id: u64) -> Result<Option<User>> {
    let row = reader.row(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"), params![id])?;
    row.as_ref().map(from_row).transpose()
}

fn by_email(reader: &Reader<'_>, email: &str) -> Result<Option<User>> {
    let row = reader.row(&format!("SELECT {COLUMNS} FROM users WHERE email = ?1"), params![email])?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        is_owner: row.get(3)?,
        has_password: row.get(4)?,
        has_two_factor: row.get(5)?,
        created_at: row.get(6)?,
        has_identity: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, member, owner, password};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn signs_in_by_address_and_password_and_by_nothing_else() {
        let (ground, control, _site) = control_with_site();
        let user = owner(&control, "Ada@Example.com ");
        assert_eq!(user.email, "ada@example.com");
        let by = |email: &str, text: &str| {
            control.user_by_password(email, &Password::shown(text.into())).expect("looked up")
        };
        assert_eq!(by("ADA@example.com", "correct horse"), Some(user.clone()));
        assert_eq!(by("ada@example.com", "wrong horse"), None);
        assert_eq!(by("bob@example.com", "correct horse"), None);
        assert_eq!(by("nonsense", "correct horse"), None);
        let invited = NewUser { email: "bob@example.com".into(), name: None, is_owner: false };
        control.add_user(&invited, NOW).expect("invited");
        assert_eq!(by("bob@example.com", ""), None, "who has no password has none that fits");
        control.set_password(user.id, &Password::chosen("another horse".into()).expect("long")).expect("set");
        assert_eq!(by("ada@example.com", "correct horse"), None);
        assert!(!ground.holds("horse"));
    }

    #[test]
    fn the_last_owner_stays_one() {
        let (_ground, control, _site) = control_with_site();
        assert!(!control.has_owner().expect("read"));
        let first = owner(&control, "ada@example.com");
        let other = member(&control, "bob@example.com");
        assert!(matches!(control.remove_user(first.id), Err(Error::Refused(_))));
        assert!(matches!(control.set_owner(first.id, Standing::Member), Err(Error::Refused(_))));
        control.set_owner(other.id, Standing::Owner).expect("made one");
        assert!(matches!(control.remove_user(first.id), Err(Error::Refused(_))), "the other cannot sign in");
        control.set_password(other.id, &password()).expect("set");
        control.set_owner(first.id, Standing::Member).expect("one is left");
        control.remove_user(first.id).expect("removed");
        assert!(matches!(control.remove_user(first.id), Err(Error::Unknown { .. })));
    }

    #[test]
    fn refuses_addresses_and_names_that_are_none() {
        let (_ground, control, _site) = control_with_site();
        let add = |email: &str, name: Option<&str>| {
            let user = NewUser { email: email.into(), name: name.map(str::to_owned), is_owner: false };
            control.add_user(&user, NOW)
        };
        for (email, name, words) in [
            ("ada", None, "is not an e-mail address"),
            ("@example.com", None, "is not an e-mail address"),
            ("a@b@c", None, "is not an e-mail address"),
            ("a b@example.com", None, "is not an e-mail address"),
            ("ada@example.com", Some(" "), "name"),
        ] {
            let refusal = add(email, name).expect_err("refused").to_string();
            assert!(refusal.contains(words), "{refusal}");
        }
        add("ada@example.com", Some("Ada")).expect("added");
        let refusal = add("ADA@example.com", None).expect_err("there already").to_string();
        assert_eq!(refusal, "ada@example.com has an account already");
        assert!(matches!(control.user("bob@example.com"), Err(Error::UnknownUser(_))));
    }
}
