//! What clients of other products send.

use passant_ingest::{Beacon, outside};

use crate::beacons;

/// The query of an image.
pub(crate) fn pixel(bytes: &[u8]) {
    outside::read("/p.gif", (&query(bytes), b""), check);
}

/// A body of Umami's.
pub(crate) fn umami_send(bytes: &[u8]) {
    outside::read("/api/send", ("", bytes), check);
}

/// Several of them.
pub(crate) fn umami_batch(bytes: &[u8]) {
    outside::read("/api/batch", ("", bytes), check);
}

/// The query of GoatCounter's image.
pub(crate) fn goatcounter_count(bytes: &[u8]) {
    outside::read("/count", (&query(bytes), b""), check);
}

/// A body of GoatCounter's API.
pub(crate) fn goatcounter_hits(bytes: &[u8]) {
    outside::read("/api/v0/count", ("", bytes), check);
}

/// Parameters of Matomo's: a query, and after the first line's end a form.
pub(crate) fn matomo_form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(end);
    outside::read("/matomo.php", (&query(first), rest), check);
}

/// Several requests of Matomo's.
pub(crate) fn matomo_bulk(bytes: &[u8]) {
    outside::read("/matomo.php", ("", bytes), check);
}

/// A query can only be what a URL can hold.
fn query(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whatever a format says, its beacons hold to what every beacon does, and name a site.
fn check(beacon: &Beacon<'_>) {
    assert!(!beacon.name.trim().is_empty() && beacon.name.chars().count() <= 120);
    assert!(beacon.url.len() <= 2000 && beacon.props.len() <= 30);
    assert!(beacon.domains().next().is_some());
    beacons::check(beacon);
}
