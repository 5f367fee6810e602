//! The keys of the day cannot be written as text.
use passant_ingest::DayKeys;

fn wants<T: std::fmt::Display>() {}

fn main() {
    wants::<DayKeys>();
}
