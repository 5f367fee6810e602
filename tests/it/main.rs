//! One integration test binary. Each module is one promise of the product, held against the real binary and a real
//! engine: what a beacon becomes, what is discarded, what survives a crash, what the commands do.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod accounting;
mod accounts;
mod adapters;
mod beacon;
mod bi;
mod command_line;
mod control;
mod cost;
mod crash;
mod dashboard;
mod discard;
mod faults;
mod import_export;
mod limits;
mod live;
mod operations;
mod postgres;
mod privacy;
mod query;
mod rollup;
mod store;
mod visits;
