//! Networks as people write them: an address, or one with the length of its prefix.
//!
//! Invariant: a network is spelt in one way, and an IPv4 network in the clothes of IPv6 is the IPv4 network, since
//! addresses are compared like that.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Bits of an IPv6 address before the IPv4 address that it stands for.
const MAPPED_BITS: u8 = 96;

/// Reads a network; bits after its prefix are dropped.
pub fn network(text: &str) -> Option<IpNet> {
    let whole = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| whole()).ok()?;
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS)),
        IpNet::V4(_) => None,
    };
    let network = match mapped {
        Some((address, length)) => Ipv4Net::new(address, length).ok()?.into(),
        None => network,
    };
    Some(network.trunc())
}

/// Writes a network as [`network`] reads it: a single address as itself.
pub fn spelt(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_spelt_in_one_way() {
        for (text, expected) in [
            ("198.51.100.7", Some("198.51.100.7")),
            ("198.51.100.7/32", Some("198.51.100.7")),
            ("198.51.100.7/24", Some("198.51.100.0/24")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("2001:db8::1/48", Some("2001:db8::/48")),
            ("::ffff:198.51.100.7", Some("198.51.100.7")),
            ("::ffff:198.51.100.7/120", Some("198.51.100.0/24")),
            ("::/0", Some("::/0")),
            ("198.51.100.7/33", None),
            ("198.51.100", None),
            ("198.51.100.0/24/24", None),
            ("example.com", None),
            ("fe80::1%eth0", None),
            ("", None),
        ] {
            let read = network(text);
            assert_eq!(read.map(spelt).as_deref(), expected, "{text}");
            assert_eq!(read.and_then(|read| network(&spelt(read))), read, "{text}");
        }
    }
}
