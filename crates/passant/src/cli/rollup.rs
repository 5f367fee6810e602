//! Roll-ups, as the command line has them.

use clap::Subcommand;

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Rollup {
    /// Drop the roll-ups of closed days, and add them up anew from the events
    #[command(after_help = "Examples:
  passant rollup rebuild                 of all sites
  passant rollup rebuild example.com")]
    Rebuild {
        /// The one site that it is for; all sites without
        domain: Option<String>,
    },
    /// Show how many closed days of each site reports read from roll-ups
    #[command(after_help = "Examples:
  passant rollup status
  passant rollup status --json")]
    Status {
        #[command(flatten)]
        output: Output,
    },
}
