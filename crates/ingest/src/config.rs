//! The `[ingest]` section. Safe by default: no proxy is trusted, no limit is unbounded.
//!
//! A setting that another crate reads may not stand here.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use crate::Error;
use crate::client::{PrefixBits, Proxies};
use crate::country::Countries;
use crate::spam::SpamReferrers;

/// Settings of the collector and the pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks of the reverse proxies whose `X-Forwarded-For` and `Forwarded` headers count. None by default: from
    /// any other peer these headers change nothing.
    pub trusted_proxies: Vec<IpNet>,
    /// Names of well-known proxies (see [`crate::PROXY_PRESETS`]) whose own header counts, from their own networks.
    pub proxy_presets: Vec<String>,
    /// Origins whose pages may read our answer; an empty list allows any (`*`).
    pub allowed_origins: Vec<String>,
    /// Requests per second that one address prefix may keep up, with a burst of two seconds' worth; 0 is no limit.
    ///
    /// The default is far above what people make: a carrier's egress prefix with 20,000 phones in use sends some
    /// 300 events a second, while one machine that floods sends tens of thousands. Peers on the loopback interface
    /// are never limited, because there a proxy stands before all visitors.
    pub events_per_second_per_prefix: u32,
    /// Events per second that one site may keep up, with a burst of two seconds' worth; 0 is no limit, the default:
    /// an operator's own sites are welcome to all that the machine can take.
    pub events_per_second_per_site: u32,
    /// How much of an IPv4 address is looked at.
    pub ipv4_prefix_bits: u8,
    /// How much of an IPv6 address is looked at.
    pub ipv6_prefix_bits: u8,
    /// Largest beacon.
    pub body_limit_bytes: usize,
    /// How long a client may take to send its beacon.
    pub body_deadline_seconds: u64,
    /// Beacons that may be on their way into the spool at once; further ones are answered 503. Far above what a
    /// healthy disk lets gather (its syncs take milliseconds): it bounds memory and waiting where the disk stalls.
    pub beacons_in_flight: usize,
    /// A country database in MaxMind's format; without one, countries are blank.
    pub country_database: Option<PathBuf>,
    /// Where the keys of the day survive a crash. Has to be on a tmpfs; `/dev/shm/passant-…` unless set.
    pub key_directory: Option<PathBuf>,
    /// More referrer domains to refuse, one a line.
    pub spam_referrers_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            proxy_presets: Vec::new(),
            allowed_origins: Vec::new(),
            events_per_second_per_prefix: 1000,
            events_per_second_per_site: 0,
            ipv4_prefix_bits: 24,
            ipv6_prefix_bits: 48,
            body_limit_bytes: 64 * 1024,
            body_deadline_seconds: 5,
            beacons_in_flight: 1024,
            country_database: None,
            key_directory: None,
            spam_referrers_file: None,
        }
    }
}

impl Config {
    /// Whether each value can be used and each file that is named is there.
    ///
    /// # Errors
    /// [`Error`] that names the setting.
    pub fn check(&self) -> Result<(), Error> {
        if self.beacons_in_flight == 0 {
            return Err(Error::Setting {
                name: "beacons_in_flight",
                value: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        Proxies::new(self)?;
        PrefixBits::new(self)?;
        Countries::open(self.country_database.as_deref())?;
        SpamReferrers::open(self.spam_referrers_file.as_deref())?;
        Ok(())
    }
}
