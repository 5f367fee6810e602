//! `passant`: web analytics that keeps its privacy notice's word. One binary, all roles.
//!
//! Only here is the clock read and are errors turned into words: one line on stderr and an exit code.

mod access;
mod accounts_api;
mod admin;
mod asset;
mod authority;
mod badge;
mod built;
mod call;
mod cli;
mod coarse_timer;
mod command;
mod config;
mod continuity;
mod cookie;
mod core_dump;
mod data_directory;
mod demo;
mod demo_site;
mod described;
mod embed;
mod encoded;
mod engine_child;
mod erase;
mod events_file;
mod export_api;
#[cfg(feature = "fail-points")]
mod fail_points;
mod ground;
mod log;
mod oidc;
mod page;
mod parameters;
mod parquet_file;
mod progress;
mod public;
mod refusal;
mod retention;
mod same_origin;
mod script;
mod security_headers;
mod serve;
mod server;
mod site_names;
mod sites_api;
mod store_access;
mod store_parts;
mod threads;
mod throttle;
mod view;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Exit code of a configuration that makes no sense (`EX_USAGE` of `sysexits.h`).
const EXIT_BAD_CONFIG: u8 = 64;

/// An event is some fifty small allocations, and of its encoding each ends on another thread than it began on. Without
/// huge pages, which spare no time here and take 20 MiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let bad_config = error.chain().any(|cause| cause.is::<config::ConfigError>());
            // Whoever piped our output away has had enough: that is no error.
            if error.chain().any(is_broken_pipe) {
                return ExitCode::SUCCESS;
            }
            let _ = writeln!(std::io::stderr(), "passant: {error:#}");
            if bad_config { ExitCode::from(EXIT_BAD_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
