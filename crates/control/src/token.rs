//! API tokens: shown once, stored as a hash.
//!
//! Invariant: a token that is revoked or past its end grants nothing from that moment on, in every process.

use jiff::Timestamp;

use crate::database::{Control, Row, params};
use crate::error::{Error, Result};
use crate::goal::refused;
use crate::secret;
use crate::site::Site;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read reports.
    StatsRead,
    /// Read every single event.
    EventsRead,
    /// Add, change and remove sites and what is defined for them.
    SitesProvision,
    /// Send events for visitors whose address and user agent the sender names.
    EventsWrite,
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it allows.
    pub scope: Scope,
    /// The one site it is for; `None` is all sites.
    pub site_id: Option<u32>,
}

/// A token that is to be.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// What it allows.
    pub scope: Scope,
    /// The one site it is for; `None` is all sites.
    pub site: Option<&'a Site>,
    /// What tells it from others in a list; may be empty.
    pub name: String,
    /// From when on it grants nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// A token as it is known again: by the hash of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHash {
    /// BLAKE3 of its text.
    pub hash: [u8; 32],
    /// The one site it is for; `None` is all sites.
    pub site_id: Option<u32>,
    /// From when on it grants nothing.
    pub expires_at: Option<Timestamp>,
}

/// A token as it can be listed: all but its text, which is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number, to revoke it by.
    pub id: u64,
    /// What tells it from others.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// Domain of the one site it is for; `None` is all sites.
    pub domain: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it grants nothing.
    pub expires_at: Option<Timestamp>,
}

/// Every scope and its name: adding one is a variant and a row here.
const SCOPES: &[(Scope, &str)] = &[
    (Scope::StatsRead, "stats:read"),
    (Scope::EventsRead, "events:read"),
    (Scope::SitesProvision, "sites:provision"),
    (Scope::EventsWrite, "events:write"),
];
const NAME_CHARACTERS_MAX: usize = 120;

impl Scope {
    /// Its name in commands and in the file.
    pub fn as_str(self) -> &'static str {
        SCOPES.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }
}

impl std::str::FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        SCOPES.iter().find(|(_, name)| *name == text).map(|(scope, _)| *scope).ok_or_else(|| {
            let names: Vec<&str> = SCOPES.iter().map(|(_, name)| *name).collect();
            Error::Refused(format!("{text:?} is not a scope, expected {}", names.join(" or ")))
        })
    }
}

impl Grant {
    /// Whether it allows `scope` on the site.
    pub fn allows(&self, scope: Scope, site_id: u32) -> bool {
        self.scope == scope && self.site_id.is_none_or(|only| only == site_id)
    }
}

impl NewToken<'_> {
    /// A token for all sites and for ever.
    pub fn new(scope: Scope) -> Self {
        Self { scope, site: None, name: String::new(), expires_at: None }
    }
}

impl Control {
    /// Makes a token and returns its text, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that has ended already, and when the file cannot be written or the system has no
    /// randomness.
    pub fn create_token(&self, token: &NewToken<'_>, now: Timestamp) -> Result<String> {
        if token.expires_at.is_some_and(|end| end <= now) {
            return Err(refused("the token would have ended already".into()));
        }
        if token.name.chars().count() > NAME_CHARACTERS_MAX || token.name.chars().any(char::is_control) {
            return Err(refused(format!("the name, expected at most {NAME_CHARACTERS_MAX} characters")));
        }
        let text = format!("passant_{}", secret::random_hex::<20>()?);
        let (scope, site_id) = (token.scope.as_str(), token.site.map(|site| site.id));
        let values = params![secret::hash(&text), scope, site_id, now, &token.name, token.expires_at];
        let sql = "INSERT INTO tokens (hash, scope, site_id, created_at, name, expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.write(|writer| writer.execute(sql, values))?;
        Ok(text)
    }

    /// What the holder of `token` may do at `now`; `None` for one that we never gave, that was revoked or has ended.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grant(&self, token: &str, now: Timestamp) -> Result<Option<Grant>> {
        let sql = "SELECT scope, site_id FROM tokens
                   WHERE hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        let row = self.read(|reader| reader.row(sql, params![secret::hash(token), now]))?;
        row.map(|row| Ok(Grant { scope: row.get::<String>(0)?.parse()?, site_id: row.get(1)? })).transpose()
    }

    /// The tokens that allow `scope`, those that have ended too: for who has to know them without asking each time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token_hashes(&self, scope: Scope) -> Result<Vec<TokenHash>> {
        let sql = "SELECT hash, site_id, expires_at FROM tokens WHERE scope = ?1 ORDER BY id";
        let rows = self.read(|reader| reader.rows(sql, params![scope.as_str()]))?;
        let hash =
            |row: &Row| Ok(TokenHash { hash: row.get(0)?, site_id: row.get(1)?, expires_at: row.get(2)? });
        rows.iter().map(hash).collect()
    }

    /// All tokens, the oldest first, those that have ended too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let sql = "SELECT tokens.id, name, scope, domain, tokens.created_at, expires_at
                   FROM tokens LEFT JOIN sites ON sites.id = site_id ORDER BY tokens.id";
        let rows = self.read(|reader| reader.rows(sql, &[]))?;
        let token = |row: &Row| {
            Ok(Token {
                id: row.get(0)?,
                name: row.get(1)?,
                scope: row.get::<String>(2)?.parse()?,
                domain: row.get(3)?,
                created_at: row.get(4)?,
                expires_at: row.get(5)?,
            })
        };
        rows.iter().map(token).collect()
    }

    /// Ends a token.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none of this number.
    pub fn revoke_token(&self, id: u64) -> Result<()> {
        let removed = self.write(|writer| writer.execute("DELETE FROM tokens WHERE id = ?1", params![id]))?;
        if removed == 0 { Err(Error::Unknown { what: "token", id }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::control_with_site;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn grants_what_it_was_made_for_and_keeps_no_secret() {
        let (ground, control, site) = control_with_site();
        let all = control.create_token(&NewToken::new(Scope::StatsRead), NOW).expect("made");
        let one = NewToken { site: Some(&site), ..NewToken::new(Scope::SitesProvision) };
        let one = control.create_token(&one, NOW).expect("made");
        let grant = |token: &str| control.grant(token, NOW).expect("read");
        assert!(grant(&all).expect("granted").allows(Scope::StatsRead, 99));
        assert!(!grant(&all).expect("granted").allows(Scope::SitesProvision, 99));
        assert!(grant(&one).expect("granted").allows(Scope::SitesProvision, site.id));
        assert!(!grant(&one).expect("granted").allows(Scope::SitesProvision, 99));
        assert_eq!(grant("passant_00"), None);
        assert!(!ground.holds(&all) && ground.holds("stats:read"));
    }

    #[test]
    fn tells_the_hashes_of_one_scope_alone() {
        let (_ground, control, site) = control_with_site();
        control.create_token(&NewToken::new(Scope::StatsRead), NOW).expect("made");
        let end = Timestamp::from_second(60).expect("instant");
        let token =
            NewToken { site: Some(&site), expires_at: Some(end), ..NewToken::new(Scope::EventsWrite) };
        let text = control.create_token(&token, NOW).expect("made");
        let expected = TokenHash { hash: secret::hash(&text), site_id: Some(site.id), expires_at: Some(end) };
        assert_eq!(control.token_hashes(Scope::EventsWrite).expect("read"), [expected]);
    }

    #[test]
    fn grants_nothing_once_it_has_ended_or_is_revoked() {
        let (_ground, control, site) = control_with_site();
        let end = Timestamp::from_second(60).expect("instant");
        let token = NewToken {
            site: Some(&site),
            name: "Grafana".into(),
            expires_at: Some(end),
            ..NewToken::new(Scope::StatsRead)
        };
        let text = control.create_token(&token, NOW).expect("made");
        assert!(matches!(control.create_token(&token, end), Err(Error::Refused(_))));
        assert!(control.grant(&text, Timestamp::from_second(59).expect("instant")).expect("read").is_some());
        assert!(control.grant(&text, end).expect("read").is_none());
        let listed = control.tokens().expect("read");
        assert_eq!((listed[0].name.as_str(), listed[0].domain.as_deref()), ("Grafana", Some("a.example")));
        control.revoke_token(listed[0].id).expect("revoked");
        assert!(control.grant(&text, NOW).expect("read").is_none());
        assert!(matches!(control.revoke_token(listed[0].id), Err(Error::Unknown { .. })));
    }
}
