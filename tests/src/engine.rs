//! An engine for tests that need a store and no server around it.

use std::path::PathBuf;
use std::process::ExitStatus;

use passant_store::{Config, Endpoint, Store};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{binary, until};

/// A store for one test: an embedded engine of its own, or a database of its own on the server that
/// `PASSANT_TEST_CLICKHOUSE_URL` names.
pub struct TestEngine {
    // Dropped before the directory that it writes to.
    child: Option<Child>,
    directory: TempDir,
    store: Store,
}

impl TestEngine {
    /// Starts it and migrates it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let mut engine = Self::prepared();
        engine.run().await;
        engine.store.migrate().await.expect("migrated");
        engine
    }

    /// An engine that does not run yet.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn prepared() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let store = Store::new(&Endpoint::Socket(directory.path().join("engine.sock")), Config::default());
        Self { directory, child: None, store }
    }

    /// Starts the process and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn run(&mut self) {
        self.run_by(Command::new(binary())).await;
    }

    /// Starts the process and waits until it answers; its files can have that many kibibytes, and a write beyond them fails.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub async fn run_with_small_files(&mut self, kibibytes: u32) {
        let mut command = Command::new("bash");
        // What a process ignores is ignored by what takes its place: the write fails, and no signal ends the process.
        command
            .args(["-c", &format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"")])
            .arg(binary());
        self.run_by(command).await;
    }

    async fn run_by(&mut self, mut command: Command) {
        command
            .arg("engine")
            .arg("--socket")
            .arg(self.socket())
            .arg("--data")
            .arg(self.directory.path().join("data"));
        command.kill_on_drop(true);
        self.child = Some(command.spawn().expect("passant starts"));
        let store = &self.store;
        until("the engine answers", || async move { store.ping().await.ok() }).await;
    }

    /// Ends the process at once.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("killed");
    }

    /// Waits for the end of a process that ends by itself, and tells its status.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn ended(&mut self) -> ExitStatus {
        self.child.take().expect("it runs").wait().await.expect("a status")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// A client to it.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
