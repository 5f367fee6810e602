//! What lies where in the data directory, and where the files are that are loaded at run time.

use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;

/// How often, and how long apart, a held lock is tried before it counts as held.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The directory that holds everything of one installation.
#[derive(Clone, Debug)]
pub(crate) struct DataDirectory(PathBuf);

impl DataDirectory {
    /// Makes the directory, for its owner only, if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or resolved.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let named = || format!("data directory {}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(named)?;
        // libchdb must see one spelling for ever.
        Ok(Self(path.canonicalize().with_context(named)?))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Sites and tokens.
    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("control.sqlite")
    }

    /// Acknowledged events on their way to the store.
    pub(crate) fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The embedded engine's tables.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Socket of the engine that a server runs.
    pub(crate) fn engine_socket(&self) -> PathBuf {
        self.0.join("engine.sock")
    }

    /// Socket of an engine that one command runs for itself.
    pub(crate) fn command_socket(&self) -> PathBuf {
        self.0.join(format!("engine-{}.sock", std::process::id()))
    }
}

/// A server's hold on its data directory, for as long as it lives.
pub(crate) struct ServerLock {
    _file: File,
}

impl DataDirectory {
    fn server_lock(&self) -> PathBuf {
        self.0.join("server.lock")
    }

    /// Holds the directory for a server.
    ///
    /// # Errors
    /// When another server holds it, by its process id, or the file cannot be made.
    pub(crate) fn hold(&self) -> Result<ServerLock> {
        let path = self.server_lock();
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path)?;
        let mut attempt = 0;
        // A command that looks whether a server runs holds the lock for a moment.
        while rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            attempt += 1;
            if attempt > LOCK_ATTEMPTS {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                bail!("{} is in use by another server (process {})", self.0.display(), holder.trim());
            }
            std::thread::park_timeout(LOCK_PAUSE);
        }
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(ServerLock { _file: file })
    }

    /// Whether a server holds the directory.
    pub(crate) fn is_served(&self) -> bool {
        File::open(self.server_lock())
            .is_ok_and(|file| rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }
}

/// Finds a file that is loaded at run time: what the configuration names, else what the environment names, else
/// beside the binary (`lib/`), or where distributions put it (`../lib/passant/`).
pub(crate) fn runtime_file(configured: Option<&Path>, variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = configured {
        return Some(path.to_owned());
    }
    if let Some(path) = std::env::var_os(variable) {
        return Some(PathBuf::from(path));
    }
    let binary = std::env::current_exe().ok()?.canonicalize().ok()?;
    let folder = binary.parent()?;
    [folder.join("lib"), folder.join("../lib/passant")]
        .into_iter()
        .map(|lib| lib.join(name))
        .find(|path| path.exists())
}
