//! A client's address cannot be copied.
use passant_ingest::ClientAddress;

fn wants<T: Copy>() {}

fn main() {
    wants::<ClientAddress>();
}
