//! The `[accounts]` section.

use jiff::SignedDuration;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::session::SessionLimits;

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
