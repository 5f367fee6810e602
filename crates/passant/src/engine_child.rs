//! The embedded engine as a child process: started, watched, restarted, stopped.
//!
//! The child is apart because libchdb serves one data directory a process and because a crash in it must not take the
//! collector along: acknowledged events are in the spool. Invariant: at most one child at a time, and none survives us.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prometheus::IntCounter;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// How to start the engine.
#[derive(Clone, Debug)]
pub(crate) struct EnginePlan {
    pub(crate) socket: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) config: Option<PathBuf>,
    /// Who hears what the engine says.
    pub(crate) words: Words,
}

/// Who hears what the engine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Whoever reads the log.
    Logged,
    /// Nobody, unless it does not start: then its last words are in the error.
    Unheard,
}

/// A child and the last line that it said.
struct Speaking {
    child: Child,
    last_words: Arc<Mutex<String>>,
}

/// A start that failed for a reason that passes by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotYet {
    /// Another process has the engine's data open.
    #[error("the store in {} is in use by another passant", .0.display())]
    InUse(PathBuf),
    /// Somebody killed the engine before it answered.
    #[error("the engine was killed as it started ({0})")]
    Killed(ExitStatus),
}

/// The first start unpacks half a gigabyte of library from a cold disk.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// An engine that dies over and over is tried this often at the least: its data is wanted.
const RESTART_WAIT: Duration = Duration::from_secs(2);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// A child that lived this long starts a new series of tries.
const HEALTHY: Duration = Duration::from_secs(30);
/// An engine that has not answered for this long is hung: it is killed, and its statements with it.
const HUNG: Duration = Duration::from_secs(120);

/// The engine refuses a data directory that another one has open with this code; see the crate `passant_engine`.
pub(crate) const EXIT_IN_USE: u8 = 75;

impl EnginePlan {
    /// Starts the engine once and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it answers; its own words are in the log.
    pub(crate) async fn start(&self) -> Result<Child> {
        let Speaking { mut child, last_words } = self.spawn()?;
        let started = Instant::now();
        loop {
            if pings(&self.socket).await.is_ok() {
                return Ok(child);
            }
            if let Some(status) = child.try_wait()? {
                if status.code() == Some(i32::from(EXIT_IN_USE)) {
                    return Err(NotYet::InUse(self.data.clone()).into());
                }
                if status.code().is_none() {
                    return Err(NotYet::Killed(status).into());
                }
                let words = last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
                bail!("the engine ended as it started ({status}): {}", words.trim_start_matches("passant: "));
            }
            if started.elapsed() > START_PATIENCE {
                bail!("the engine did not answer within {} s", START_PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the engine; a command (an import, say) that has the data open is waited for.
    async fn start_when_free(&self) -> Result<Child> {
        let started = Instant::now();
        loop {
            match self.start().await {
                Err(error) if error.is::<NotYet>() && started.elapsed() < START_PATIENCE => {
                    tracing::warn!("{error:#}; trying again");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn spawn(&self) -> Result<Speaking> {
        let binary = std::env::current_exe().context("path of this binary")?;
        let mut command = Command::new(binary);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        // It knows nothing of the control data.
        command.env_remove("PASSANT_CONTROL_URL");
        command.arg("engine").arg("--socket").arg(&self.socket).arg("--data").arg(&self.data);
        command.arg("--parent").arg(std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        // A terminal's ^C goes to the whole group; the child is stopped by us, after the last batch.
        command.process_group(0);
        let mut child = command.spawn().context("the engine cannot be started")?;
        let last_words = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            let (heard, last_words) = (self.words, last_words.clone());
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if heard == Words::Logged {
                        crate::log::relay(&line);
                    }
                    *last_words.lock().unwrap_or_else(PoisonError::into_inner) = line;
                }
            });
        }
        Ok(Speaking { child, last_words })
    }

    /// Keeps an engine running until `stop`.
    ///
    /// # Errors
    /// When the very first start fails, which waiting will not mend.
    pub(crate) async fn run(self, restarts: IntCounter, stop: CancellationToken) -> Result<()> {
        let mut child = self.start_when_free().await?;
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let status = tokio::select! {
                status = child.wait() => status,
                () = hung(&self.socket) => {
                    tracing::error!(seconds = HUNG.as_secs(), "the engine does not answer and is killed");
                    let _ = child.kill().await;
                    child.wait().await
                }
                () = stop.cancelled() => {
                    stop_child(child).await;
                    return Ok(());
                }
            };
            if started.elapsed() > HEALTHY {
                attempt = 0;
            }
            tracing::warn!(status = ?status.ok().map(|status| status.to_string()), "the engine ended; events wait in the spool");
            child = loop {
                let wait = passant_store::Error::backoff(attempt).min(RESTART_WAIT);
                attempt += 1;
                restarts.inc();
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stop.cancelled() => return Ok(()),
                }
                match self.start().await {
                    Ok(child) => break child,
                    Err(error) => tracing::error!(
                        error = format!("{error:#}"),
                        "the engine cannot be restarted; trying again"
                    ),
                }
            };
            tracing::info!("the engine is back");
        }
    }
}

/// Resolves when the engine has not answered `/ping` for [`HUNG`].
async fn hung(socket: &Path) {
    let mut last_answer = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        match tokio::time::timeout(Duration::from_secs(5), pings(socket)).await {
            Ok(Ok(())) => last_answer = Instant::now(),
            // A socket that refuses belongs to a child that is ending: its end is waited for elsewhere.
            Ok(Err(_)) | Err(_) if last_answer.elapsed() > HUNG => return,
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// Asks `/ping`, which needs no statement: an engine whose readers are all busy is not hung.
async fn pings(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"GET /ping HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Asks the engine to end, and makes it if it does not.
pub(crate) async fn stop_child(mut child: Child) {
    if let Some(id) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(STOP_PATIENCE, child.wait()).await.is_err() {
        tracing::warn!("the engine did not end in time and is killed");
        let _ = child.kill().await;
    }
}
