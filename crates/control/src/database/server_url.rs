//! The URL of a PostgreSQL server.
//!
//! Invariant: it can be neither shown nor logged, for a password is in it.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls_improved::MakeRustlsConnect;

use super::encryption::Authorities;
use crate::error::{Error, Result};

/// `postgres://user:password@host:5432/database`. Deliberately without Display and Serialize.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

/// How a server is reached.
pub(super) struct Access {
    pub(super) config: Config,
    /// What encrypts the connection; without it, nothing does.
    pub(super) tls: Option<MakeRustlsConnect>,
}

/// How long a server may take to let us in, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may leave unanswered what was sent.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be silent before it is asked whether it is still one.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const EXPECTED: &str = "expected one like \"postgres://passant:password@127.0.0.1:5432/passant\"";
/// Modes with which nothing goes unencrypted.
const TLS_MODES: &[&str] = &["require", "verify-full"];
/// The value of `sslrootcert` that names the system's authorities, as libpq has it.
const SYSTEM: &str = "system";

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
        self.access().map(drop)
    }

    /// The text, for tests that use it by other means.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// How to connect. The parser's own words could hold a part of a password that was not escaped, so ours are said.
    pub(super) fn access(&self) -> Result<Access> {
        let refused = |words: &str| Error::Refused(format!("control.url: {words}"));
        if !self.0.starts_with("postgres://") && !self.0.starts_with("postgresql://") {
            return Err(refused(&format!("not a URL of PostgreSQL, {EXPECTED}")));
        }
        let (url, authorities) = self.without_encryption().map_err(|words| refused(&words))?;
        let mut config: Config =
            url.parse().map_err(|_| refused(&format!("a part of it cannot be read, {EXPECTED}")))?;
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
        let tls = match authorities {
            Some(authorities) => {
                config.ssl_mode(SslMode::Require);
                Some(authorities.connector().map_err(|words| refused(&words))?)
            }
            None => None,
        };
        Ok(Access { config, tls })
    }

    /// The URL without what it says of encryption, which the driver knows too little of; and who vouches for the server,
    /// if the connection is to be encrypted.
    fn without_encryption(&self) -> Result<(String, Option<Authorities>), String> {
        let (base, options) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let (ours, others): (Vec<&str>, Vec<&str>) = options
            .split('&')
            .filter(|option| !option.is_empty())
            .partition(|option| option.starts_with("sslmode=") || option.starts_with("sslrootcert="));
        let value = |key: &str| ours.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
        let mode = value("sslmode").unwrap_or("prefer");
        let file = value("sslrootcert").map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned());
        let authorities = match file {
            Some(path) if path != SYSTEM => Authorities::File(path.into()),
            _ => Authorities::System,
        };
        let authorities = match mode {
            mode if TLS_MODES.contains(&mode) => Some(authorities),
            "disable" | "prefer" if authorities == Authorities::System => None,
            "disable" | "prefer" => {
                return Err("sslrootcert without encryption, expected sslmode=verify-full beside it".into());
            }
            "verify-ca" => {
                return Err(
                    "sslmode=verify-ca takes any server of an authority for this one, expected verify-full"
                        .into(),
                );
            }
            _ => return Err("an unknown sslmode, expected \"disable\" or \"verify-full\"".into()),
        };
        let others = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        Ok((format!("{base}{others}"), authorities))
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
            let access = ServerUrl::new(text).access().expect(text);
            assert!(access.tls.is_none(), "{text}");
        }
    }

    #[test]
    fn encrypts_for_whose_url_asks_for_it() {
        for mode in
            ["require", "verify-full", "verify-full&sslrootcert=system", "require&channel_binding=require"]
        {
            let text =
                format!("postgres://passant:secret@db.internal/passant?connect_timeout=2&sslmode={mode}");
            let access = ServerUrl::new(&text).access().expect(mode);
            assert!(access.tls.is_some() && access.config.get_ssl_mode() == SslMode::Require, "{mode}");
            assert_eq!(access.config.get_connect_timeout(), Some(&Duration::from_secs(2)), "{mode}");
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
            (
                "postgres://passant:hunter2@db/passant?connect_timeout=2&sslmode=verify-ca",
                "expected verify-full",
            ),
            ("postgres://passant:hunter2@db/passant?sslmode=hunter2", "an unknown sslmode"),
            ("postgres://passant:hunter2@db/passant?sslrootcert=/a", "sslrootcert without encryption"),
            (
                "postgres://passant:hunter2@db/passant?sslmode=require&sslrootcert=%2Fnone",
                "/none cannot be read",
            ),
            (
                "postgres://passant:hunter2@db/passant?sslmode=require&sslrootcert=/etc/passwd",
                "no certificate in",
            ),
        ] {
            let url = ServerUrl::new(text);
            let refusal = url.check().expect_err(words).to_string();
            assert!(refusal.contains(words) && !refusal.contains("hunter2"), "{refusal}");
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }
}
