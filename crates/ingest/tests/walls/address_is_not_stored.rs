//! A client's address cannot be serialised.
use passant_ingest::ClientAddress;

fn wants<T: serde::Serialize>() {}

fn main() {
    wants::<ClientAddress>();
}
