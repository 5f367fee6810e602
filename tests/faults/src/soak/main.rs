//! `soak`: every fault a great many times, and the count of it in a report.
//!
//! Invariant: a failure is written down and never ends the soak; what ends it is the count, the clock or ^C, each after
//! the batch that is under way. What a fault does stands in the library, how a round is asked for in `fault.rs`.

mod binaries;
mod progress;
mod report;
mod run;
mod state;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use passant_faults::{FAULTS, Fault, find};

use crate::run::Soak;
use crate::state::State;

/// Does to Passant what must do no harm, over and over, and counts.
///
/// After each batch of rounds every event that was acknowledged is looked for in the store. Counts, failures and
/// what is claimed from them are kept in a state file, from which the next soak of the same binary goes on.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  soak                                  every fault at its full count, until done
  soak --minutes 60                     for an hour; the next one goes on from there
  soak --faults F1,F3 --scale 0.1       two faults, a tenth of their counts
  soak --report docs/reliability.md     and write the table of counts there

Exit codes: 0 nothing failed, 1 something did; its words and the server's log are under failures/ beside the state.")]
struct Arguments {
    /// Which faults, by number; all if none is named
    #[arg(long, value_delimiter = ',', value_name = "F1,F2…")]
    faults: Vec<String>,
    /// Times the count of each fault
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    scale: f64,
    /// Stop after this many minutes, at the end of a batch
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Where the counts are kept
    #[arg(long, default_value = "target/soak/state.json", value_name = "FILE")]
    state: PathBuf,
    /// Go on counting though the binary is another one
    #[arg(long)]
    keep: bool,
    /// A Markdown file that gets the table, between its markers for it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if !(arguments.scale > 0.0 && arguments.scale.is_finite()) {
        bail!("--scale {}: a number above 0 is expected", arguments.scale);
    }
    let faults = chosen(&arguments.faults)?;
    let folder = arguments.state.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder)?;
    let version = binaries::copied_to(&folder.join("bin"))?;
    let mut state = State::read(&arguments.state)?;
    if state.version != version && !arguments.keep {
        state = State::default();
    }
    state.version = version;
    let failures = folder.canonicalize()?.join("failures");
    let soak = Soak {
        faults,
        scale: arguments.scale,
        state_file: arguments.state,
        report: arguments.report,
        failures,
    };
    let failed = soak.run(&mut state, arguments.minutes).await?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen(ids: &[String]) -> Result<Vec<&'static Fault>> {
    if ids.is_empty() {
        return Ok(FAULTS.iter().collect());
    }
    let known = || FAULTS.iter().map(|fault| fault.id).collect::<Vec<_>>().join(", ");
    ids.iter()
        .map(|id| find(id.trim()).ok_or_else(|| anyhow::anyhow!("no fault {id:?}; there are {}", known())))
        .collect()
}
