//! The tracked sites as ingest needs them, found by domain or by what another product's clients call them, and who may
//! speak for their visitors.
//!
//! The binary fills the table from the control data and swaps it as a whole; a beacon sees one table from start to
//! end. No setting of a site that ingest does not read may stand here.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::client::BlockedNetworks;
use crate::sender::{Sender, TokenHash};

/// By what a beacon names its sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// Their domains.
    Domain,
    /// Their number in the control data, which a token is for.
    Number,
    /// Umami's website id.
    UmamiWebsite,
    /// Matomo's site id.
    MatomoSite,
    /// The host at which a GoatCounter client asks.
    GoatCounterHost,
}

/// How much of a referrer a site keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferrerDetail {
    /// The host alone.
    #[default]
    Domain,
    /// Host and path, where the site opted in.
    Page,
}

/// One tracked site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Number of the site in the control data.
    pub id: u32,
    /// The domain that beacons name, as [`Site::new`] normalised it.
    pub domain: String,
    /// Where the site's day begins.
    pub timezone: TimeZone,
    /// Hosts whose pages count; `*` stands for any run of characters, an empty list allows each host.
    pub allowed_hostnames: Vec<String>,
    /// Pages that do not count; `*` stands for any run of characters.
    pub blocked_pages: Vec<String>,
    /// Networks whose clients do not count.
    pub blocked_networks: Vec<IpNet>,
    /// Countries whose visitors do not count, by ISO 3166-1 alpha-2 code.
    pub blocked_countries: Vec<String>,
    /// How much of a referrer the site keeps.
    pub referrer: ReferrerDetail,
    /// Currency of amounts that come without one; blank drops them.
    pub currency: String,
    /// What clients of other products call it.
    pub aliases: Vec<(NamedBy, String)>,
}

impl Site {
    /// A site with the defaults: any host, nothing left out, referrers cut to their host.
    pub fn new(id: u32, domain: &str, timezone: TimeZone) -> Self {
        Self {
            id,
            domain: normal_domain(domain),
            timezone,
            allowed_hostnames: Vec::new(),
            blocked_pages: Vec::new(),
            blocked_networks: Vec::new(),
            blocked_countries: Vec::new(),
            referrer: ReferrerDetail::default(),
            currency: String::new(),
            aliases: Vec::new(),
        }
    }

    /// Whether pages of this host count. An empty list allows any, as people expect who come from Plausible.
    pub fn allows_hostname(&self, hostname: &str) -> bool {
        self.allowed_hostnames.is_empty()
            || self.allowed_hostnames.iter().any(|pattern| matches(pattern, hostname))
    }

    /// Whether the site leaves this page out.
    pub fn blocks_page(&self, pathname: &str) -> bool {
        self.blocked_pages.iter().any(|pattern| matches(pattern, pathname))
    }

    /// Whether the site leaves this country out; where the country is not known it counts.
    pub fn blocks_country(&self, country: &str) -> bool {
        self.blocked_countries.iter().any(|blocked| blocked == country)
    }
}

/// All sites at one moment.
#[derive(Clone, Debug, Default)]
pub struct SiteTable {
    by_domain: HashMap<String, Arc<Site>>,
    by_alias: HashMap<NamedBy, HashMap<String, Arc<Site>>>,
    senders: HashMap<TokenHash, Sender>,
    blocked_networks: BlockedNetworks,
}

impl SiteTable {
    /// The site that a beacon means. Case, a `www.` in front and blanks around do not matter.
    pub fn find(&self, domain: &str) -> Option<&Arc<Site>> {
        // The tracker sends the domain as the table spells it; only other spellings pay for the copy.
        self.by_domain.get(domain).or_else(|| self.by_domain.get(&normal_domain(domain)))
    }

    /// The site that goes by another name.
    pub fn find_by(&self, by: NamedBy, name: &str) -> Option<&Arc<Site>> {
        match by {
            NamedBy::Domain => self.find(name),
            NamedBy::Number | NamedBy::UmamiWebsite | NamedBy::MatomoSite | NamedBy::GoatCounterHost => {
                self.by_alias.get(&by)?.get(&normal_domain(name))
            }
        }
    }

    /// Knows these senders by the hashes of their tokens, and no others.
    #[must_use]
    pub fn with_senders(mut self, senders: impl IntoIterator<Item = (TokenHash, Sender)>) -> Self {
        self.senders = senders.into_iter().collect();
        self
    }

    /// Who holds this token, as long as it holds.
    pub fn sender(&self, token: &str, now: Timestamp) -> Option<&Sender> {
        // Nearly no installation has one, and then nothing is hashed.
        if self.senders.is_empty() {
            return None;
        }
        self.senders.get(&TokenHash::of(token)).filter(|sender| sender.holds_at(now))
    }

    /// The networks that sites block.
    pub fn blocked_networks(&self) -> &BlockedNetworks {
        &self.blocked_networks
    }

    /// How many sites there are.
    pub fn len(&self) -> usize {
        self.by_domain.len()
    }

    /// Whether there is no site yet.
    pub fn is_empty(&self) -> bool {
        self.by_domain.is_empty()
    }
}

impl FromIterator<Site> for SiteTable {
    fn from_iter<I: IntoIterator<Item = Site>>(sites: I) -> Self {
        let mut table = Self::default();
        for site in sites.into_iter().map(Arc::new) {
            let number = (NamedBy::Number, site.id.to_string());
            for (by, name) in site.aliases.iter().chain([&number]) {
                table.by_alias.entry(*by).or_default().insert(normal_domain(name), Arc::clone(&site));
            }
            table.blocked_networks.extend(site.blocked_networks.iter().map(|network| (site.id, *network)));
            table.by_domain.insert(normal_domain(&site.domain), site);
        }
        table
    }
}

/// The table that the binary replaces and the pipeline reads.
pub type Sites = Arc<ArcSwap<SiteTable>>;

/// Wraps a table so that it can be replaced while beacons come in.
pub fn shared(table: SiteTable) -> Sites {
    Arc::new(ArcSwap::from_pointee(table))
}

fn normal_domain(domain: &str) -> String {
    let domain = domain.trim().to_lowercase();
    match domain.strip_prefix("www.") {
        Some(bare) => bare.to_owned(),
        None => domain,
    }
}

/// Whether `pattern`, in which `*` stands for any run of characters, covers the whole of `text`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_site_however_its_domain_is_spelt() {
        let table: SiteTable = [Site::new(1, "www.Example.org", TimeZone::UTC)].into_iter().collect();
        for domain in ["example.org", "www.example.org", "EXAMPLE.org", " example.org "] {
            assert_eq!(table.find(domain).map(|site| site.id), Some(1), "{domain}");
        }
        assert!(table.find("example.com").is_none());
    }

    #[test]
    fn finds_a_site_by_what_others_call_it() {
        let mut site = Site::new(7, "example.org", TimeZone::UTC);
        site.aliases = vec![(NamedBy::UmamiWebsite, "B59E9C65".into()), (NamedBy::MatomoSite, "3".into())];
        let table: SiteTable = [site].into_iter().collect();
        for (by, name, found) in [
            (NamedBy::Number, "7", true),
            (NamedBy::Number, "3", false),
            (NamedBy::MatomoSite, "3", true),
            (NamedBy::UmamiWebsite, "b59e9c65", true),
            (NamedBy::GoatCounterHost, "3", false),
            (NamedBy::Domain, "www.example.org", true),
        ] {
            assert_eq!(table.find_by(by, name).is_some(), found, "{by:?} {name}");
        }
    }

    #[test]
    fn an_empty_list_allows_any_host_and_a_list_only_its_own() {
        let mut site = Site::new(1, "example.org", TimeZone::UTC);
        assert!(site.allows_hostname("staging.example.org"));
        site.allowed_hostnames = vec!["example.org".into(), "*.example.org".into()];
        for (hostname, allowed) in
            [("example.org", true), ("a.b.example.org", true), ("evil-example.org", false), ("", false)]
        {
            assert_eq!(site.allows_hostname(hostname), allowed, "{hostname}");
        }
    }

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        for (pattern, path, expected) in [
            ("/admin", "/admin", true),
            ("/admin", "/admin/", false),
            ("/admin/*", "/admin/users", true),
            ("/*/edit", "/posts/7/edit", true),
            ("/*/edit", "/posts/7/editor", false),
            ("*", "", true),
            ("/a*a", "/a", false),
            ("/*-*-end", "/x-y-z-end", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
