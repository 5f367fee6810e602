//! A client's address cannot be cloned: what is moved is gone.
use passant_ingest::ClientAddress;

fn wants<T: Clone>() {}

fn main() {
    wants::<ClientAddress>();
}
