//! The demo's visitors: a past of 90 days to fill a site with, and a trickle that goes on from there.
//!
//! Everything is made up, comes out the same each time, and is quick to make; nothing here sends, stores or reads a
//! clock. The site is a shop for hikers that does not exist.

mod audience;
mod history;
mod live;
mod open_visits;
mod planner;
mod platform;
mod random;
mod rhythm;
mod site;
mod source;
mod visit;

pub(crate) use history::DemoHistory;
pub(crate) use live::{DemoVisitor, LiveBeacon};
