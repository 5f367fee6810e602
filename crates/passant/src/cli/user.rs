//! What can be said about people: for the first of them, and for an operator who is locked out.

use clap::{Args, Subcommand};

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Invite somebody: print a link, this once, by which they choose a password
    #[command(after_help = "Examples:
  passant user invite ada@example.com --owner
  passant user invite bob@example.com --name Bob --site example.com --role analyst")]
    Invite(NewUser),
    /// Add somebody whose password comes on standard input
    #[command(after_help = "Example:
  pass show stats | passant user add ada@example.com --name Ada --owner")]
    Add(NewUser),
    /// List who has an account
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Give somebody a role on a site, or take it away
    #[command(after_help = "Examples:
  passant user role bob@example.com example.com viewer
  passant user role bob@example.com example.com none")]
    Role {
        /// Their e-mail address
        email: String,
        /// The site's domain
        site: String,
        /// viewer, analyst, admin or none
        role: String,
    },
    /// Print a link, this once, by which somebody chooses another password
    #[command(after_help = "Examples:
  passant user reset-link ada@example.com
  passant user reset-link ada@example.com --drop-two-factor     the device is lost, too")]
    ResetLink {
        /// Their e-mail address
        email: String,
        /// Ask for no code of their device any more
        #[arg(long)]
        drop_two_factor: bool,
    },
    /// Print the link by which the first owner is made
    SetupLink,
    /// Remove somebody's account, and end their sessions
    Remove {
        /// Their e-mail address
        email: String,
    },
}

/// Somebody who is to have an account.
#[derive(Args, Debug)]
pub(crate) struct NewUser {
    /// The e-mail address that they sign in by
    pub(crate) email: String,
    /// What others call them; the address unless told
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Make them an owner, who may do everything on every site
    #[arg(long, conflicts_with = "site")]
    pub(crate) owner: bool,
    /// A site that they have a role on
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) site: Option<String>,
    /// What they are there: viewer, analyst or admin
    #[arg(long, default_value = "viewer", requires = "site")]
    pub(crate) role: String,
}
