//! No core dump of this process: a crash must not write what is in memory to a disk.
//!
//! Memory holds addresses of requests in flight and the keys of the day, and both are promised to reach no file.
//! Invariant: this is called before any of that can be in memory, and anew in each child, since the system forgets
//! the attribute whenever a program is started.

use anyhow::{Context, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps of this process.
///
/// # Errors
/// When the system refuses.
pub(crate) fn forbid() -> Result<()> {
    // The limit is inherited, but ignored where dumps are piped to a collector such as systemd's. The attribute holds
    // there too, and keeps other processes of this user from reading our memory.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .context("core dumps cannot be forbidden")
}
