//! The pseudonym of a visitor: what is counted instead of who was there.
//!
//! Of the client only the first bits of the address and the coarse classes of its browser come in, and 64 bits of a
//! keyed hash go out. Nothing else about a client may ever be hashed here, and nothing may be kept.

use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::client::AddressPrefix;
use crate::keys::{DayKeys, KEY_GRACE};
use crate::site::Site;
use crate::user_agent::Browser;

/// A visitor of one site on one site-local date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudonym {
    /// Under the key of the date.
    pub id: u64,
    /// Under the key of the date before, while a visit from before midnight can still go on.
    pub previous_id: Option<u64>,
}

/// What tells two visitors apart.
pub struct Traits<'a> {
    /// First bits of the address.
    pub prefix: AddressPrefix,
    /// Family and major version of the browser, family of the system, class of the device.
    pub browser: &'a Browser,
}

/// Counts a visitor without knowing it:
/// `BLAKE3-keyed(K[site, local date]; site ‖ prefix ‖ browser ‖ major ‖ OS ‖ device)`, each field after its length,
/// first 8 bytes, little-endian.
pub fn pseudonym(keys: &DayKeys, site: &Site, traits: &Traits<'_>, now: Timestamp) -> Pseudonym {
    let local = site.timezone.to_datetime(now);
    let hash = |key: &[u8; 32]| hash(key, site.id, traits);
    let id = keys.with(site, local.date(), hash);
    let since_midnight =
        SignedDuration::from_secs(i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60);
    let yesterday = (since_midnight < KEY_GRACE).then(|| local.date().checked_sub(1.day()).ok()).flatten();
    let previous_id = yesterday.and_then(|date| keys.with_existing(site, date, hash));
    Pseudonym { id, previous_id }
}

fn hash(key: &[u8; 32], site_id: u32, traits: &Traits<'_>) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut field = |bytes: &[u8]| {
        // A length in front, so that no two different lists of fields are the same bytes.
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(&site_id.to_le_bytes());
    traits.prefix.write_to(&mut field);
    field(traits.browser.family.as_bytes());
    field(traits.browser.major.as_bytes());
    field(traits.browser.os.as_bytes());
    field(traits.browser.device.as_str().as_bytes());
    let digest = hasher.finalize();
    let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientAddress, PrefixBits};
    use crate::user_agent::Device;
    use jiff::tz::TimeZone;

    fn prefix(address: &str) -> AddressPrefix {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 1);
        AddressPrefix::cut(ClientAddress::of_peer(peer), PrefixBits { ipv4: 24, ipv6: 48 })
    }

    fn browser() -> Browser {
        Browser {
            family: "Firefox".into(),
            version: "132".into(),
            major: "132".into(),
            os: "GNU/Linux".into(),
            os_version: String::new(),
            device: Device::Desktop,
        }
    }

    fn count(keys: &DayKeys, site: &Site, address: &str, now: &str) -> Pseudonym {
        let browser = browser();
        let traits = Traits { prefix: prefix(address), browser: &browser };
        pseudonym(keys, site, &traits, now.parse().unwrap())
    }

    #[test]
    fn one_visitor_is_one_pseudonym_for_one_site_local_day() {
        let keys = DayKeys::in_memory();
        let site = Site::new(1, "example.org", TimeZone::get("Europe/Berlin").unwrap());
        let morning = count(&keys, &site, "198.51.100.7", "2026-11-22T23:00:00Z");
        let evening = count(&keys, &site, "198.51.100.7", "2026-11-23T22:59:59Z");
        let tomorrow = count(&keys, &site, "198.51.100.7", "2026-11-23T23:30:00Z");
        assert_eq!(morning.id, evening.id);
        assert_ne!(evening.id, tomorrow.id);
        assert_eq!(evening.id, count(&keys, &site, "198.51.100.200", "2026-11-23T12:00:00Z").id, "same /24");
        assert_ne!(evening.id, count(&keys, &site, "198.51.101.7", "2026-11-23T12:00:00Z").id);
    }

    #[test]
    fn yesterdays_pseudonym_is_told_for_thirty_minutes_while_its_key_lives() {
        let keys = DayKeys::in_memory();
        let site = Site::new(1, "example.org", TimeZone::UTC);
        let before = count(&keys, &site, "198.51.100.7", "2026-11-22T23:59:59Z");
        assert_eq!(before.previous_id, None);
        let after = count(&keys, &site, "198.51.100.7", "2026-11-23T00:29:59Z");
        assert_eq!(after.previous_id, Some(before.id));
        assert_eq!(count(&keys, &site, "198.51.100.7", "2026-11-23T00:30:00Z").previous_id, None);
        let other = Site::new(2, "example.com", TimeZone::UTC);
        assert_eq!(count(&keys, &other, "198.51.100.7", "2026-11-23T00:10:00Z").previous_id, None);
    }

    #[test]
    fn each_trait_and_each_site_tells_apart() {
        let key = [7; 32];
        let mut ids = Vec::new();
        let mut add = |site_id, browser: &Browser| {
            ids.push(hash(&key, site_id, &Traits { prefix: prefix("198.51.100.7"), browser }));
        };
        add(1, &browser());
        add(2, &browser());
        add(1, &Browser { family: "Chrome".into(), ..browser() });
        add(1, &Browser { major: "133".into(), ..browser() });
        add(1, &Browser { os: "Mac".into(), ..browser() });
        add(1, &Browser { device: Device::Mobile, ..browser() });
        add(1, &Browser { family: "Firefox1".into(), major: "32".into(), ..browser() });
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        let same = hash(
            &key,
            1,
            &Traits {
                prefix: prefix("198.51.100.7"),
                browser: &Browser { version: "132.5".into(), ..browser() },
            },
        );
        assert!(ids.contains(&same), "the minor version is no trait");
    }

    #[test]
    fn pseudonyms_of_two_days_share_no_bits_beyond_chance() {
        let site = Site::new(1, "example.org", TimeZone::UTC);
        let mut shared_bits = 0;
        for _ in 0..1000 {
            let keys = DayKeys::in_memory();
            let one = count(&keys, &site, "198.51.100.7", "2026-11-22T12:00:00Z");
            let two = count(&keys, &site, "198.51.100.7", "2026-11-23T12:00:00Z");
            shared_bits += (!(one.id ^ two.id)).count_ones();
        }
        // 64,000 fair coins: mean 32,000, standard deviation 126; six of them on either side.
        assert!((31_240..=32_760).contains(&shared_bits), "{shared_bits}");
    }
}
