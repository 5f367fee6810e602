//! A server that must not start, and what it says instead.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use passant_tests::{Passant, binary};
use tokio::process::Command;

/// How long a refusal may take: one that starts instead would never end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts another server with this one's configuration on `data`, which must end at once with an error, and returns
/// its last words.
pub(crate) async fn refusal(passant: &Passant, data: &Path) -> Result<String> {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data).arg("--config").arg(passant.file("passant.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.spawn()?.wait_with_output()).await;
    let output = ended.context("it started, and had to refuse")??;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}, expected exit code 1:\n{words}", output.status);
    Ok(words.trim_end().lines().last().unwrap_or_default().to_owned())
}

/// That it said what is wrong with what.
pub(crate) fn ensure_says(words: &str, expected: &[&str]) -> Result<()> {
    for part in expected {
        ensure!(words.contains(part), "{words:?} does not say {part:?}");
    }
    Ok(())
}
