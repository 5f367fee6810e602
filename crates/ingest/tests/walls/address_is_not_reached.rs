//! Nobody outside can take an address out of its wrapper.
use passant_ingest::ClientAddress;

fn main() {
    let address = ClientAddress::of_peer("198.51.100.7:443".parse().unwrap());
    let _ = address.0;
}
