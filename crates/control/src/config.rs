//! The `[control]` and `[accounts]` sections.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;

use crate::database::{Control, ServerUrl};
use crate::error::{Error, Result};
use crate::session::SessionLimits;

/// Where the control data are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// A database of a PostgreSQL server; without, a SQLite file beside the data.
    pub url: Option<ServerUrl>,
    /// A file that holds the URL, for who keeps passwords out of configuration files.
    pub url_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The database of this URL.
    pub fn of(url: ServerUrl) -> Self {
        Self { url: Some(url), url_file: None }
    }

    /// Whether the values make sense.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that does not.
    pub fn check(&self) -> Result<()> {
        match (&self.url, &self.url_file) {
            (Some(_), Some(_)) => {
                Err(Error::Refused("control.url and control.url_file: expected one of them".into()))
            }
            (Some(url), None) => url.check(),
            (None, Some(_) | None) => Ok(()),
        }
    }

    /// Opens what is configured, which is the SQLite file at `file` where nothing is.
    ///
    /// # Errors
    /// See [`Control::open`] and [`Control::connect`].
    pub fn open(&self, file: &Path) -> Result<Control> {
        match (&self.url, &self.url_file) {
            (Some(url), _) => Control::connect(url),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::Refused(format!("control.url_file {}: {error}", path.display()))
                })?;
                Control::connect(&ServerUrl::new(&text))
            }
            (None, None) => Control::open(file),
        }
    }
}

/// How people sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where people reach the dashboard, for the links that are shown; the listener's address without.
    pub base_url: Option<String>,
    /// Hours after which somebody signs in anew.
    pub session_hours_max: u32,
    /// Hours without a request after which somebody signs in anew.
    pub session_idle_hours: u32,
    /// Hours that an invitation and a link to a new password hold.
    pub link_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { base_url: None, session_hours_max: 30 * 24, session_idle_hours: 7 * 24, link_hours: 72 }
    }
}

/// Ten years: more is a mistake.
const HOURS_MAX: u32 = 10 * 365 * 24;

impl Config {
    /// Whether the values make sense.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that does not.
    pub fn check(&self) -> Result<()> {
        for (name, hours) in [
            ("session_hours_max", self.session_hours_max),
            ("session_idle_hours", self.session_idle_hours),
            ("link_hours", self.link_hours),
        ] {
            if !(1..=HOURS_MAX).contains(&hours) {
                return Err(Error::Refused(format!("accounts.{name}: {hours}, expected 1 to {HOURS_MAX}")));
            }
        }
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        match &self.base_url {
            Some(url) if !is_url(url) => Err(Error::Refused(format!(
                "accounts.base_url: {url:?}, expected one like \"https://stats.example.com\""
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// How long sessions last.
    pub fn session_limits(&self) -> SessionLimits {
        let hours = |hours: u32| SignedDuration::from_hours(i64::from(hours));
        SessionLimits { lasts: hours(self.session_hours_max), idle: hours(self.session_idle_hours) }
    }

    /// How long a link holds.
    pub fn link_lasts(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.link_hours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense() {
        assert!(Config::default().check().is_ok());
        for config in [
            Config { session_idle_hours: 0, ..Config::default() },
            Config { link_hours: HOURS_MAX + 1, ..Config::default() },
            Config { base_url: Some("stats.example.com".into()), ..Config::default() },
        ] {
            assert!(matches!(config.check(), Err(Error::Refused(_))), "{config:?}");
        }
    }
}
