//! Engines as child processes of the tests.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use passant_engine::{Config, Lifetime, Run};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::client::Store;

const TOLD: &str = "PASSANT_ENGINE_CHILD";
/// How long anything may take in a test before it counts as never.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Told {
    socket: PathBuf,
    data: PathBuf,
    config: serde_json::Value,
    parent: Option<u32>,
}

/// What this process is told to run, if it is a child.
pub(crate) fn told() -> Option<Run> {
    let told: Told = serde_json::from_str(&std::env::var(TOLD).ok()?).unwrap();
    Some(Run {
        config: serde_json::from_value::<Config>(told.config).unwrap(),
        socket: told.socket,
        data: told.data,
        library: library(),
        lifetime: told.parent.map_or(Lifetime::UntilStopped, Lifetime::OfParent),
    })
}

fn library() -> PathBuf {
    std::env::var_os("PASSANT_LIBCHDB").map_or_else(
        || {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            root.join("runtime/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so")
        },
        PathBuf::from,
    )
}

/// A running engine; killed on drop.
pub(crate) struct Engine {
    child: Child,
    root: std::sync::Arc<TempDir>,
    config: serde_json::Value,
    pub(crate) socket: PathBuf,
}

impl Engine {
    pub(crate) fn start() -> Self {
        Self::start_with(serde_json::json!({}))
    }

    pub(crate) fn start_with(config: serde_json::Value) -> Self {
        Self::start_in(std::sync::Arc::new(TempDir::new().unwrap()), config)
    }

    fn start_in(root: std::sync::Arc<TempDir>, config: serde_json::Value) -> Self {
        let socket = root.path().join("engine.sock");
        let mut child = spawn(&socket, &root.path().join("data"), &config, None);
        wait_until("the engine is ready", || {
            assert!(child.try_wait().unwrap().is_none(), "the engine ended before it was ready");
            UnixStream::connect(&socket).is_ok()
        });
        Self { child, root, config, socket }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn store(&self) -> Store {
        Store::unix(&self.socket)
    }

    /// SIGKILL, and the end of the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the status.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        signal(self.pid(), rustix::process::Signal::TERM);
        self.ended()
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the engine has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Another engine on the same directory.
    pub(crate) fn again(&self) -> Self {
        Self::start_in(self.root.clone(), self.config.clone())
    }

    /// A value of /proc/PID/status, in KiB.
    pub(crate) fn memory_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn spawn(socket: &Path, data: &Path, config: &serde_json::Value, parent: Option<u32>) -> Child {
    command(socket, data, config, parent).stderr(Stdio::inherit()).spawn().unwrap()
}

/// The command of a child whose output can be redirected.
pub(crate) fn command(
    socket: &Path,
    data: &Path,
    config: &serde_json::Value,
    parent: Option<u32>,
) -> Command {
    let told = Told { socket: socket.to_owned(), data: data.to_owned(), config: config.clone(), parent };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env(TOLD, serde_json::to_string(&told).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Polls until a condition holds, at most for [`DEADLINE`].
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "timed out: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
