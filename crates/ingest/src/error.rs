//! What can stop the ingest half from starting. A beacon never ends here: it is accepted, discarded or refused.

use std::path::PathBuf;

/// A reason to stop, told to the operator in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be used as it stands: correct it and start again.
    #[error("ingest.{name}: {value:?}, expected {expected}")]
    Setting {
        /// Name of the setting in its section.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it has to be.
        expected: String,
    },
    /// A file that a setting names could not be read.
    #[error("ingest.{setting}: {path}: {reason}")]
    File {
        /// Name of the setting in its section.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
}
