//! Where log lines go: standard error, as text or JSON. Levels come from `RUST_LOG`, `info` by default.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// Starts the log of an engine that a server watches: the level first and no time, since the server adds its own.
pub(crate) fn start_child() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    lines.with_ansi(false).without_time().init();
}

/// Logs a line of a child as our own, at the level that it begins with.
pub(crate) fn relay(line: &str) {
    let line = line.trim_start();
    let (level, words) = line.split_once(' ').unwrap_or(("", line));
    match level {
        "ERROR" => tracing::error!(engine = true, "{words}"),
        "WARN" => tracing::warn!(engine = true, "{words}"),
        "INFO" => tracing::info!(engine = true, "{words}"),
        "DEBUG" | "TRACE" => tracing::debug!(engine = true, "{words}"),
        // libchdb's own words, and those of a process that dies.
        _ => tracing::warn!(engine = true, "{line}"),
    }
}
