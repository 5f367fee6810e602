//! Sites and their settings.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, Row, params};

use crate::database::Control;
use crate::error::{Error, Result};

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

/// One setting of a site with its new value: adding one is a variant here and an option of `passant site set`.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// IANA name of the time zone that its days are counted in.
    Timezone(String),
    /// How much of a referrer is kept.
    Referrer(ReferrerDetail),
    /// Hosts whose beacons are taken; empty takes any.
    Hostnames(Vec<String>),
    /// Pages whose beacons are discarded, `*` for any characters.
    BlockedPages(Vec<String>),
}

impl ReferrerDetail {
    fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Page => "page",
        }
    }

    fn from_stored(text: &str) -> Self {
        if text == "page" { Self::Page } else { Self::Domain }
    }
}

const COLUMNS: &str = "id, domain, timezone, referrer_detail, allowed_hostnames, blocked_pages";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: row.get(0)?,
        domain: row.get(1)?,
        timezone: row.get(2)?,
        referrer_detail: ReferrerDetail::from_stored(&row.get::<_, String>(3)?),
        allowed_hostnames: words(&row.get::<_, String>(4)?),
        blocked_pages: words(&row.get::<_, String>(5)?),
    })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

impl Control {
    /// All sites, by domain.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sites(&self) -> Result<Vec<Site>> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM sites ORDER BY domain"))?;
        let sites = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
        Ok(sites)
    }

    /// The site of a domain.
    ///
    /// # Errors
    /// [`Error::UnknownSite`] when there is none.
    pub fn site(&self, domain: &str) -> Result<Site> {
        let domain = normal_domain(domain)?;
        let found = self
            .connection()
            .query_row(&format!("SELECT {COLUMNS} FROM sites WHERE domain = ?1"), [&domain], from_row)
            .optional()?;
        found.ok_or(Error::UnknownSite(domain))
    }

    /// Adds a site.
    ///
    /// # Errors
    /// [`Error::Refused`] for a domain or time zone that is none, and for a domain that is there already.
    pub fn add_site(&self, domain: &str, timezone: &str, now: Timestamp) -> Result<Site> {
        let domain = normal_domain(domain)?;
        let timezone = known_timezone(timezone)?;
        let inserted = self.connection().execute(
            "INSERT INTO sites (domain, timezone, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (domain) DO NOTHING",
            params![domain, timezone, now.as_second()],
        )?;
        if inserted == 0 {
            return Err(Error::Refused(format!("site {domain:?} exists already")));
        }
        self.site(&domain)
    }

    /// Removes a site with its tokens and imports; its events are the store's matter.
    ///
    /// # Errors
    /// [`Error::UnknownSite`] when there is none.
    pub fn remove_site(&self, domain: &str) -> Result<Site> {
        let site = self.site(domain)?;
        self.connection().execute("DELETE FROM sites WHERE id = ?1", [site.id])?;
        Ok(site)
    }

    /// Changes one setting of a site.
    ///
    /// # Errors
    /// [`Error::UnknownSite`], and [`Error::Refused`] for a value that makes no sense.
    pub fn set_site(&self, domain: &str, setting: Setting) -> Result<Site> {
        let site = self.site(domain)?;
        let (column, value) = match setting {
            Setting::Timezone(name) => ("timezone", known_timezone(&name)?),
            Setting::Referrer(detail) => ("referrer_detail", detail.as_str().to_owned()),
            Setting::Hostnames(hosts) => {
                ("allowed_hostnames", patterns(&hosts, |host| normal_domain(&host.replace('*', "x")))?)
            }
            Setting::BlockedPages(pages) => ("blocked_pages", patterns(&pages, a_path)?),
        };
        self.connection()
            .execute(&format!("UPDATE sites SET {column} = ?1 WHERE id = ?2"), params![value, site.id])?;
        self.site(domain)
    }
}

/// Lower case, without scheme, `www.` or a trailing slash; a path or a space is refused.
fn normal_domain(text: &str) -> Result<String> {
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if bare.is_empty() || bare.len() > 253 || !bare.chars().all(allowed) {
        return Err(Error::Refused(format!("{text:?} is not a domain, expected one like \"example.com\"")));
    }
    Ok(bare.to_owned())
}

/// Patterns that each pass a check, with a blank between them.
fn patterns<T>(patterns: &[String], check: impl Fn(&str) -> Result<T>) -> Result<String> {
    for pattern in patterns {
        check(pattern)?;
    }
    Ok(patterns.join(" "))
}

fn a_path(text: &str) -> Result<()> {
    let fits = (text.starts_with('/') || text.starts_with('*')) && !text.contains(char::is_whitespace);
    if fits {
        Ok(())
    } else {
        Err(Error::Refused(format!("{text:?} is not a path, expected one like \"/admin/*\"")))
    }
}

fn known_timezone(name: &str) -> Result<String> {
    match TimeZone::get(name) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(name).to_owned()),
        Err(_) => {
            Err(Error::Refused(format!("{name:?} is not a time zone, expected one like \"Europe/Berlin\"")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> (tempfile::TempDir, Control) {
        let directory = tempfile::tempdir().expect("directory");
        let control = Control::open(&directory.path().join("control.sqlite")).expect("open");
        (directory, control)
    }

    #[test]
    fn keeps_what_a_site_is_told() {
        let (_directory, control) = control();
        let added = control
            .add_site("https://www.Example.com/", "Europe/Berlin", Timestamp::UNIX_EPOCH)
            .expect("added");
        assert_eq!((added.domain.as_str(), added.timezone.as_str()), ("example.com", "Europe/Berlin"));
        control.set_site("example.com", Setting::Referrer(ReferrerDetail::Page)).expect("set");
        control.set_site("example.com", Setting::Hostnames(vec!["shop.example.com".into()])).expect("set");
        let site = control.site("example.com").expect("there");
        assert_eq!(site.referrer_detail, ReferrerDetail::Page);
        assert_eq!(site.allowed_hostnames, ["shop.example.com"]);
    }

    #[test]
    fn never_gives_a_number_twice() {
        let (_directory, control) = control();
        let first = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        control.remove_site("a.example").expect("removed");
        let second = control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert!(second.id > first.id);
    }

    #[test]
    fn refuses_what_is_no_site() {
        let (_directory, control) = control();
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
    fn tells_another_process_that_something_changed() {
        let (directory, control) = control();
        let other = Control::open(&directory.path().join("control.sqlite")).expect("open");
        let before = other.version().expect("version");
        control.add_site("a.example", "UTC", Timestamp::UNIX_EPOCH).expect("added");
        assert_ne!(other.version().expect("version"), before);
        assert_eq!(other.sites().expect("sites").len(), 1);
    }
}
