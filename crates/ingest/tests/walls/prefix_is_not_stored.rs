//! What is left of an address cannot be serialised.
use passant_ingest::AddressPrefix;

fn wants<T: serde::Serialize>() {}

fn main() {
    wants::<AddressPrefix>();
}
