//! Every parser of bytes from outside, as a row of one table: the name, and what takes the bytes.
//!
//! Invariant: whatever the bytes are, a target returns; what it asserts holds for all bytes. Each target has seeds in
//! `corpus/NAME/`, which `make test` runs through it; `make fuzz` goes on from them, led by coverage.

mod adapters;
mod beacons;
mod browsers;
mod control;
mod engine;
mod questions;
mod spools;

/// One parser.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the target and of its folder of seeds.
    pub name: &'static str,
    /// Gives it bytes.
    pub take: fn(&[u8]),
}

const fn target(name: &'static str, take: fn(&[u8])) -> Target {
    Target { name, take }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("beacon", beacons::beacon),
    target("client", beacons::client),
    target("pixel", adapters::pixel),
    target("umami_send", adapters::umami_send),
    target("umami_batch", adapters::umami_batch),
    target("goatcounter_count", adapters::goatcounter_count),
    target("goatcounter_hits", adapters::goatcounter_hits),
    target("matomo_form", adapters::matomo_form),
    target("matomo_bulk", adapters::matomo_bulk),
    target("cookie", browsers::cookie),
    target("email", control::email),
    target("frame_ancestors", control::frame_ancestors),
    target("networks", control::networks),
    target("head", beacons::head),
    target("import_line", beacons::import_line),
    target("question", questions::question),
    target("date_range", questions::date_range),
    target("event_record", spools::event_record),
    target("segment", spools::segment),
    target("statement", engine::statement),
    target("compressed", engine::compressed),
    target("request", engine::request),
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
