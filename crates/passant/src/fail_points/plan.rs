//! The plan of what goes wrong, and how far it has come.
//!
//! Invariant: whether something goes wrong follows from the plan and from what was asked before; nothing is done here.

use std::io;

use rustix::io::Errno;
use serde::Deserialize;

/// What is to go wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Plan {
    kill_at: Option<KillAt>,
    io: Vec<IoFault>,
    /// Added to the wall clock.
    pub(super) clock_offset_seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KillAt {
    step: String,
    /// Dies when the step is reached for that time; 1 is the first.
    #[serde(default = "first")]
    after: u64,
    #[serde(skip)]
    seen: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IoFault {
    /// One or more operations, with `|` between.
    operation: String,
    error: Failure,
    /// So many operations succeed first.
    #[serde(default)]
    after: u64,
    /// So many fail then; all if it is not said.
    #[serde(default = "always")]
    times: u64,
    #[serde(skip)]
    seen: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Failure {
    Enospc,
    Eio,
    Erofs,
    Emfile,
}

fn first() -> u64 {
    1
}

fn always() -> u64 {
    u64::MAX
}

impl Plan {
    /// Counts a step, and says whether it is the one at which to die.
    pub(super) fn reaches(&mut self, step: &str) -> bool {
        let Some(kill) = self.kill_at.as_mut().filter(|kill| kill.step == step) else { return false };
        kill.seen += 1;
        kill.seen == kill.after
    }

    /// Counts an operation, and says how it fails.
    pub(super) fn fails(&mut self, operation: &str) -> Option<io::Error> {
        let mut failure = None;
        for fault in
            self.io.iter_mut().filter(|fault| fault.operation.split('|').any(|named| named == operation))
        {
            fault.seen += 1;
            if fault.seen > fault.after && fault.seen - fault.after <= fault.times {
                failure = Some(fault.error);
            }
        }
        failure.map(io::Error::from)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let errno = match failure {
            Failure::Enospc => Errno::NOSPC,
            Failure::Eio => Errno::IO,
            Failure::Erofs => Errno::ROFS,
            Failure::Emfile => Errno::MFILE,
        };
        errno.into()
    }
}
