//! What lies where in the data directory, and where the files are that are loaded at run time.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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
    [folder.join("lib"), folder.join("../lib/passant")].into_iter().map(|lib| lib.join(name)).find(|path| path.exists())
}
