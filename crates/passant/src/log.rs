//! Where log lines go: standard error, as text or JSON. Levels come from `RUST_LOG`, `info` by default.

use std::io::{IsTerminal, Stderr};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

type Lines = SubscriberBuilder<DefaultFields, Format, EnvFilter, fn() -> Stderr>;

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat) {
    let lines = lines("info");
    match format {
        LogFormat::Text => own(lines.with_ansi(std::io::stderr().is_terminal()).finish()),
        LogFormat::Json => own(lines.json().finish()),
    }
}

/// Starts the log of an engine that a server watches: the level first and no time, since the server adds its own.
pub(crate) fn start_child() {
    own(lines("info").with_ansi(false).without_time().finish());
}

/// Starts the log of a command, which speaks by its output: only what is wrong is logged.
pub(crate) fn start_quiet() {
    own(lines("error").with_ansi(std::io::stderr().is_terminal()).finish());
}

fn lines(level: &str) -> Lines {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr as fn() -> Stderr);
    // Where a line cannot be written, as on a full disk, saying so there would end whoever wrote it.
    lines.with_target(false).log_internal_errors(false)
}

/// Starts a log of our own words alone, at any level: the libraries' quote what they were given, such as a question's
/// filters or a request's head, and we promise that no log does.
fn own(lines: impl Subscriber + Send + Sync) {
    lines.with(filter_fn(|metadata| metadata.target().starts_with("passant"))).init();
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
