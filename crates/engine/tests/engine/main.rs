//! The engine as its clients see it: real libchdb in a child process, the official client over the unix socket.
//!
//! libchdb serves one data directory a process, so each test starts engines as children. The child is this very
//! test binary, told by its environment to be an engine (see [`child`]).

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking; a child talks on stderr"
)]

mod client;
mod process;

mod durability;
mod errors;
mod limits;
mod modes;
mod raw;
mod tcp;

use passant_engine::Error;

/// Not a test of its own: the body of a child process.
#[test]
fn child() {
    let Some(run) = process::told() else { return };
    let status = match passant_engine::run(run) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("engine: {error}");
            match error {
                Error::DataInUse { .. } => 11,
                Error::Config(_) => 12,
                Error::Library { .. } => 13,
                _ => 14,
            }
        }
    };
    std::process::exit(status);
}
