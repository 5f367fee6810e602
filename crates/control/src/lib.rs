//! Control data: what the operator says, in one small SQLite file beside the data.
//!
//! Invariant: nothing about a visitor is ever in here. A running server notices changes by [`Control::version`], so
//! the command line needs no connection to it.

mod annotation;
mod database;
mod error;
#[cfg(test)]
mod fixture;
mod funnel;
mod goal;
mod import;
mod segment;
mod setting;
mod site;
mod token;

pub use annotation::{Annotation, Moment};
pub use database::Control;
pub use error::{Error, Result};
pub use funnel::{Funnel, NewFunnel, StepOrder, Within};
pub use goal::{Goal, GoalKind, NewGoal};
pub use import::Import;
pub use segment::{NewSegment, Segment};
pub use setting::{SCRIPT_OPTIONS, SETTINGS, Setting, SettingFacts};
pub use site::{ReferrerDetail, RemovedSite, Site};
pub use token::{Grant, NewToken, Scope, Token};
