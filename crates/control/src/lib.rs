//! Control data: what the operator says, in one small SQLite file beside the data.
//!
//! Invariant: nothing about a visitor is ever in here. A running server notices changes by [`Control::version`], so
//! the command line needs no connection to it.

mod database;
mod error;
mod import;
mod site;
mod token;

pub use database::Control;
pub use error::{Error, Result};
pub use import::Import;
pub use site::{ReferrerDetail, Setting, Site};
pub use token::{Grant, Scope};
