//! Why the engine does not start, or stops.
//!
//! Errors of statements are not here: they are exceptions, and they go to the client.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why the engine does not start, or stops, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot work: correct it.
    #[error("{0}")]
    Config(String),
    /// Another engine serves the data directory: use that one, or stop it.
    #[error("data directory {} is in use by another engine (pid {pid})", data.display())]
    DataInUse {
        /// The directory.
        data: PathBuf,
        /// The other process, or `unknown`.
        pid: String,
    },
    /// Another process listens on the socket: use that one, or choose another path.
    #[error("socket {} is in use by another process", socket.display())]
    SocketInUse {
        /// The socket.
        socket: PathBuf,
    },
    /// The data directory or the socket cannot be prepared: look at the file system.
    #[error("{}: {source}", path.display())]
    Files {
        /// What was to be prepared.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The TCP address cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// libchdb cannot be loaded: install it, or correct the path.
    #[error("cannot load libchdb from {}: {reason}", library.display())]
    Library {
        /// The file.
        library: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// libchdb does not open the data: look at the directory, or restore a backup.
    #[error("cannot open the data in {}: {reason}", data.display())]
    Open {
        /// The directory.
        data: PathBuf,
        /// What libchdb says.
        reason: String,
    },
    /// The process that the engine is bound to is gone already.
    #[error("the parent process {parent} is gone")]
    Orphaned {
        /// Its pid.
        parent: u32,
    },
    /// Threads or the runtime cannot be set up: the machine is out of something.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
}
