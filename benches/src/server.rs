//! One running server: the bare one, or `passant serve` on a data directory of its own.
//!
//! Invariant: a server is killed when it is dropped, and its data goes with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use passant_store::{Endpoint, Store};
use passant_tests::{HttpClient, until};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::Place;
use crate::process;

/// Behind a proxy on this machine, as most servers are: visitors are told apart by `X-Forwarded-For`.
const CONFIG: &str = "[serve]\nlog_format = \"json\"\n[ingest]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
/// Every report is computed: what was answered before is not remembered.
const FORGETFUL: &str = "[query]\ncache_bytes = 0\n";
/// A store where nobody answers: beacons stay in the spool.
const AWAY: &str = "[store]\nurl = \"http://127.0.0.1:9/\"\n";

/// Which store a server gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The engine as its child.
    Engine,
    /// The engine, and reports that are computed each time.
    Forgetful,
    /// None that answers: what is left is the collector.
    Away,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    public: SocketAddr,
    passant: Option<Passant>,
}

struct Passant {
    binary: PathBuf,
    directory: TempDir,
    admin: SocketAddr,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    /// The bare server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn bare() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("piped")?).lines();
        let address = lines.next_line().await?.context("the bare server ended")?;
        Ok(Self { child, public: address.parse()?, passant: None })
    }

    /// `passant serve` with a site `example.com`, or with the demo site if `arguments` say so.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn passant(place: &Place, kind: Kind, arguments: &[String]) -> Result<Self> {
        let binary = place.passant()?;
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(place.directory()?)?;
        let more = match kind {
            Kind::Engine => "",
            Kind::Forgetful => FORGETFUL,
            Kind::Away => AWAY,
        };
        let config = format!("{CONFIG}{more}");
        std::fs::write(directory.path().join("passant.toml"), config)?;
        cli(&binary, directory.path(), &["site", "add", "example.com", "--timezone", "Europe/Berlin"])
            .await?;
        let mut command = Command::new(&binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).args(arguments);
        command.args(here(directory.path()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let log = Arc::default();
        tokio::spawn(keep(BufReader::new(child.stderr.take().context("piped")?).lines(), Arc::clone(&log)));
        let listening = wait_for_line(&log, "listening", Duration::from_secs(30)).await?;
        let address = |name: &str| {
            Ok::<SocketAddr, anyhow::Error>(listening[name].as_str().context("an address")?.parse()?)
        };
        let passant = Passant { binary, directory, admin: address("admin")?, log };
        Ok(Self { child, public: address("public")?, passant: Some(passant) })
    }

    /// Where beacons go.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    /// Its process.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("the server ended")
    }

    /// Its engine's process, if it has one.
    pub(crate) fn engine_pid(&self) -> Option<u32> {
        process::child(self.child.id()?, "engine.sock")
    }

    /// Its engine, once that answers.
    ///
    /// # Errors
    /// For a server that has none.
    pub(crate) async fn store(&self) -> Result<Store> {
        let socket = self.own()?.data().join("engine.sock");
        let store = Store::new(&Endpoint::Socket(socket), passant_store::Config::default());
        until("the engine answers", || async { store.ping().await.ok() }).await;
        Ok(store)
    }

    /// Runs a command on its data directory, and returns what it says.
    ///
    /// # Errors
    /// When the command fails.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Result<String> {
        let own = self.own()?;
        cli(&own.binary, own.directory.path(), arguments).await
    }

    /// A token that reads every site.
    ///
    /// # Errors
    /// When the command fails.
    pub(crate) async fn token(&self) -> Result<String> {
        self.command(&["token", "create", "--scope", "stats:read"]).await
    }

    /// Waits for a line of its log, and returns the line's fields.
    ///
    /// # Errors
    /// When it does not come in time.
    pub(crate) async fn logged(&self, message: &str, patience: Duration) -> Result<Value> {
        wait_for_line(&self.own()?.log, message, patience).await
    }

    /// A metric without labels.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let text = HttpClient::new(self.own()?.admin).get("/metrics").await.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.with_context(|| format!("no metric {name}"))
    }

    /// Ends it, and waits until it has.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(crate) async fn stop(mut self) -> Result<()> {
        passant_tests::signal(self.pid()?, rustix::process::Signal::TERM);
        self.child.wait().await?;
        Ok(())
    }

    fn own(&self) -> Result<&Passant> {
        self.passant.as_ref().context("the bare server has no such thing")
    }
}

impl Passant {
    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

async fn keep(mut lines: Lines<BufReader<ChildStderr>>, log: Arc<Mutex<Vec<Value>>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

async fn wait_for_line(log: &Mutex<Vec<Value>>, message: &str, patience: Duration) -> Result<Value> {
    let found = || {
        let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| &line["fields"]).find(|fields| fields["message"] == message).cloned()
    };
    let waited = tokio::time::timeout(patience, async {
        loop {
            if let Some(fields) = found() {
                return fields;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.with_context(|| format!("the server never said {message:?}: {:?}", log.lock()))
}

fn here(directory: &Path) -> [PathBuf; 4] {
    ["--data-dir".into(), directory.join("data"), "--config".into(), directory.join("passant.toml")]
}

async fn cli(binary: &Path, directory: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(binary).args(arguments).args(here(directory)).output().await?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
