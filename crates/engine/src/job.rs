//! What the front hands to a connection's thread, and what comes back.
//!
//! Invariant: a job holds everything its execution needs; the thread asks nobody. A reply channel that closes
//! without [`Reply::Done`] or [`Reply::Failed`] means that the thread died.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{exception::Exception, ffi::Progress, formats::Framing, run_state::Running, settings::Setting};

/// A statement with all that it is executed with.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// SQL without inline data.
    pub(crate) sql: String,
    /// Format of the result, or of an INSERT's data.
    pub(crate) format: String,
    /// Values of `{name:Type}`.
    pub(crate) parameters: Vec<(String, String)>,
    /// Settings for this statement only.
    pub(crate) settings: Vec<Setting>,
    /// Database that unqualified names mean.
    pub(crate) database: String,
    /// What the caller may do.
    pub(crate) rights: Rights,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Everything: the owner of the socket.
    All,
    /// Reads of tables, nothing that reaches a file or the network.
    Tables,
}

/// The kind of work.
#[derive(Debug)]
pub(crate) enum Work {
    /// Rows, chunk by chunk.
    Stream(Framing),
    /// A whole result at once.
    Whole,
    /// An INSERT of what the channel carries.
    Insert(mpsc::Receiver<Feed>, Expectation),
}

/// How many rows the caller says it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It does not say.
    Unstated,
    /// Exactly so many.
    Rows(u64),
}

/// A piece of an INSERT's data. A channel that closes without an end means that the client broke off.
#[derive(Debug)]
pub(crate) enum Feed {
    /// Bytes in the statement's format.
    Data(Bytes),
    /// All bytes have been sent: commit.
    End,
}

/// What a job answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A piece of the result.
    Chunk(Bytes, Progress),
    /// The end, with what was not reported before.
    Done(Progress),
    /// The end, by an exception.
    Failed(Exception),
}

/// A unit of work for a connection's thread.
#[derive(Debug)]
pub(crate) struct Job {
    /// What to execute.
    pub(crate) statement: Statement,
    /// How to execute it.
    pub(crate) work: Work,
    /// Where the result goes.
    pub(crate) replies: mpsc::Sender<Reply>,
    /// Who still wants it.
    pub(crate) running: Arc<Running>,
    /// Not to be started after this.
    pub(crate) deadline: Instant,
}
