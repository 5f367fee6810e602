//! What is left of an address cannot be written as text.
use passant_ingest::AddressPrefix;

fn wants<T: std::fmt::Display>() {}

fn main() {
    wants::<AddressPrefix>();
}
