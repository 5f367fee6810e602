//! What a soak remembers from run to run: counts by fault, for one binary.
//!
//! Invariant: the file is replaced as a whole, so that whoever kills the soak finds the counts of the last batch.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use passant_faults::Fault;
use serde::{Deserialize, Serialize};

/// Counts of one binary.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Hash of the binary that was soaked.
    pub(crate) version: String,
    /// By the fault's number.
    pub(crate) faults: BTreeMap<String, Count>,
}

/// What became of one fault's rounds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    /// Number of the round that comes next.
    pub(crate) next: u32,
    /// Rounds that were run to their end, or to their failure.
    pub(crate) rounds: u32,
    /// Rounds that failed.
    pub(crate) failures: u32,
    /// Events that were acknowledged, and found again.
    pub(crate) acknowledged: u64,
    /// Seconds that it took.
    pub(crate) seconds: f64,
    /// The slowest of what was timed, in seconds.
    #[serde(default)]
    pub(crate) slowest_seconds: BTreeMap<String, f64>,
    /// What each failure said, the first lines of it.
    pub(crate) words: Vec<String>,
}

impl State {
    /// What an earlier soak left, or nothing.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::rename(fresh, path)?)
    }

    /// A fault's count so far.
    pub(crate) fn of(&self, fault: &Fault) -> Count {
        self.faults.get(fault.id).cloned().unwrap_or_default()
    }

    /// Failures of all faults.
    pub(crate) fn failures(&self) -> u32 {
        self.faults.values().map(|count| count.failures).sum()
    }
}
