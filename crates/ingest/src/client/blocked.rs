//! Networks that sites block, and which sites block a client: the only thing besides the prefix that is asked of an
//! address, before it ends.
//!
//! Invariant: the answer holds numbers of sites and no bit of the address. It costs one look-up for each length of prefix
//! that occurs, however many networks and sites there are, and nothing where there are none.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ClientAddress;

/// The networks that any site blocks.
#[derive(Clone, Debug, Default)]
pub struct BlockedNetworks {
    lengths: Lengths,
    sites: HashMap<IpNet, Vec<u32>>,
}

/// Lengths of prefix that occur.
#[derive(Clone, Debug, Default)]
struct Lengths {
    ipv4: Vec<u8>,
    ipv6: Vec<u8>,
}

/// The sites that block a client; mostly none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedBy(Vec<u32>);

impl BlockedNetworks {
    /// The sites that block this client.
    pub(super) fn blocking(&self, client: &ClientAddress) -> BlockedBy {
        if self.sites.is_empty() {
            return BlockedBy::default();
        }
        let lengths = match client.0 {
            IpAddr::V4(_) => &self.lengths.ipv4,
            IpAddr::V6(_) => &self.lengths.ipv6,
        };
        let networks = lengths.iter().filter_map(|length| IpNet::new(client.0, *length).ok());
        let sites = networks.filter_map(|network| self.sites.get(&network.trunc()));
        BlockedBy(sites.flatten().copied().collect())
    }

    fn add(&mut self, site_id: u32, network: IpNet) {
        let lengths = match network {
            IpNet::V4(_) => &mut self.lengths.ipv4,
            IpNet::V6(_) => &mut self.lengths.ipv6,
        };
        if !lengths.contains(&network.prefix_len()) {
            lengths.push(network.prefix_len());
        }
        self.sites.entry(network.trunc()).or_default().push(site_id);
    }
}

impl Extend<(u32, IpNet)> for BlockedNetworks {
    fn extend<I: IntoIterator<Item = (u32, IpNet)>>(&mut self, networks: I) {
        networks.into_iter().for_each(|(site_id, network)| self.add(site_id, network));
    }
}

impl BlockedBy {
    /// Whether this site is among them.
    pub fn contains(&self, site_id: u32) -> bool {
        self.0.contains(&site_id)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn blocking(networks: &BlockedNetworks, address: &str) -> Vec<u32> {
        let client = ClientAddress::of_peer(SocketAddr::new(address.parse().unwrap(), 1));
        let mut sites = networks.blocking(&client).0;
        sites.sort_unstable();
        sites
    }

    #[test]
    fn tells_each_site_that_blocks_a_network_around_the_address() {
        let mut networks = BlockedNetworks::default();
        assert_eq!(blocking(&networks, "198.51.100.7"), Vec::<u32>::new());
        networks.extend(
            [
                (1, "198.51.100.7/32"),
                (2, "198.51.100.0/24"),
                (3, "198.51.100.7/32"),
                (4, "2001:db8::/33"),
                (5, "0.0.0.0/0"),
            ]
            .map(|(site_id, network)| (site_id, network.parse().unwrap())),
        );
        for (address, expected) in [
            ("198.51.100.7", &[1, 2, 3, 5][..]),
            ("::ffff:198.51.100.7", &[1, 2, 3, 5]),
            ("198.51.100.8", &[2, 5]),
            ("198.51.101.7", &[5]),
            ("2001:db8:7fff::1", &[4]),
            ("2001:db8:8000::1", &[]),
            ("::", &[]),
        ] {
            assert_eq!(blocking(&networks, address), expected, "{address}");
        }
    }
}
