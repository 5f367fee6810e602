//! The keys of the day cannot be logged by Debug.
use passant_ingest::DayKeys;

fn wants<T: std::fmt::Debug>() {}

fn main() {
    wants::<DayKeys>();
}
