//! Control data: what the operator says, in one small SQLite file beside the data, or in a database of a PostgreSQL server.
//!
//! Invariant: nothing about a visitor is ever in here. A running server notices changes by [`Control::version`], so
//! the command line needs no connection to it.

mod annotation;
mod authorization;
mod config;
mod database;
mod error;
#[cfg(test)]
mod fixture;
mod funnel;
mod goal;
mod identity;
mod import;
mod network;
mod one_time_link;
#[doc(hidden)]
pub mod outside;
mod password;
mod retention;
mod role;
mod secret;
mod segment;
mod session;
mod setting;
mod share_link;
mod site;
mod token;
mod two_factor;
mod user;

pub use annotation::{Annotation, Moment};
pub use authorization::{Action, Actor, Decision, Person, Subject, decide};
pub use config::{Config, DatabaseConfig};
pub use database::{Control, ServerUrl};
pub use error::{Error, Result};
pub use funnel::{Funnel, NewFunnel, StepOrder, Within};
pub use goal::{Goal, GoalKind, NewGoal, Renamed};
pub use identity::Identity;
pub use import::Import;
pub use network::{network, spelt};
pub use one_time_link::NewOwner;
pub use password::Password;
pub use retention::{FirstDay, Retention};
pub use role::{Member, Role};
pub use segment::{Links, NewSegment, Segment, SegmentChange};
pub use session::{Session, SessionLimits};
pub use setting::{SCRIPT_OPTIONS, SETTINGS, Setting, SettingFacts};
pub use share_link::{NewShareLink, Opened, PASS_PREFIX, Share, ShareLink};
pub use site::{ReferrerDetail, RemovedSite, Site, Visibility};
pub use token::{Grant, NewToken, Scope, Token, TokenHash};
pub use two_factor::DeviceSecret;
pub use user::{NewUser, Standing, User};
