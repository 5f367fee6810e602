//! `bench`: measures what an event costs, and says so beside the goals.
//!
//! Invariant: load, server and engine are processes of their own, so that each one's CPU is the kernel's own
//! account of it. What is measured stands in `collect`, `drift`, `demo` and `reports`; here is only the command line.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod bare;
mod collect;
mod demo;
mod drift;
mod load;
mod machine;
mod measured;
mod process;
mod reports;
mod server;
mod store;
mod table;
mod traffic;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// What an event costs: the real server beside a bare one, under self-made load.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    after_help = "\
Examples:
  bench collect                       three servers, 30 s saturated and 30 s at 600 events/s each
  bench collect --seconds 120         the same, longer, as `make bench` does
  bench collect --preload 0           the whole product on an empty store
  bench drift                         600 events/s before and after an hour's traffic, some five minutes
  bench drift --real-minutes 60       the same, with the hour in real time
  bench demo                          load time, disk and memory of the demo site's 2,000,000 events
  bench demo --events 20000000        more; what the engine takes in memory
  bench reports                       ten questions over 30 of 90 days, 20,000,000 events
  bench machine                       processor, memory and what a sync costs
  bench bare                          the bare server alone, to point another client at"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Cost and latency of a beacon, its way into a report, and what it takes on disk
    Collect {
        #[command(flatten)]
        place: Place,
        /// How long each server is saturated, and how long it gets steady load
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        seconds: u64,
        /// Events of today that the whole product holds before it is measured
        #[arg(long, value_name = "N", default_value_t = 1_000_000)]
        preload: u64,
    },
    /// Cost of an event in a first minute, and again after an hour's traffic
    Drift {
        #[command(flatten)]
        place: Place,
        /// Let the traffic between come at 600 events/s for so many minutes, instead of an hour's at saturation
        #[arg(long, value_name = "MINUTES")]
        real_minutes: Option<u64>,
    },
    /// Load time, disk and memory of the demo site
    Demo {
        #[command(flatten)]
        place: Place,
        /// How many events it has
        #[arg(long, value_name = "N", default_value_t = 2_000_000)]
        events: u64,
    },
    /// The dashboard's questions over 30 days, beside hand-written SQL
    Reports {
        #[command(flatten)]
        place: Place,
        /// How many events the store holds, over 90 days; nine of ten are the site's
        #[arg(long, value_name = "N", default_value_t = 20_000_000)]
        events: u64,
        /// The site's privacy floor; 1 is none, as in the SQL
        #[arg(long, value_name = "N", default_value_t = 1)]
        privacy_floor: u32,
    },
    /// What this machine is
    Machine {
        #[command(flatten)]
        place: Place,
    },
    /// A server that reads each request and answers 202, until it is killed
    Bare,
    /// The load client, as `collect` starts it
    #[command(hide = true)]
    Load { server: SocketAddr, order: String },
}

/// Where the binary and the data are.
#[derive(Args, Clone, Debug)]
struct Place {
    /// The server to measure; by default the one that the same build made
    #[arg(long, value_name = "FILE")]
    passant: Option<PathBuf>,
    /// Where data directories are made, on the disk in question; by default beside this binary
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Place {
    fn passant(&self) -> Result<PathBuf> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("passant"));
        let path = self.passant.clone().map_or_else(beside, Ok)?;
        anyhow::ensure!(path.exists(), "{} is not there: `make build` makes it", path.display());
        Ok(path.canonicalize()?)
    }

    fn directory(&self) -> Result<PathBuf> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(""));
        Ok(self.directory.clone().map_or_else(beside, Ok)?.canonicalize()?)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // The client on one thread takes as little as can be from the servers that share its processor.
    let mut runtime = match arguments.command {
        Command::Load { .. } => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(run(arguments.command))
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Collect { place, seconds, preload } => collect::run(&place, seconds, preload).await,
        Command::Drift { place, real_minutes } => {
            let between = real_minutes.map_or(drift::Between::Hour, drift::Between::Minutes);
            drift::run(&place, between).await
        }
        Command::Demo { place, events } => demo::run(&place, events).await,
        Command::Reports { place, events, privacy_floor } => {
            reports::run(&place, events, privacy_floor).await
        }
        Command::Machine { place } => machine::show(&place.directory()?),
        Command::Bare => bare::serve().await,
        Command::Load { server, order } => {
            let outcome = load::run(server, serde_json::from_str(&order)?).await?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
    }
}
