//! The configuration file: a struct of its parts' own configurations. Safe by default, loopback only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use passant_control::{DatabaseConfig, ServerUrl};
use passant_store::Endpoint;
use serde::Deserialize;

use crate::oidc;
use crate::public::EVENT_PATH;
use crate::script::SCRIPT_PATH;

/// Everything an operator can set; each section is owned by the crate that reads it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) serve: Serve,
    pub(crate) tracker: Tracker,
    pub(crate) ingest: passant_ingest::Config,
    pub(crate) spool: passant_spool::Config,
    pub(crate) store: passant_store::Config,
    pub(crate) engine: passant_engine::Config,
    pub(crate) query: passant_store::ReadConfig,
    pub(crate) control: DatabaseConfig,
    pub(crate) accounts: passant_control::Config,
    /// By whom people may sign in besides by password.
    pub(crate) oidc: Option<oidc::Config>,
}

/// The `[serve]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Serve {
    /// Address for beacons, the script, the reports API and the dashboard.
    pub(crate) listen: SocketAddr,
    /// Address for `/healthz`, `/readyz` and `/metrics`.
    pub(crate) admin_listen: SocketAddr,
    /// Directory of the data.
    pub(crate) data_dir: PathBuf,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
    /// Connections in all; more are closed at once.
    pub(crate) connections: usize,
    /// Connections of one address prefix (/24, /48), proxies and loopback apart.
    pub(crate) connections_per_prefix: usize,
    /// How long a request's head may take, and a connection may idle.
    pub(crate) header_deadline_seconds: u64,
    /// How long to go on serving after SIGTERM while not ready, so that a load balancer notices.
    pub(crate) drain_notice_seconds: u64,
    /// How long requests in flight may take after that.
    pub(crate) drain_deadline_seconds: u64,
}

/// The `[tracker]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tracker {
    /// Where the website script is, besides its usual names.
    pub(crate) script_path: String,
    /// Where beacons are taken, besides `/api/event`.
    pub(crate) event_path: String,
}

impl Default for Tracker {
    fn default() -> Self {
        Self { script_path: SCRIPT_PATH.to_owned(), event_path: EVENT_PATH.to_owned() }
    }
}

impl Tracker {
    fn check(&self) -> Result<(), ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
        let is_path = |path: &str| path.len() > 1 && path.starts_with('/') && path.chars().all(plain);
        if !is_path(&self.script_path) || !self.script_path.ends_with(".js") {
            let path = &self.script_path;
            return Err(ConfigError(format!(
                "tracker.script_path: {path:?}, expected a path like \"/lib/reader.js\""
            )));
        }
        if !is_path(&self.event_path) {
            let path = &self.event_path;
            return Err(ConfigError(format!(
                "tracker.event_path: {path:?}, expected a path like \"/lib/note\""
            )));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            data_dir: PathBuf::from("passant-data"),
            log_format: LogFormat::Text,
            connections: 4096,
            connections_per_prefix: 512,
            header_deadline_seconds: 20,
            drain_notice_seconds: 0,
            drain_deadline_seconds: 8,
        }
    }
}

/// A configuration that makes no sense; the process exits with code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

impl Config {
    /// Reads the file, or takes the defaults where none is named.
    ///
    /// # Errors
    /// When the file is not there, is no TOML, holds an unknown key, or a value makes no sense.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let named = |error: String| ConfigError(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| named(one_line(&error, &text)))?;
        config.check().map_err(|error| named(error.0))?;
        Ok(config)
    }

    /// The same with the control data in the database of this URL.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn with_control(mut self, url: ServerUrl) -> Result<Self, ConfigError> {
        self.control = DatabaseConfig::of(url);
        self.control.check().map_err(|error| ConfigError(error.to_string()))?;
        Ok(self)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refused = |error: &dyn std::fmt::Display| ConfigError(error.to_string());
        self.spool.check().map_err(|error| refused(&error))?;
        self.engine.validate().map_err(|error| refused(&error))?;
        self.query.check().map_err(|error| refused(&error))?;
        self.ingest.check().map_err(|error| refused(&error))?;
        self.tracker.check()?;
        self.control.check().map_err(|error| refused(&error))?;
        self.accounts.check().map_err(|error| refused(&error))?;
        if let Some(oidc) = &self.oidc {
            oidc.check(self.accounts.base_url.as_deref()).map_err(ConfigError)?;
        }
        if let Some(url) = &self.store.url {
            Endpoint::from_url(url).map_err(|error| refused(&error))?;
        }
        if self.serve.connections == 0 || self.serve.connections_per_prefix == 0 {
            return Err(ConfigError(
                "serve.connections and serve.connections_per_prefix: 0, expected at least 1".into(),
            ));
        }
        Ok(())
    }
}

/// The parser's message without its drawing, with the line that it means.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message().replace('\n', ", ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("passant.toml");
        std::fs::write(&path, text).expect("write");
        Config::load(Some(&path))
    }

    #[test]
    fn an_empty_file_is_the_default_and_listens_on_loopback_only() {
        let config = load("").expect("valid");
        assert!(config.serve.listen.ip().is_loopback() && config.serve.admin_listen.ip().is_loopback());
        assert!(config.ingest.trusted_proxies.is_empty());
    }

    #[test]
    fn names_the_line_of_an_unknown_key() {
        let error = load("[serve]\nlistne = \"127.0.0.1:1\"\n").expect_err("unknown").0;
        assert!(error.contains("line 2: unknown field `listne`"), "{error}");
    }

    #[test]
    fn refuses_a_file_that_is_not_there_and_values_that_make_no_sense() {
        assert!(Config::load(Some(Path::new("/nowhere/passant.toml"))).is_err());
        assert!(load("[store]\nurl = \"ftp://x\"\n").is_err());
        assert!(load("[control]\nurl = \"sqlite:x\"\n").is_err());
        assert!(load("[control]\nurl = \"postgres://a@b/c\"\nurl_file = \"x\"\n").is_err());
        assert!(load("[tracker]\nscript_path = \"/lib/a b.js\"\n").is_err());
        assert!(load("[tracker]\nevent_path = \"lib/note\"\n").is_err());
        assert!(load("[ingest]\ntrusted_proxies = [\"10.0.0.0/99\"]\n").is_err());
    }
}
