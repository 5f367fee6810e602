//! Who a request comes from: the client's address, and the prefix of it that is all we ever use.
//!
//! A [`ClientAddress`] can be neither shown, copied nor stored; it is moved into [`Client::of`], which asks which sites
//! block it, and into [`AddressPrefix::cut`], which ends it.
//! A forwarding header counts only when the peer is a proxy that the operator named, so a forged one from anyone else
//! changes nothing: not the visitor, not the country, not the rate bucket.

mod blocked;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::{Config, Error};

pub use blocked::{BlockedBy, BlockedNetworks};

/// A client's address. Deliberately without Debug, Display, Serialize, Clone and Copy.
pub struct ClientAddress(IpAddr);

/// What is left of a client's address: its first bits. Deliberately without Debug, Display and Serialize.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPrefix(IpAddr);

/// All that is known of a client once its address has ended.
#[derive(Clone)]
pub struct Client {
    /// The first bits of the address.
    pub prefix: AddressPrefix,
    /// The sites that discard what comes from it.
    pub blocked_by: BlockedBy,
}

/// How many bits of an address are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixBits {
    /// Of an IPv4 address, at most 32.
    pub ipv4: u8,
    /// Of an IPv6 address, at most 128.
    pub ipv6: u8,
}

/// A well-known proxy: the header in which it names the client, and the networks that it speaks from.
pub struct ProxyPreset {
    /// Name in the settings.
    pub name: &'static str,
    header: &'static str,
    networks: &'static [&'static str],
}

/// The proxies that a setting can name. The networks are those that their operators publish.
pub const PROXY_PRESETS: &[ProxyPreset] = &[
    ProxyPreset {
        name: "cloudflare",
        header: "cf-connecting-ip",
        networks: &[
            "173.245.48.0/20",
            "103.21.244.0/22",
            "103.22.200.0/22",
            "103.31.4.0/22",
            "141.101.64.0/18",
            "108.162.192.0/18",
            "190.93.240.0/20",
            "188.114.96.0/20",
            "197.234.240.0/22",
            "198.41.128.0/17",
            "162.158.0.0/15",
            "104.16.0.0/13",
            "104.24.0.0/14",
            "172.64.0.0/13",
            "131.0.72.0/22",
            "2400:cb00::/32",
            "2606:4700::/32",
            "2803:f800::/32",
            "2405:b500::/32",
            "2405:8100::/32",
            "2a06:98c0::/29",
            "2c0f:f248::/32",
        ],
    },
    ProxyPreset {
        name: "fastly",
        header: "fastly-client-ip",
        networks: &[
            "23.235.32.0/20",
            "43.249.72.0/22",
            "103.244.50.0/24",
            "103.245.222.0/23",
            "103.245.224.0/24",
            "104.156.80.0/20",
            "140.248.64.0/18",
            "140.248.128.0/17",
            "146.75.0.0/17",
            "151.101.0.0/16",
            "157.52.64.0/18",
            "167.82.0.0/17",
            "167.82.128.0/20",
            "167.82.160.0/20",
            "167.82.224.0/20",
            "172.111.64.0/18",
            "185.31.16.0/22",
            "199.27.72.0/21",
            "199.232.0.0/16",
            "2a04:4e40::/32",
            "2a04:4e42::/32",
        ],
    },
];

/// The proxies whose word on the client's address counts.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    presets: Vec<(&'static str, Vec<IpNet>)>,
}

impl Proxies {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a preset that the table does not hold.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let presets = config.proxy_presets.iter().map(|name| preset(name)).collect::<Result<_, _>>()?;
        Ok(Self { networks: config.trusted_proxies.clone(), presets })
    }

    /// The client behind `peer`: the peer itself, unless it is a trusted proxy that names another.
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = canonical(peer.ip());
        let header = self.presets.iter().find(|(_, networks)| contains(networks, peer));
        if let Some((header, _)) = header {
            // A header that is missing or sent twice says nothing: fall back to what the connection says.
            let mut values = headers.get_all(*header).iter();
            if let (Some(value), None) = (values.next(), values.next())
                && let Some(client) = value.to_str().ok().and_then(parse_node)
            {
                return ClientAddress(client);
            }
        }
        if !contains(&self.networks, peer) {
            return ClientAddress(peer);
        }
        ClientAddress(self.first_untrusted(peer, headers))
    }

    /// Walks the chain of proxies from the nearest to the farthest and stops at the first address that is none of
    /// ours: all that stands to the left of it was written by that address and proves nothing.
    fn first_untrusted(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let mut walk = |chain: &mut dyn Iterator<Item = &str>| {
            for node in chain {
                let Some(address) = parse_node(node) else { return };
                client = address;
                if !contains(&self.networks, address) {
                    return;
                }
            }
        };
        let lines = |name: &str| -> Vec<&str> {
            headers.get_all(name).iter().rev().filter_map(|value| value.to_str().ok()).collect()
        };
        let forwarded_for = lines("x-forwarded-for");
        if forwarded_for.is_empty() {
            let forwarded = lines("forwarded");
            walk(&mut forwarded.iter().flat_map(|line| line.rsplit(',')).map(for_parameter));
        } else {
            walk(&mut forwarded_for.iter().flat_map(|line| line.rsplit(',')));
        }
        client
    }
}

impl ClientAddress {
    /// The peer of a connection, where no header has been read yet (caps on connections).
    pub fn of_peer(peer: SocketAddr) -> Self {
        Self(canonical(peer.ip()))
    }

    /// The client that a sender speaks for, who may: an address as proxies write it, or nothing.
    pub(crate) fn named(text: &str) -> Option<Self> {
        parse_node(text).map(Self)
    }

    /// Whether the client is this machine itself.
    pub fn is_loopback(&self) -> bool {
        self.0.is_loopback()
    }
}

impl Client {
    /// Ends an address, once it is known which sites block it.
    pub fn of(address: ClientAddress, blocked: &BlockedNetworks, bits: PrefixBits) -> Self {
        let blocked_by = blocked.blocking(&address);
        Self { prefix: AddressPrefix::cut(address, bits), blocked_by }
    }
}

impl AddressPrefix {
    /// Ends a client's address: only its first bits go on.
    pub fn cut(address: ClientAddress, bits: PrefixBits) -> Self {
        let prefix = match address.0 {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits.ipv4)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits.ipv6)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Self(prefix)
    }

    /// First address of the prefix, for the country database alone.
    pub(crate) fn network(self) -> IpAddr {
        self.0
    }

    /// The bytes that go into the pseudonym, length included by the caller.
    pub(crate) fn write_to(self, write: impl FnOnce(&[u8])) {
        match self.0 {
            IpAddr::V4(v4) => write(&v4.octets()),
            IpAddr::V6(v6) => write(&v6.octets()),
        }
    }
}

impl PrefixBits {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] when a prefix is longer than an address of its kind.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let check = |name, bits: u8, most: u8| match bits {
            bits if bits <= most => Ok(bits),
            _ => Err(Error::Setting {
                name,
                value: bits.to_string(),
                expected: format!("a number of bits up to {most}"),
            }),
        };
        Ok(Self {
            ipv4: check("ipv4_prefix_bits", config.ipv4_prefix_bits, 32)?,
            ipv6: check("ipv6_prefix_bits", config.ipv6_prefix_bits, 128)?,
        })
    }
}

fn preset(name: &str) -> Result<(&'static str, Vec<IpNet>), Error> {
    let Some(preset) = PROXY_PRESETS.iter().find(|preset| preset.name == name) else {
        let names: Vec<_> = PROXY_PRESETS.iter().map(|preset| preset.name).collect();
        return Err(Error::Setting {
            name: "proxy_presets",
            value: name.to_owned(),
            expected: format!("one of {}", names.join(", ")),
        });
    };
    let networks = preset.networks.iter().map(|network| network.parse());
    Ok((preset.header, networks.collect::<Result<_, _>>().expect("a test parses each network of the table")))
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An IPv4 address in the clothes of IPv6 is the IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The `for=` of one element of an RFC 7239 `Forwarded` header; blank where there is none.
fn for_parameter(element: &str) -> &str {
    element
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map_or("", |(_, value)| value.trim())
}

/// An address as proxies write it: bare, with a port, in brackets, quoted.
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"').trim();
    let address = if let Some(bracketed) = node.strip_prefix('[') {
        bracketed.split_once(']')?.0
    } else if node.bytes().filter(|byte| *byte == b':').count() == 1 {
        node.split_once(':')?.0
    } else {
        node
    };
    let address = address.split_once('%').map_or(address, |(address, _zone)| address);
    address.parse().ok().map(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &Proxies, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        proxies.client(peer, &map).0.to_string()
    }

    fn trusting(networks: &[&str], presets: &[&str]) -> Proxies {
        let config = Config {
            trusted_proxies: networks.iter().map(|network| network.parse().unwrap()).collect(),
            proxy_presets: presets.iter().map(|name| (*name).to_owned()).collect(),
            ..Config::default()
        };
        Proxies::new(&config).unwrap()
    }

    #[test]
    fn a_forged_header_from_an_untrusted_peer_changes_nothing() {
        for proxies in [trusting(&[], &[]), trusting(&["10.0.0.0/8"], &["cloudflare", "fastly"])] {
            for header in [
                ("x-forwarded-for", "8.8.8.8"),
                ("forwarded", "for=8.8.8.8"),
                ("cf-connecting-ip", "8.8.8.8"),
                ("fastly-client-ip", "8.8.8.8"),
                ("x-plausible-ip", "8.8.8.8"),
                ("x-real-ip", "8.8.8.8"),
                ("true-client-ip", "8.8.8.8"),
            ] {
                assert_eq!(client(&proxies, "203.0.113.9", &[header]), "203.0.113.9", "{header:?}");
            }
        }
    }

    #[test]
    fn a_chain_of_proxies_is_read_from_the_right() {
        let proxies = trusting(&["10.0.0.0/8", "2001:db8:f::/48"], &[]);
        for (header, value, expected) in [
            ("x-forwarded-for", "198.51.100.7", "198.51.100.7"),
            ("x-forwarded-for", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
            ("x-forwarded-for", "1.2.3.4, 198.51.100.7, 10.2.3.4", "198.51.100.7"),
            ("x-forwarded-for", "198.51.100.7:51234, 10.2.3.4:80", "198.51.100.7"),
            ("x-forwarded-for", "[2001:db8::7]:443", "2001:db8::7"),
            ("x-forwarded-for", "2001:db8::7, 2001:db8:f::1", "2001:db8::7"),
            ("x-forwarded-for", "::ffff:198.51.100.7", "198.51.100.7"),
            ("x-forwarded-for", "1.2.3.4, unknown", "10.0.0.1"),
            ("x-forwarded-for", "", "10.0.0.1"),
            ("x-forwarded-for", "10.9.9.9, 10.8.8.8", "10.9.9.9"),
            ("forwarded", "for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
            ("forwarded", "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("forwarded", "for=1.2.3.4, for=198.51.100.7, for=10.5.5.5", "198.51.100.7"),
            ("forwarded", "for=_hidden", "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, "10.0.0.1", &[(header, value)]), expected, "{header}: {value}");
        }
        let lines = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "198.51.100.7, 10.1.1.1")];
        assert_eq!(client(&proxies, "10.0.0.1", &lines), "198.51.100.7");
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", &lines), "198.51.100.7");
    }

    #[test]
    fn a_preset_counts_only_from_its_own_networks() {
        let proxies = trusting(&[], &["cloudflare"]);
        let header = [("cf-connecting-ip", "198.51.100.7")];
        assert_eq!(client(&proxies, "172.64.1.1", &header), "198.51.100.7");
        assert_eq!(client(&proxies, "2606:4700::1", &header), "198.51.100.7");
        assert_eq!(client(&proxies, "172.16.1.1", &header), "172.16.1.1");
        let twice = [("cf-connecting-ip", "1.2.3.4"), ("cf-connecting-ip", "5.6.7.8")];
        assert_eq!(client(&proxies, "172.64.1.1", &twice), "172.64.1.1");
        assert_eq!(client(&trusting(&[], &[]), "172.64.1.1", &header), "172.64.1.1");
    }

    #[test]
    fn each_preset_parses_and_an_unknown_one_is_refused() {
        for preset in PROXY_PRESETS {
            assert_eq!(trusting(&[], &[preset.name]).presets.len(), 1);
        }
        let config = Config { proxy_presets: vec!["akamai".into()], ..Config::default() };
        let message = Proxies::new(&config).unwrap_err().to_string();
        assert_eq!(message, r#"ingest.proxy_presets: "akamai", expected one of cloudflare, fastly"#);
    }

    #[test]
    fn an_address_is_cut_to_its_prefix() {
        for (address, ipv4, ipv6, expected) in [
            ("198.51.100.7", 24, 48, "198.51.100.0"),
            ("198.51.100.7", 32, 48, "198.51.100.7"),
            ("198.51.100.7", 0, 48, "0.0.0.0"),
            ("2001:db8:1:2:3::4", 24, 48, "2001:db8:1::"),
            ("2001:db8:1:2:3::4", 24, 0, "::"),
            ("::ffff:198.51.100.7", 24, 48, "198.51.100.0"),
        ] {
            let address = ClientAddress::of_peer(SocketAddr::new(address.parse().unwrap(), 1));
            let prefix = AddressPrefix::cut(address, PrefixBits { ipv4, ipv6 });
            assert_eq!(prefix.network().to_string(), expected);
        }
        assert!(PrefixBits::new(&Config { ipv4_prefix_bits: 33, ..Config::default() }).is_err());
    }
}
