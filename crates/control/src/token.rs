//! API tokens: shown once, stored as a hash.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::database::Control;
use crate::error::{Error, Result};
use crate::site::Site;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read reports.
    StatsRead,
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it allows.
    pub scope: Scope,
    /// The one site it is for; `None` is all sites.
    pub site_id: Option<u32>,
}

/// Every scope and its name: adding one is a variant and a row here.
const SCOPES: &[(Scope, &str)] = &[(Scope::StatsRead, "stats:read")];

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

impl Control {
    /// Makes a token and returns its text, which is kept nowhere.
    ///
    /// # Errors
    /// When the file cannot be written or the system has no randomness.
    pub fn create_token(&self, scope: Scope, site: Option<&Site>, now: Timestamp) -> Result<String> {
        let mut secret = [0u8; 20];
        getrandom::fill(&mut secret).map_err(|error| Error::Io(std::io::Error::other(error)))?;
        let token =
            format!("passant_{}", secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        self.connection().execute(
            "INSERT INTO tokens (hash, scope, site_id, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![hash(&token), scope.as_str(), site.map(|site| site.id), now.as_second()],
        )?;
        Ok(token)
    }

    /// What the holder of `token` may do; `None` for one that we never gave.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grant(&self, token: &str) -> Result<Option<Grant>> {
        let found: Option<(String, Option<u32>)> = self
            .connection()
            .prepare_cached("SELECT scope, site_id FROM tokens WHERE hash = ?1")?
            .query_row([hash(token)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found.map(|(scope, site_id)| Ok(Grant { scope: scope.parse()?, site_id })).transpose()
    }
}

/// 160 random bits need no slow hash; looking the hash up leaks nothing by its timing.
fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_what_it_was_made_for_and_keeps_no_secret() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("control.sqlite");
        let control = Control::open(&path).expect("open");
        let site = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        let all = control.create_token(Scope::StatsRead, None, Timestamp::UNIX_EPOCH).expect("made");
        let one = control.create_token(Scope::StatsRead, Some(&site), Timestamp::UNIX_EPOCH).expect("made");
        let grant = |token: &str| control.grant(token).expect("read");
        assert!(grant(&all).expect("granted").allows(Scope::StatsRead, 99));
        assert!(grant(&one).expect("granted").allows(Scope::StatsRead, site.id));
        assert!(!grant(&one).expect("granted").allows(Scope::StatsRead, 99));
        assert_eq!(grant("passant_00"), None);
        drop(control);
        for entry in std::fs::read_dir(directory.path()).expect("list") {
            let bytes = std::fs::read(entry.expect("entry").path()).expect("read");
            assert!(!bytes.windows(all.len()).any(|window| window == all.as_bytes()));
        }
    }
}
