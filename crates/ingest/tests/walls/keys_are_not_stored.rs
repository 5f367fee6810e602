//! The keys of the day cannot be serialised.
use passant_ingest::DayKeys;

fn wants<T: serde::Serialize>() {}

fn main() {
    wants::<DayKeys>();
}
