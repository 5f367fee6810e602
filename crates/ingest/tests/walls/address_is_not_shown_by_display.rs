//! A client's address cannot be written as text.
use passant_ingest::ClientAddress;

fn wants<T: std::fmt::Display>() {}

fn main() {
    wants::<ClientAddress>();
}
