//! The URL of a PostgreSQL server.
//!
//! Invariant: it can be neither shown nor logged, for a password is in it.

use std::time::Duration;

use serde::Deserialize;
use tokio_postgres::Config;

use crate::error::{Error, Result};

/// `postgres://user:password@host:5432/database`. Deliberately without Display and Serialize.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

/// How long a server may take to let us in, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may leave unanswered what was sent.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be silent before it is asked whether it is still one.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const EXPECTED: &str = "expected one like \"postgres://passant:password@127.0.0.1:5432/passant\"";
/// Modes that promise more than we hold.
const TLS_MODES: &[&str] = &["require", "verify-ca", "verify-full"];

impl std::fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ServerUrl(…)")
    }
}

impl ServerUrl {
    /// Takes any text: what is wrong with it says [`Self::check`], without showing it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether there is nothing in it.
    pub fn is_blank(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it can be one.
    ///
    /// # Errors
    /// [`Error::Refused`], in words that do not hold it.
    pub fn check(&self) -> Result<()> {
        self.config().map(drop)
    }

    /// The text, for tests that use it by other means.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// How to connect. The parser's own words could hold a part of a password that was not escaped, so ours are said.
    pub(super) fn config(&self) -> Result<Config> {
        let refused = |words: &str| Error::Refused(format!("control.url: {words}"));
        if !self.0.starts_with("postgres://") && !self.0.starts_with("postgresql://") {
            return Err(refused(&format!("not a URL of PostgreSQL, {EXPECTED}")));
        }
        let options = self.0.split_once('?').map_or("", |(_, options)| options);
        let mode = options.split('&').find_map(|option| option.strip_prefix("sslmode="));
        if let Some(mode) = TLS_MODES.iter().find(|known| mode == Some(**known)) {
            return Err(refused(&format!(
                "sslmode={mode}, but Passant speaks no TLS: use a socket, a network of your own or a proxy for TLS on \
                 this side, and sslmode=disable"
            )));
        }
        let mut config: Config =
            self.0.parse().map_err(|_| refused(&format!("a part of it cannot be read, {EXPECTED}")))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(refused(&format!("no host, {EXPECTED}")));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("passant");
        }
        config.keepalives_idle(KEEPALIVE_AFTER);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_servers_and_sockets() {
        for text in [
            "postgres://passant:secret@db.internal:5433/passant",
            "postgresql://passant@127.0.0.1/passant?sslmode=disable&connect_timeout=2",
            "postgres://passant@%2Frun%2Fpostgresql/passant",
            "postgres:///passant?host=/run/postgresql&options=-csearch_path%3Dpassant",
        ] {
            ServerUrl::new(text).check().expect(text);
        }
    }

    #[test]
    fn refuses_what_is_none_without_showing_it() {
        for (text, words) in [
            ("", "not a URL of PostgreSQL"),
            ("mysql://passant:hunter2@db/passant", "not a URL of PostgreSQL"),
            ("host=db password=hunter2", "not a URL of PostgreSQL"),
            ("postgres://passant:hunter2@db:hunter2/passant", "cannot be read"),
            ("postgres://passant:x@db/passant?hunter2=1", "cannot be read"),
            ("postgres:///passant", "no host"),
            ("postgres://passant:hunter2@db/passant?sslmode=require", "sslmode=require"),
            ("postgres://passant:hunter2@db/passant?connect_timeout=2&sslmode=verify-full", "speaks no TLS"),
        ] {
            let url = ServerUrl::new(text);
            let refusal = url.check().expect_err(words).to_string();
            assert!(refusal.contains(words) && !refusal.contains("hunter2"), "{refusal}");
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }
}
