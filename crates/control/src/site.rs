//! Sites: each with everything that is set for it.

use std::collections::HashMap;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::database::{Control, Reader, Row, Writer, params};
use crate::error::{Error, Result};
use crate::network::network;
use crate::retention::Retention;
use crate::setting::{Setting, Sharing, entries, normal_domain};

/// A tracked property.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Number that stands in every row; never used again for another site.
    pub id: u32,
    /// Domain, in lower case, without `www.`.
    pub domain: String,
    /// Name of its IANA time zone.
    pub timezone: String,
    /// How much of a referrer is kept.
    pub referrer_detail: ReferrerDetail,
    /// Hosts whose beacons are taken, `*` for any characters; empty takes any.
    pub allowed_hostnames: Vec<String>,
    /// Pages whose beacons are discarded.
    pub blocked_pages: Vec<String>,
    /// Networks from which beacons are discarded.
    pub blocked_networks: Vec<IpNet>,
    /// Countries from which beacons are discarded, by ISO 3166-1 alpha-2 code.
    pub blocked_countries: Vec<String>,
    /// Fewest visitors of a row that is shown where a report is narrowed; 1 shows all.
    pub privacy_floor_visitors: u32,
    /// How long its events are kept.
    pub retention: Retention,
    /// What the website script does besides, each of [`SCRIPT_OPTIONS`](crate::SCRIPT_OPTIONS).
    pub script_options: Vec<String>,
    /// Currency of amounts that come without one; blank drops them.
    pub currency: String,
    /// What Umami's clients call it.
    pub umami_website_ids: Vec<String>,
    /// What Matomo's clients call it.
    pub matomo_site_ids: Vec<String>,
    /// Hosts at which GoatCounter's clients reach us for it.
    pub goatcounter_hosts: Vec<String>,
    /// Who may read its reports.
    pub visibility: Visibility,
    settings: HashMap<String, String>,
}

/// How much of a referrer is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferrerDetail {
    /// The domain.
    #[default]
    Domain,
    /// Host and path.
    Page,
}

/// Who may read a site's reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Who has a role on it, a token or a link.
    #[default]
    Members,
    /// Anybody.
    Public,
}

/// A site that is gone, and whose events may still be somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedSite {
    /// Its number.
    pub id: u32,
    /// When it was removed.
    pub removed_at: Timestamp,
}

impl Site {
    fn new(id: u32, domain: String, settings: HashMap<String, String>) -> Self {
        let value = |setting: Setting| {
            let facts = setting.facts();
            settings.get(facts.name).map_or(facts.default, String::as_str)
        };
        Self {
            id,
            domain,
            timezone: value(Setting::Timezone).to_owned(),
            referrer_detail: match value(Setting::Referrer) {
                "page" => ReferrerDetail::Page,
                _ => ReferrerDetail::Domain,
            },
            allowed_hostnames: entries(value(Setting::Hostnames)),
            blocked_pages: entries(value(Setting::BlockedPages)),
            blocked_networks: entries(value(Setting::BlockedAddresses))
                .iter()
                .filter_map(|text| network(text))
                .collect(),
            blocked_countries: entries(value(Setting::BlockedCountries)),
            // What was stored has been checked; were it not, all would be folded rather than shown.
            privacy_floor_visitors: value(Setting::PrivacyFloor).parse().unwrap_or(u32::MAX),
            // Likewise: what cannot be read erases nothing.
            retention: Retention::parse(value(Setting::RetentionMonths)).unwrap_or(Retention::Unlimited),
            script_options: entries(value(Setting::ScriptOptions)),
            currency: value(Setting::Currency).to_owned(),
            umami_website_ids: entries(value(Setting::UmamiWebsiteIds)),
            matomo_site_ids: entries(value(Setting::MatomoSiteIds)),
            goatcounter_hosts: entries(value(Setting::GoatCounterHosts)),
            visibility: match value(Setting::Visibility) {
                "public" => Visibility::Public,
                _ => Visibility::Members,
            },
            settings,
        }
    }

    /// The value of a setting, as text.
    pub fn value(&self, setting: Setting) -> &str {
        let facts = setting.facts();
        self.settings.get(facts.name).map_or(facts.default, String::as_str)
    }
}

impl Control {
    /// All sites, by domain.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sites(&self) -> Result<Vec<Site>> {
        // In one statement, so that no site comes without its settings.
        let sql =
            "SELECT id, domain, name, value FROM sites LEFT JOIN settings ON site_id = id ORDER BY domain";
        sites(&self.read(|reader| reader.rows(sql, &[]))?)
    }

    /// The site of a domain.
    ///
    /// # Errors
    /// [`Error::UnknownSite`] when there is none.
    pub fn site(&self, domain: &str) -> Result<Site> {
        // A name that no site can have is one that none has.
        let domain = normal_domain(domain).map_err(|_| Error::UnknownSite(domain.to_owned()))?;
        self.read(|reader| find(reader, &domain))?.ok_or(Error::UnknownSite(domain))
    }

    /// Adds a site.
    ///
    /// # Errors
    /// [`Error::Refused`] for a domain or time zone that is none, and for a domain that is there already.
    pub fn add_site(&self, domain: &str, timezone: &str, now: Timestamp) -> Result<Site> {
        self.add_site_with(domain, &[(Setting::Timezone, timezone.to_owned())], now)
    }

    /// Adds a site with settings, which hold from its first event on; it is added whole or not at all.
    ///
    /// # Errors
    /// As [`Self::add_site`] and [`Self::set_site`].
    pub fn add_site_with(
        &self,
        domain: &str,
        settings: &[(Setting, String)],
        now: Timestamp,
    ) -> Result<Site> {
        let domain = normal_domain(domain)?;
        self.write(|writer| {
            let sql = "INSERT INTO sites (domain, created_at) VALUES (?1, ?2)
                       ON CONFLICT (domain) DO NOTHING RETURNING id";
            let id = writer.insert(sql, params![&domain, now])?.ok_or_else(|| exists(&domain))?;
            let id = u32::try_from(id).unwrap_or(u32::MAX);
            change(writer, id, settings)
        })?;
        self.site(&domain)
    }

    /// Gives a site another domain; its number and its events stay.
    ///
    /// # Errors
    /// [`Error::UnknownSite`], and [`Error::Refused`] for a domain that is none or another site's.
    pub fn rename_site(&self, domain: &str, new: &str) -> Result<Site> {
        let new = normal_domain(new)?;
        let site = self.site(domain)?;
        let sql = "UPDATE sites SET domain = ?1
                   WHERE id = ?2 AND NOT EXISTS (SELECT 1 FROM sites WHERE domain = ?1 AND id <> ?2)";
        let renamed = self.write(|writer| writer.execute(sql, params![&new, site.id]))?;
        if renamed == 0 {
            return Err(exists(&new));
        }
        self.site(&new)
    }

    /// Removes a site with all that was set and defined for it; its events are the store's matter, until when it is
    /// among [`Self::removed_sites`].
    ///
    /// # Errors
    /// [`Error::UnknownSite`] when there is none.
    pub fn remove_site(&self, domain: &str) -> Result<Site> {
        let site = self.site(domain)?;
        self.write(|writer| writer.execute("DELETE FROM sites WHERE id = ?1", params![site.id]))?;
        Ok(site)
    }

    /// Sites that are gone, and whose events may still be somewhere.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn removed_sites(&self) -> Result<Vec<RemovedSite>> {
        let sql = "SELECT id, removed_at FROM removed_sites ORDER BY id";
        let rows = self.read(|reader| reader.rows(sql, &[]))?;
        rows.iter().map(|row| Ok(RemovedSite { id: row.get(0)?, removed_at: row.get(1)? })).collect()
    }

    /// Notes that no event of a removed site is left anywhere.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_removed_site(&self, id: u32) -> Result<()> {
        let sql = "DELETE FROM removed_sites WHERE id = ?1";
        self.write(|writer| writer.execute(sql, params![id])).map(drop)
    }

    /// Changes settings of a site: all of them, or none where one makes no sense.
    ///
    /// # Errors
    /// [`Error::UnknownSite`], and [`Error::Refused`] for a value that makes no sense or is another site's name.
    pub fn set_site(&self, domain: &str, settings: &[(Setting, String)]) -> Result<Site> {
        let site = self.site(domain)?;
        self.write(|writer| change(writer, site.id, settings))?;
        self.site(domain)
    }
}

fn change(writer: &Writer<'_>, site: u32, settings: &[(Setting, String)]) -> Result<()> {
    for (setting, value) in settings {
        let value = setting.checked(value)?;
        if setting.facts().sharing == Sharing::Names {
            refuse_names_of_others(writer, site, (*setting, &value))?;
        }
        store(writer, site, (*setting, &value))?;
    }
    Ok(())
}

fn find(reader: &Reader<'_>, domain: &str) -> Result<Option<Site>> {
    let sql =
        "SELECT id, domain, name, value FROM sites LEFT JOIN settings ON site_id = id WHERE domain = ?1";
    Ok(sites(&reader.rows(sql, params![domain])?)?.pop())
}

/// Sites from rows of number, domain, and name and value of a setting or none; those of a site come together.
fn sites(rows: &[Row]) -> Result<Vec<Site>> {
    let of_sites = rows.chunk_by(|one, next| one.0[0] == next.0[0]);
    let site = |rows: &[Row]| {
        let mut settings = HashMap::new();
        for row in rows {
            if let Some(name) = row.get(2)? {
                settings.insert(name, row.get(3)?);
            }
        }
        Ok(Site::new(rows[0].get(0)?, rows[0].get(1)?, settings))
    };
    of_sites.map(site).collect()
}

fn store(writer: &Writer<'_>, site_id: u32, (setting, value): (Setting, &str)) -> Result<()> {
    let sql = "INSERT INTO settings (site_id, name, value) VALUES (?1, ?2, ?3)
               ON CONFLICT (site_id, name) DO UPDATE SET value = excluded.value";
    writer.execute(sql, params![site_id, setting.facts().name, value]).map(drop)
}

/// A name that two sites had would be a beacon's that belongs to either.
fn refuse_names_of_others(
    reader: &Reader<'_>,
    site_id: u32,
    (setting, value): (Setting, &str),
) -> Result<()> {
    let sql = "SELECT domain, value FROM settings JOIN sites ON sites.id = site_id
               WHERE name = ?1 AND site_id <> ?2";
    let new = entries(value);
    for row in reader.rows(sql, params![setting.facts().name, site_id])? {
        let (domain, taken): (String, String) = (row.get(0)?, row.get(1)?);
        let taken = entries(&taken);
        if let Some(name) = new.iter().find(|name| taken.iter().any(|taken| taken.eq_ignore_ascii_case(name)))
        {
            let setting = setting.facts().name;
            return Err(Error::Refused(format!("{setting} {name:?} is {domain:?} already")));
        }
    }
    Ok(())
}

fn exists(domain: &str) -> Error {
    Error::Refused(format!("site {domain:?} exists already"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Ground;

    fn control() -> (Ground, Control) {
        let ground = Ground::new();
        let control = ground.open();
        (ground, control)
    }

    #[test]
    fn keeps_what_a_site_is_told() {
        let (_ground, control) = control();
        let added = control
            .add_site("https://www.Example.com/", "Europe/Berlin", Timestamp::UNIX_EPOCH)
            .expect("added");
        assert_eq!((added.domain.as_str(), added.timezone.as_str()), ("example.com", "Europe/Berlin"));
        assert_eq!((added.privacy_floor_visitors, added.retention), (5, Retention::Months(25)));
        let settings = [
            (Setting::Referrer, "page".to_owned()),
            (Setting::Hostnames, "shop.example.com, *.example.com".to_owned()),
            (Setting::PrivacyFloor, "1".to_owned()),
            (Setting::RetentionMonths, "unlimited".to_owned()),
        ];
        control.set_site("example.com", &settings).expect("set");
        let site = control.site("example.com").expect("there");
        assert_eq!(site.referrer_detail, ReferrerDetail::Page);
        assert_eq!(site.allowed_hostnames, ["shop.example.com", "*.example.com"]);
        assert_eq!((site.privacy_floor_visitors, site.retention), (1, Retention::Unlimited));
        assert_eq!(control.sites().expect("sites"), [site]);
    }

    #[test]
    fn changes_nothing_where_one_of_several_settings_makes_no_sense() {
        let (_ground, control) = control();
        let before = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        let settings = [(Setting::Referrer, "page".to_owned()), (Setting::PrivacyFloor, "0".to_owned())];
        assert!(matches!(control.set_site("a.example", &settings), Err(Error::Refused(_))));
        assert_eq!(control.site("a.example").expect("there"), before);
        let refused = control.add_site_with("b.example", &settings, Timestamp::UNIX_EPOCH);
        assert!(matches!(refused, Err(Error::Refused(_))));
        assert!(matches!(control.site("b.example"), Err(Error::UnknownSite(_))), "added whole or not at all");
        assert!(control.removed_sites().expect("read").is_empty());
        let settings = [(Setting::Referrer, "page".to_owned())];
        let added = control.add_site_with("b.example", &settings, Timestamp::UNIX_EPOCH).expect("added");
        assert_eq!((added.timezone.as_str(), added.referrer_detail), ("UTC", ReferrerDetail::Page));
    }

    #[test]
    fn a_name_of_one_site_is_not_given_to_another() {
        let (_ground, control) = control();
        for domain in ["a.example", "b.example"] {
            control.add_site(domain, "UTC", Timestamp::UNIX_EPOCH).expect("added");
        }
        let set = |domain, ids: &str| control.set_site(domain, &[(Setting::MatomoSiteIds, ids.to_owned())]);
        assert_eq!(set("a.example", "1, 3").expect("set").matomo_site_ids, ["1", "3"]);
        let words = set("b.example", "2,3").expect_err("taken").to_string();
        assert!(words.contains("\"3\" is \"a.example\" already"), "{words}");
        set("a.example", "1").expect("its own");
        set("b.example", "2,3").expect("free again");
    }

    #[test]
    fn never_gives_a_number_twice_and_remembers_what_is_to_be_erased() {
        let (_ground, control) = control();
        let first = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        control.remove_site("a.example").expect("removed");
        let removed = control.removed_sites().expect("read");
        assert_eq!(removed.iter().map(|site| site.id).collect::<Vec<_>>(), [first.id]);
        let second = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert!(second.id > first.id);
        control.forget_removed_site(first.id).expect("forgotten");
        assert!(control.removed_sites().expect("read").is_empty());
    }

    #[test]
    fn gives_a_site_another_domain_but_not_another_sites() {
        let (_ground, control) = control();
        let site = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        control.add_site("b.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert_eq!(control.rename_site("a.example", "www.c.example").expect("renamed").id, site.id);
        assert!(matches!(control.site("a.example"), Err(Error::UnknownSite(_))));
        assert!(matches!(control.rename_site("c.example", "b.example"), Err(Error::Refused(_))));
    }

    #[test]
    fn refuses_what_is_no_site() {
        let (_ground, control) = control();
        for (domain, zone) in [("", "UTC"), ("a b", "UTC"), ("a/b", "UTC"), ("a.example", "Mars/Olympus")] {
            assert!(
                matches!(control.add_site(domain, zone, Timestamp::UNIX_EPOCH), Err(Error::Refused(_))),
                "{domain}"
            );
        }
        control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert!(control.add_site("A.example", "UTC", Timestamp::UNIX_EPOCH).is_err());
        assert!(matches!(control.site("b.example"), Err(Error::UnknownSite(_))));
    }

    #[test]
    fn tells_this_process_and_others_that_something_changed() {
        let (ground, control) = control();
        let own = control.version().expect("version");
        let other = ground.open();
        let before = other.version().expect("version");
        control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert_ne!(other.version().expect("version"), before);
        assert_ne!(control.version().expect("version"), own);
        assert_eq!(other.sites().expect("sites").len(), 1);
    }
}
