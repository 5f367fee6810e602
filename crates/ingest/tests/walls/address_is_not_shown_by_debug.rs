//! A client's address cannot be logged by Debug.
use passant_ingest::ClientAddress;

fn wants<T: std::fmt::Debug>() {}

fn main() {
    wants::<ClientAddress>();
}
