//! An address that was cut to its prefix is gone.
use passant_ingest::{AddressPrefix, ClientAddress, PrefixBits};

fn main() {
    let address = ClientAddress::of_peer("198.51.100.7:443".parse().unwrap());
    let _ = AddressPrefix::cut(address, PrefixBits { ipv4: 24, ipv6: 48 });
    let _ = address.is_loopback();
}
