//! The engine's settings (`[engine]` of the configuration file) and what a start is told besides.
//!
//! Invariant: the default is safe and works: no TCP listener, a gibibyte of memory, limits on everything.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

use crate::{Error, Lifetime, settings::Limits};

/// Least memory that libchdb can do useful work with.
const MEMORY_BYTES_MIN: u64 = 256 << 20;
/// Most connections of a kind: each is a thread, and more than cores only compete for memory.
const CONNECTIONS_MAX: usize = 64;

/// The `[engine]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Memory that the engine may use in all, in bytes. Caches and limits of statements are shares of it.
    pub memory_bytes: u64,
    /// Statements that read at the same time.
    pub readers: usize,
    /// Statements that write at the same time.
    pub writers: usize,
    /// Statements of a kind that may wait for a connection; further ones are refused.
    pub queue_statements: usize,
    /// Longest wait, and longest run, of a statement, in seconds.
    pub statement_seconds: u64,
    /// The file of libchdb, if it is not where the installation puts it.
    pub library: Option<PathBuf>,
    /// A listener for tools that read, such as those for business intelligence; none by default.
    pub tcp: Option<TcpConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            readers: 3,
            writers: 1,
            queue_statements: 64,
            statement_seconds: 60,
            library: None,
            tcp: None,
        }
    }
}

/// The `[engine.tcp]` section: a read-only listener behind a password.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcpConfig {
    /// Address and port. Traffic is not encrypted: keep it on the loopback, or behind a proxy that encrypts.
    pub listen: SocketAddr,
    /// Name that a client must give.
    pub user: String,
    /// Password that a client must give; without one the engine does not start.
    pub password: Password,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8123)),
            user: "passant".to_owned(),
            password: Password::default(),
        }
    }
}

/// A password, which no log shows.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// A password from elsewhere than the file.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The text, for the comparison.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What one start of the engine is told.
#[derive(Clone, Debug)]
pub struct Run {
    /// The settings.
    pub config: Config,
    /// The unix socket to listen on.
    pub socket: PathBuf,
    /// The directory that holds the data; it is created if it is not there.
    pub data: PathBuf,
    /// The file of libchdb.
    pub library: PathBuf,
    /// How long the process lives.
    pub lifetime: Lifetime,
}

impl Config {
    /// Checks the values against each other and against what libchdb can do.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting, its value and what was expected.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Config(message));
        if self.memory_bytes < MEMORY_BYTES_MIN {
            return refuse(format!(
                "engine.memory_bytes is {}, expected {MEMORY_BYTES_MIN} or more",
                self.memory_bytes
            ));
        }
        for (name, value) in [("readers", self.readers), ("writers", self.writers)] {
            if value == 0 || value > CONNECTIONS_MAX {
                return refuse(format!("engine.{name} is {value}, expected 1 to {CONNECTIONS_MAX}"));
            }
        }
        if self.queue_statements == 0 {
            return refuse("engine.queue_statements is 0, expected 1 or more".to_owned());
        }
        if !(1..=86_400).contains(&self.statement_seconds) {
            return refuse(format!(
                "engine.statement_seconds is {}, expected 1 to 86400",
                self.statement_seconds
            ));
        }
        match &self.tcp {
            Some(tcp) if tcp.password.reveal().is_empty() => {
                refuse("engine.tcp.password is empty: the TCP listener needs a password".to_owned())
            }
            Some(tcp) if tcp.user.is_empty() => {
                refuse("engine.tcp.user is empty, expected a name".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Bounds of what a request may set.
    pub(crate) fn limits(&self) -> Limits {
        Limits { statement_seconds: self.statement_seconds, statement_memory_bytes: self.share(15, 32) }
    }

    /// Bytes of a response that `wait_end_of_query=1` may collect outside of libchdb.
    pub(crate) fn collected_bytes(&self) -> usize {
        usize::try_from(self.share(1, 16)).unwrap_or(usize::MAX)
    }

    /// Options of the engine as a whole. Measured at a gibibyte; the shares keep the proportions.
    pub(crate) fn server_options(&self) -> Vec<String> {
        [
            ("max_server_memory_usage", self.memory_bytes),
            ("mark_cache_size", self.share(1, 16)),
            ("primary_index_cache_size", self.share(1, 16)),
            ("index_mark_cache_size", self.share(1, 64)),
        ]
        .iter()
        .map(|(name, bytes)| format!("--{name}={bytes}"))
        .collect()
    }

    /// Settings of each connection.
    pub(crate) fn connection_settings(&self) -> Vec<(&'static str, String)> {
        let limits = self.limits();
        vec![
            ("max_memory_usage", limits.statement_memory_bytes.to_string()),
            ("max_bytes_before_external_group_by", self.share(3, 16).to_string()),
            ("max_bytes_before_external_sort", self.share(3, 16).to_string()),
            // Without it a small memory limit makes every query single-threaded.
            ("max_threads_min_free_memory_per_thread", self.share(3, 16).to_string()),
            ("max_execution_time", limits.statement_seconds.to_string()),
            // Values must not depend on the machine's own zone.
            ("session_timezone", "UTC".to_owned()),
            // `SELEC 1` is a mistake here, not an expression.
            ("implicit_select", "0".to_owned()),
            // An INSERT is answered when it is stored.
            ("async_insert", "0".to_owned()),
        ]
    }

    fn share(&self, numerator: u64, denominator: u64) -> u64 {
        self.memory_bytes / denominator * numerator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn accepts_its_default_and_names_what_is_wrong() {
        Config::default().validate().unwrap();
        assert!(refused(|config| config.readers = 0).contains("engine.readers is 0"));
        assert!(refused(|config| config.memory_bytes = 5).contains("engine.memory_bytes is 5"));
        assert!(refused(|config| config.statement_seconds = 0).contains("engine.statement_seconds"));
        assert!(
            refused(|config| config.tcp = Some(TcpConfig::default()))
                .contains("engine.tcp.password is empty")
        );
    }

    #[test]
    fn keeps_to_the_measured_recipe_at_a_gibibyte() {
        let config = Config::default();
        assert!(config.server_options().contains(&"--mark_cache_size=67108864".to_owned()));
        assert!(config.server_options().contains(&"--index_mark_cache_size=16777216".to_owned()));
        assert!((480_000_000..520_000_000).contains(&config.limits().statement_memory_bytes));
    }

    #[test]
    fn refuses_unknown_settings_and_hides_the_password() {
        assert!(serde_json::from_str::<Config>(r#"{"reader": 1}"#).is_err());
        let config: Config = serde_json::from_str(r#"{"tcp": {"password": "secret"}}"#).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        assert!(config.tcp.unwrap().listen.ip().is_loopback());
    }
}
