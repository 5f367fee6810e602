//! What can be set for a site: one table, one row a setting.
//!
//! Invariant: what is stored has passed its row's check, so that reading it back cannot fail. A value is text here and in
//! the file; what it means to the rest stands in [`Site`](crate::Site).

use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::network::{network, spelt};
use crate::retention::Retention;

/// Something that can be set for a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// IANA name of the time zone that its days are counted in.
    Timezone,
    /// How much of a referrer is kept.
    Referrer,
    /// Hosts whose beacons are taken.
    Hostnames,
    /// Pages whose beacons are discarded.
    BlockedPages,
    /// Networks from which beacons are discarded.
    BlockedAddresses,
    /// Countries from which beacons are discarded.
    BlockedCountries,
    /// Fewest visitors of a row that is shown where a filter narrows a report.
    PrivacyFloor,
    /// How long its events are kept.
    RetentionMonths,
    /// What the website script does besides counting page views and engagement.
    ScriptOptions,
    /// Currency of amounts that come without one.
    Currency,
    /// What an Umami client calls the site.
    UmamiWebsiteIds,
    /// What a Matomo client calls the site.
    MatomoSiteIds,
    /// Hosts at which GoatCounter's clients reach us for the site.
    GoatCounterHosts,
    /// Who may read its reports.
    Visibility,
}

/// What the website script can do besides, in the words of its name.
pub const SCRIPT_OPTIONS: &[&str] = &[
    "hash",
    "manual",
    "local",
    "tagged-events",
    "outbound-links",
    "file-downloads",
    "cloaked-links",
    "forms",
    "not-found",
    "web-vitals",
];

/// What is known of one setting.
pub struct SettingFacts {
    /// Which.
    pub setting: Setting,
    /// Its name in the file and in the API.
    pub name: &'static str,
    /// Its name on the command line.
    pub option: &'static str,
    /// What stands for its value in a usage line.
    pub placeholder: &'static str,
    /// What it does, for `--help`.
    pub help: &'static str,
    /// What holds where nothing is set.
    pub default: &'static str,
    /// Whether two sites can have it in common.
    pub(crate) sharing: Sharing,
    /// Reads a value; what is returned is stored.
    check: fn(&str) -> Result<String>,
}

/// Whether two sites can have a value in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It says something of a site.
    Shared,
    /// Each entry of it names a site.
    Names,
}

/// Every setting: adding one is a variant and a row here, and a field of [`Site`](crate::Site) for who reads it.
pub const SETTINGS: &[SettingFacts] = &[
    SettingFacts {
        setting: Setting::Timezone,
        name: "timezone",
        option: "timezone",
        placeholder: "TZ",
        help: "IANA name of the time zone that its days are counted in",
        default: "UTC",
        sharing: Sharing::Shared,
        check: known_timezone,
    },
    SettingFacts {
        setting: Setting::Referrer,
        name: "referrer",
        option: "referrer",
        placeholder: "domain|page",
        help: "How much of a referrer is kept: its domain, or host and path",
        default: "domain",
        sharing: Sharing::Shared,
        check: referrer,
    },
    SettingFacts {
        setting: Setting::Hostnames,
        name: "hostnames",
        option: "hostnames",
        placeholder: "HOSTS",
        help: "Hosts whose beacons are taken, comma between them, `*` for any characters; \"\" takes any",
        default: "",
        sharing: Sharing::Shared,
        check: |text| list(text, |host| normal_domain(&host.replace('*', "x")).map(drop)),
    },
    SettingFacts {
        setting: Setting::BlockedPages,
        name: "blocked_pages",
        option: "blocked-pages",
        placeholder: "PATHS",
        help: "Pages whose beacons are discarded, comma between them, `*` for any characters; \"\" discards none",
        default: "",
        sharing: Sharing::Shared,
        check: |text| list(text, a_path),
    },
    SettingFacts {
        setting: Setting::BlockedAddresses,
        name: "blocked_addresses",
        option: "blocked-addresses",
        placeholder: "NETWORKS",
        help: "Addresses and networks (CIDR) whose beacons are discarded, comma between them; \"\" discards none",
        default: "",
        sharing: Sharing::Shared,
        check: |text| spelt_list(text, a_network),
    },
    SettingFacts {
        setting: Setting::BlockedCountries,
        name: "blocked_countries",
        option: "blocked-countries",
        placeholder: "CODES",
        help: "Countries whose beacons are discarded, by ISO 3166 code, comma between them; \"\" discards none",
        default: "",
        sharing: Sharing::Shared,
        check: |text| spelt_list(text, a_country),
    },
    SettingFacts {
        setting: Setting::PrivacyFloor,
        name: "privacy_floor",
        option: "privacy-floor",
        placeholder: "VISITORS",
        help: "Fewest visitors of a row that is shown where a filter narrows a report or the public reads it; 1 shows all",
        default: "5",
        sharing: Sharing::Shared,
        check: privacy_floor,
    },
    SettingFacts {
        setting: Setting::RetentionMonths,
        name: "retention_months",
        option: "retention-months",
        placeholder: "MONTHS|unlimited",
        help: "Months after which its events and what was added up of them are erased for good; \"unlimited\" keeps them until it is removed",
        // The most that the French authority allows for what audience measurement without consent has collected.
        default: "25",
        sharing: Sharing::Shared,
        check: |text| Retention::parse(text).map(|retention| retention.to_string()),
    },
    SettingFacts {
        setting: Setting::ScriptOptions,
        name: "script_options",
        option: "script-options",
        placeholder: "OPTIONS",
        help: "What the website script does besides, comma between them, such as \"outbound-links,forms\"",
        default: "",
        sharing: Sharing::Shared,
        check: |text| list(text, script_option),
    },
    SettingFacts {
        setting: Setting::Currency,
        name: "currency",
        option: "currency",
        placeholder: "CODE",
        help: "ISO 4217 code of amounts that come without one, as Matomo's do; \"\" drops such amounts",
        default: "",
        sharing: Sharing::Shared,
        check: currency,
    },
    SettingFacts {
        setting: Setting::UmamiWebsiteIds,
        name: "umami_website_ids",
        option: "umami-website-ids",
        placeholder: "UUIDS",
        help: "What Umami's clients call it in `data-website-id`, comma between them",
        default: "",
        sharing: Sharing::Names,
        check: |text| list(text, a_website_id),
    },
    SettingFacts {
        setting: Setting::MatomoSiteIds,
        name: "matomo_site_ids",
        option: "matomo-site-ids",
        placeholder: "NUMBERS",
        help: "What Matomo's clients call it in `idsite`, comma between them",
        default: "",
        sharing: Sharing::Names,
        check: |text| list(text, a_site_number),
    },
    SettingFacts {
        setting: Setting::GoatCounterHosts,
        name: "goatcounter_hosts",
        option: "goatcounter-hosts",
        placeholder: "HOSTS",
        help: "Hosts at which GoatCounter's clients reach this server for it, comma between them",
        default: "",
        sharing: Sharing::Names,
        check: |text| list(text, |host| normal_domain(host).map(drop)),
    },
    SettingFacts {
        setting: Setting::Visibility,
        name: "visibility",
        option: "visibility",
        placeholder: "members|public",
        help: "Who may read its reports: its members, or anybody",
        default: "members",
        sharing: Sharing::Shared,
        check: visibility,
    },
];

/// A greater floor would fold whole sites away.
const PRIVACY_FLOOR_MAX: u32 = 1_000;

impl Setting {
    /// What is known of it.
    pub fn facts(self) -> &'static SettingFacts {
        SETTINGS
            .iter()
            .find(|facts| facts.setting == self)
            .expect("a test holds the table to a row for every setting")
    }

    /// The setting of this name.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none.
    pub fn named(name: &str) -> Result<Self> {
        SETTINGS.iter().find(|facts| facts.name == name).map(|facts| facts.setting).ok_or_else(|| {
            let names: Vec<_> = SETTINGS.iter().map(|facts| facts.name).collect();
            Error::Refused(format!("{name:?} is not a setting, expected one of {}", names.join(", ")))
        })
    }

    /// The value as it is stored.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that makes no sense.
    pub(crate) fn checked(self, value: &str) -> Result<String> {
        (self.facts().check)(value)
    }
}

/// Lower case, without scheme, `www.` or a trailing slash; a path or a space is refused.
pub(crate) fn normal_domain(text: &str) -> Result<String> {
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

/// The entries of a list that is stored with commas.
pub(crate) fn entries(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// A list whose entries each pass a check.
fn list(text: &str, check: impl Fn(&str) -> Result<()>) -> Result<String> {
    spelt_list(text, |entry| check(entry).map(|()| entry.to_owned()))
}

/// A list whose entries are each spelt in one way.
fn spelt_list(text: &str, spell: impl Fn(&str) -> Result<String>) -> Result<String> {
    let spelt: Vec<_> = entries(text).iter().map(|entry| spell(entry)).collect::<Result<_>>()?;
    Ok(spelt.join(","))
}

fn a_path(text: &str) -> Result<()> {
    let fits = (text.starts_with('/') || text.starts_with('*')) && !text.contains(char::is_whitespace);
    if fits {
        Ok(())
    } else {
        Err(Error::Refused(format!("{text:?} is not a path, expected one like \"/admin/*\"")))
    }
}

fn a_network(text: &str) -> Result<String> {
    let expected = "expected one like \"198.51.100.7\" or \"2001:db8::/48\"";
    network(text).map(spelt).ok_or_else(|| Error::Refused(format!("{text:?} is no network, {expected}")))
}

/// No list of countries: databases know some that ISO 3166 does not, such as XK.
fn a_country(text: &str) -> Result<String> {
    let code = text.to_ascii_uppercase();
    let is_one = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match code.as_str() {
        // Nothing would ever be found under it.
        "UK" => Err(Error::Refused(format!("{text:?} is no country, expected \"GB\""))),
        _ if is_one => Ok(code),
        _ => Err(Error::Refused(format!("{text:?} is no country, expected a code like \"DE\""))),
    }
}

fn script_option(text: &str) -> Result<()> {
    if SCRIPT_OPTIONS.contains(&text) {
        Ok(())
    } else {
        let options = SCRIPT_OPTIONS.join(", ");
        Err(Error::Refused(format!("{text:?} is no option of the script, expected one of {options}")))
    }
}

fn a_website_id(text: &str) -> Result<()> {
    let is_one = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_one {
        Ok(())
    } else {
        let expected = "one like \"b59e9c65-ae32-47f1-8400-119fcf4861c4\"";
        Err(Error::Refused(format!("{text:?} is not an id of Umami's, expected {expected}")))
    }
}

fn a_site_number(text: &str) -> Result<()> {
    match text.parse::<u32>() {
        Ok(number) if number > 0 && number.to_string() == text => Ok(()),
        Ok(_) | Err(_) => {
            Err(Error::Refused(format!("{text:?} is not a site of Matomo's, expected a number from 1 on")))
        }
    }
}

fn currency(text: &str) -> Result<String> {
    let upper = text.trim().to_ascii_uppercase();
    if upper.is_empty() || (upper.len() == 3 && upper.bytes().all(|byte| byte.is_ascii_uppercase())) {
        Ok(upper)
    } else {
        Err(Error::Refused(format!("currency {text:?}, expected a code like \"EUR\"")))
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

fn referrer(text: &str) -> Result<String> {
    match text {
        "domain" | "page" => Ok(text.to_owned()),
        _ => Err(Error::Refused(format!("referrer {text:?}, expected \"domain\" or \"page\""))),
    }
}

fn visibility(text: &str) -> Result<String> {
    match text {
        "members" | "public" => Ok(text.to_owned()),
        _ => Err(Error::Refused(format!("visibility {text:?}, expected \"members\" or \"public\""))),
    }
}

fn privacy_floor(text: &str) -> Result<String> {
    match text.parse::<u32>() {
        Ok(visitors) if (1..=PRIVACY_FLOOR_MAX).contains(&visitors) => Ok(visitors.to_string()),
        Ok(_) | Err(_) => Err(Error::Refused(format!(
            "privacy_floor {text:?}, expected a number of visitors from 1 to {PRIVACY_FLOOR_MAX}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check() {
        for facts in SETTINGS {
            assert_eq!(facts.setting.checked(facts.default).expect("valid"), facts.default, "{}", facts.name);
            assert_eq!(Setting::named(facts.name).expect("named"), facts.setting);
        }
    }

    #[test]
    fn networks_and_countries_are_spelt_in_one_way() {
        for (setting, value, stored) in [
            (Setting::BlockedAddresses, "198.51.100.7/24, ::ffff:192.0.2.1", "198.51.100.0/24,192.0.2.1"),
            (Setting::BlockedCountries, "de, XK", "DE,XK"),
        ] {
            assert_eq!(setting.checked(value).expect("valid"), stored);
        }
    }

    #[test]
    fn refuses_values_that_make_no_sense_and_says_what_was_expected() {
        for (setting, value, expected) in [
            (Setting::Timezone, "Mars/Olympus", "Europe/Berlin"),
            (Setting::Referrer, "all", "\"domain\" or \"page\""),
            (Setting::Hostnames, "example.com,a b", "not a domain"),
            (Setting::BlockedPages, "admin", "not a path"),
            (Setting::BlockedAddresses, "198.51.100.7,198.51.100.0/33", "\"198.51.100.0/33\" is no network"),
            (Setting::BlockedCountries, "DE,France", "a code like \"DE\""),
            (Setting::BlockedCountries, "uk", "expected \"GB\""),
            (Setting::PrivacyFloor, "0", "from 1 to 1000"),
            (Setting::PrivacyFloor, "many", "from 1 to 1000"),
            (Setting::RetentionMonths, "0", "from 1 to 240, or \"unlimited\""),
            (Setting::ScriptOptions, "forms,heatmaps", "hash, manual"),
            (Setting::Currency, "euro", "a code like"),
            (Setting::UmamiWebsiteIds, "7", "b59e9c65"),
            (Setting::MatomoSiteIds, "1,0", "a number from 1 on"),
            (Setting::MatomoSiteIds, "007", "a number from 1 on"),
            (Setting::GoatCounterHosts, "a b", "not a domain"),
            (Setting::Visibility, "all", "\"members\" or \"public\""),
        ] {
            let words = setting.checked(value).expect_err(value).to_string();
            assert!(words.contains(expected), "{words}");
        }
    }
}
