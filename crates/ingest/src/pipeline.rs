//! From a beacon to an anonymous event, one stage a line: what the product does to what a visitor sends.
//!
//! Each stage is a function of values; each event ends in exactly one outcome. Of the address there is what
//! [`Client`] holds, which ends in `anonymize`, the user agent in `user_agent`; no stage may hand either on.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::anonymize::{Traits, pseudonym};
use crate::beacon::Beacon;
use crate::channel::channel;
use crate::client::Client;
use crate::country::Countries;
use crate::currency;
use crate::discard::Discard;
use crate::event::{Event, Origin, Revenue};
use crate::keys::DayKeys;
use crate::language::language;
use crate::page::{NO_HOST, Page, host, page};
use crate::referrer::{Referrer, referrer};
use crate::scrub::scrub;
use crate::site::{NamedBy, Site, Sites};
use crate::source::{SOURCES, Sources};
use crate::spam::SpamReferrers;
use crate::user_agent::{Agent, Browser, UserAgents};
use crate::{Config, Error};

/// What a request says besides its beacon.
pub struct Request<'a> {
    /// What is left of the client's address.
    pub client: Client,
    /// The `User-Agent` header; blank without one.
    pub user_agent: &'a str,
    /// The `Accept-Language` header; blank without one.
    pub accept_language: &'a str,
    /// Whether the visitor objects to being counted.
    pub objection: Objection,
    /// When the request arrived.
    pub now: Timestamp,
}

/// Whether a visitor objects to being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// By `Sec-GPC: 1` or `DNT: 1`.
    Raised,
    /// Not.
    None,
}

/// What became of an event.
pub type Outcome = Result<Event, Discard>;

/// All that the stages look things up in.
pub struct Pipeline {
    sites: Sites,
    keys: DayKeys,
    countries: Countries,
    agents: UserAgents,
    sources: &'static Sources,
    spam: SpamReferrers,
}

impl Pipeline {
    /// Reads the settings and the files that they name. The keys of the day lie where `keys` says.
    ///
    /// # Errors
    /// [`Error`] for a setting that cannot be used or a file that cannot be read.
    pub fn open(config: &Config, sites: Sites, keys: DayKeys) -> Result<Self, Error> {
        Ok(Self {
            sites,
            keys,
            countries: Countries::open(config.country_database.as_deref())?,
            agents: UserAgents::new(),
            sources: &SOURCES,
            spam: SpamReferrers::open(config.spam_referrers_file.as_deref())?,
        })
    }

    /// Makes of a beacon the event of one of the sites that it names.
    ///
    /// # Errors
    /// The reason why there is none. That is an outcome like the other, not a failure.
    pub fn event(&self, beacon: &Beacon<'_>, name: &str, request: &Request<'_>) -> Outcome {
        let () = hear_objection(request)?;
        let site = self.site(beacon, name)?;
        let () = check_client(&site, request)?;
        let browser = self.browser(request)?;
        let page = page_of(beacon, &site);
        let () = check_page(&site, &page)?;
        let referrer = self.honest_referrer(beacon, &site, &page)?;
        let source = self.sources.source(&page.campaign, &referrer.host);
        let channel = channel(&source, &page.campaign);
        let country = self.countries.country(request.client.prefix);
        let () = check_country(&site, &country)?;
        let language = language(request.accept_language);
        let traits = Traits { prefix: request.client.prefix, browser: &browser };
        let visitor = pseudonym(&self.keys, &site, &traits, request.now);
        let props = scrubbed(&beacon.props);
        Ok(Event {
            site_id: site.id,
            timestamp: whole_seconds(request.now),
            visitor_id: visitor.id,
            previous_visitor_id: visitor.previous_id,
            name: beacon.name.clone().into_owned(),
            hostname: page.hostname,
            pathname: page.pathname,
            origin: Origin {
                referrer: referrer.stored,
                source: source.name,
                channel: channel.as_str().to_owned(),
                utm_source: page.campaign.utm_source,
                utm_medium: page.campaign.utm_medium,
                utm_campaign: page.campaign.utm_campaign,
                utm_content: page.campaign.utm_content,
                utm_term: page.campaign.utm_term,
                click_id: page.campaign.click_id.to_owned(),
                country,
                language,
                device: browser.device.as_str().to_owned(),
                browser: browser.family.clone(),
                browser_version: browser.version.clone(),
                os: browser.os.clone(),
                os_version: browser.os_version.clone(),
            },
            interactive: beacon.interactive,
            engagement_time_ms: beacon.engagement_time_ms,
            scroll_depth: beacon.scroll_depth,
            props,
            revenue: revenue(beacon, &site),
        })
    }

    /// The keys of the day, to retire them.
    pub fn keys(&self) -> &DayKeys {
        &self.keys
    }

    /// The country database, to reload it.
    pub fn countries(&self) -> &Countries {
        &self.countries
    }

    /// How many sites are served.
    pub fn site_count(&self) -> usize {
        self.sites.load().len()
    }

    /// Who may speak for visitors, and which sites there are.
    pub(crate) fn sites(&self) -> &Sites {
        &self.sites
    }

    fn site(&self, beacon: &Beacon<'_>, name: &str) -> Result<Arc<Site>, Discard> {
        let sites = self.sites.load();
        let found = sites.find_by(beacon.named_by, name);
        // Another product's name for a site need not be told to us where the page's host says which one it is.
        let found = match (found, beacon.named_by) {
            (Some(site), _) => Some(site),
            (None, NamedBy::Domain | NamedBy::Number) => None,
            (None, NamedBy::UmamiWebsite | NamedBy::MatomoSite | NamedBy::GoatCounterHost) => {
                host(&beacon.url).and_then(|host| sites.find(&host))
            }
        };
        found.cloned().ok_or(Discard::UnknownSite)
    }

    fn browser(&self, request: &Request<'_>) -> Result<Arc<Browser>, Discard> {
        match self.agents.agent(request.user_agent) {
            Agent::Bot => Err(Discard::Bot),
            Agent::Browser(browser) => Ok(browser),
        }
    }

    fn honest_referrer(&self, beacon: &Beacon<'_>, site: &Site, page: &Page) -> Result<Referrer, Discard> {
        let referrer = referrer(&beacon.referrer, site, &page.hostname);
        let tagged = page.campaign.tagged_source().unwrap_or_default();
        if self.spam.contains(&referrer.host) || self.spam.contains(tagged) {
            return Err(Discard::SpamReferrer);
        }
        Ok(referrer)
    }
}

fn hear_objection(request: &Request<'_>) -> Result<(), Discard> {
    match request.objection {
        Objection::Raised => Err(Discard::Objection),
        Objection::None => Ok(()),
    }
}

/// The page of the beacon. Formats that name a site by something else than its domain may tell of a page its path alone:
/// then it is one of the domain's.
fn page_of(beacon: &Beacon<'_>, site: &Site) -> Page {
    let mut page = page(&beacon.url, beacon.fragment);
    if beacon.named_by != NamedBy::Domain && page.hostname == NO_HOST {
        page.hostname.clone_from(&site.domain);
    }
    page
}

/// The amount, in the site's currency where it came without one; nothing where that is not known.
fn revenue(beacon: &Beacon<'_>, site: &Site) -> Option<Revenue> {
    let revenue = beacon.revenue.clone()?;
    if !revenue.currency.is_empty() {
        return Some(revenue);
    }
    let currency = currency::code(&site.currency)?;
    Some(Revenue { currency: currency.to_owned(), ..revenue })
}

fn check_client(site: &Site, request: &Request<'_>) -> Result<(), Discard> {
    if request.client.blocked_by.contains(site.id) {
        return Err(Discard::AddressBlocked);
    }
    Ok(())
}

fn check_page(site: &Site, page: &Page) -> Result<(), Discard> {
    if !site.allows_hostname(&page.hostname) {
        return Err(Discard::HostnameNotAllowed);
    }
    if site.blocks_page(&page.pathname) {
        return Err(Discard::PageBlocked);
    }
    Ok(())
}

fn check_country(site: &Site, country: &str) -> Result<(), Discard> {
    if site.blocks_country(country) {
        return Err(Discard::CountryBlocked);
    }
    Ok(())
}

fn scrubbed(props: &[(Cow<'_, str>, Cow<'_, str>)]) -> Vec<(String, String)> {
    props.iter().map(|(key, value)| (scrub(key).into_owned(), scrub(value).into_owned())).collect()
}

/// The record holds seconds until the year 2106; a clock before 1970 is broken and counts as 1970.
fn whole_seconds(now: Timestamp) -> u32 {
    u32::try_from(now.as_second().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
