//! Nobody outside can take the prefix out of its wrapper.
use passant_ingest::AddressPrefix;

fn bits(prefix: AddressPrefix) -> std::net::IpAddr {
    prefix.network()
}

fn main() {
    let _ = bits;
}
