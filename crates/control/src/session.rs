//! Sessions: somebody who has signed in, known by a secret that their browser keeps.
//!
//! Invariant: a session that has ended, is too old or was not used for too long is nobody's from that moment on, in
//! every process. Nothing is kept of where it was begun.

use jiff::{SignedDuration, Timestamp};

use crate::database::{Control, Row, Writer, params};
use crate::error::{Error, Result};
use crate::secret;
use crate::user::{self, User};

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// From their beginning.
    pub lasts: SignedDuration,
    /// Without a request.
    pub idle: SignedDuration,
}

/// A session as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, to end it by.
    pub id: u64,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was last used, to a few minutes.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A request writes that the session is in use only this long after the last that did: a write waits for the disk.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Who signs in more often than this loses the oldest.
const SESSIONS_MAX: u32 = 50;
/// Sessions that have ended, of all users.
const ENDED: &str = "DELETE FROM sessions WHERE expires_at <= ?1 OR seen_at <= ?2";
/// All sessions of a user but the newest.
const OLDEST: &str = "DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN
    (SELECT id FROM sessions WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2)";

impl Control {
    /// Begins a session and returns its secret, which is kept nowhere.
    ///
    /// # Errors
    /// When the file cannot be written or the system has no randomness.
    pub fn begin_session(&self, user: &User, now: Timestamp, limits: SessionLimits) -> Result<String> {
        let secret = secret::random_hex::<32>()?;
        self.write(|writer| {
            writer.execute(ENDED, params![now, now - limits.idle])?;
            writer.execute(OLDEST, params![user.id, SESSIONS_MAX - 1])?;
            let sql = "INSERT INTO sessions (hash, user_id, created_at, seen_at, expires_at)
                       VALUES (?1, ?2, ?3, ?3, ?4)";
            writer.execute(sql, params![secret::hash(&secret), user.id, now, now + limits.lasts])
        })?;
        Ok(secret)
    }

    /// Who holds `secret`, and the number of the session, which counts as used from now on.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn session(
        &self,
        secret: &str,
        now: Timestamp,
        limits: SessionLimits,
    ) -> Result<Option<(User, u64)>> {
        let sql = "SELECT id, user_id, seen_at FROM sessions
                   WHERE hash = ?1 AND expires_at > ?2 AND seen_at > ?3";
        let found = self.read(|reader| {
            let Some(row) = reader.row(sql, params![secret::hash(secret), now, now - limits.idle])? else {
                return Ok(None);
            };
            let user = user::by_id(reader, row.get(1)?)?;
            Ok(user.map(|user| (user, row)))
        })?;
        let Some((user, row)) = found else { return Ok(None) };
        let (id, seen_at): (u64, Timestamp) = (row.get(0)?, row.get(2)?);
        if now.duration_since(seen_at) >= SEEN_EVERY {
            let sql = "UPDATE sessions SET seen_at = ?1 WHERE id = ?2";
            self.write(|writer| writer.execute(sql, params![now, id]))?;
        }
        Ok(Some((user, id)))
    }

    /// The sessions of a user that have not ended, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sessions(&self, user: &User, now: Timestamp, limits: SessionLimits) -> Result<Vec<Session>> {
        let sql = "SELECT id, created_at, seen_at, expires_at FROM sessions
                   WHERE user_id = ?1 AND expires_at > ?2 AND seen_at > ?3 ORDER BY id DESC";
        let rows = self.read(|reader| reader.rows(sql, params![user.id, now, now - limits.idle]))?;
        let session = |row: &Row| {
            Ok(Session {
                id: row.get(0)?,
                created_at: row.get(1)?,
                seen_at: row.get(2)?,
                expires_at: row.get(3)?,
            })
        };
        rows.iter().map(session).collect()
    }

    /// Ends one session of a user.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the user has none of this number.
    pub fn end_session(&self, user: &User, id: u64) -> Result<()> {
        let sql = "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2";
        let ended = self.write(|writer| writer.execute(sql, params![user.id, id]))?;
        if ended == 0 { Err(Error::Unknown { what: "session", id }) } else { Ok(()) }
    }

    /// Ends all sessions of a user but one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end_other_sessions(&self, user: &User, kept: u64) -> Result<()> {
        self.write(|writer| end_other_sessions(writer, user, kept))
    }
}

pub(crate) fn end_other_sessions(writer: &Writer<'_>, user: &User, kept: u64) -> Result<()> {
    let sql = "DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2";
    writer.execute(sql, params![user.id, kept]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, owner, password};

    const LIMITS: SessionLimits =
        SessionLimits { lasts: SignedDuration::from_hours(100), idle: SignedDuration::from_hours(10) };

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).expect("an instant")
    }

    #[test]
    fn lasts_while_it_is_used_and_not_for_ever() {
        let (_ground, control, _site) = control_with_site();
        let user = owner(&control, "ada@example.com");
        let secret = control.begin_session(&user, hour(0), LIMITS).expect("begun");
        assert_eq!(secret.len(), 64);
        let holder =
            |secret: &str, now| control.session(secret, now, LIMITS).expect("read").map(|(user, _)| user);
        for now in [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99] {
            assert_eq!(holder(&secret, hour(now)).as_ref(), Some(&user), "hour {now}");
        }
        assert_eq!(holder(&secret, hour(100)), None, "it has ended");
        let idle = control.begin_session(&user, hour(200), LIMITS).expect("begun");
        assert_eq!(holder(&idle, hour(210)), None, "it was not used");
        assert_eq!(holder("00", hour(200)), None);
        assert_eq!(control.sessions(&user, hour(205), LIMITS).expect("read").len(), 1, "the old one is gone");
    }

    #[test]
    fn ends_when_told_and_when_the_password_changes() {
        let (ground, control, _site) = control_with_site();
        let user = owner(&control, "ada@example.com");
        let begin = || control.begin_session(&user, hour(0), LIMITS).expect("begun");
        let number =
            |secret: &str| control.session(secret, hour(1), LIMITS).expect("read").map(|(_, number)| number);
        let secrets = [begin(), begin(), begin()];
        control.end_session(&user, number(&secrets[0]).expect("open")).expect("ended");
        assert_eq!(number(&secrets[0]), None);
        control.end_other_sessions(&user, number(&secrets[2]).expect("open")).expect("ended");
        assert!(number(&secrets[1]).is_none() && number(&secrets[2]).is_some());
        assert!(matches!(control.end_session(&user, 99), Err(Error::Unknown { .. })));
        control.set_password(user.id, &password()).expect("set");
        assert_eq!(number(&secrets[2]), None);
        assert!(!secrets.iter().any(|secret| ground.holds(secret)));
    }

    #[test]
    fn who_signs_in_too_often_loses_the_oldest() {
        let (_ground, control, _site) = control_with_site();
        let user = owner(&control, "ada@example.com");
        let first = control.begin_session(&user, hour(0), LIMITS).expect("begun");
        for _ in 0..SESSIONS_MAX {
            control.begin_session(&user, hour(0), LIMITS).expect("begun");
        }
        assert!(control.session(&first, hour(0), LIMITS).expect("read").is_none());
        assert_eq!(control.sessions(&user, hour(0), LIMITS).expect("read").len(), SESSIONS_MAX as usize);
    }
}
