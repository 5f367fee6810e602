//! The keys of the day cannot be cloned.
use passant_ingest::DayKeys;

fn wants<T: Clone>() {}

fn main() {
    wants::<DayKeys>();
}
