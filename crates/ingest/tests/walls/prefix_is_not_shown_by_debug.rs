//! What is left of an address cannot be logged by Debug.
use passant_ingest::AddressPrefix;

fn wants<T: std::fmt::Debug>() {}

fn main() {
    wants::<AddressPrefix>();
}
