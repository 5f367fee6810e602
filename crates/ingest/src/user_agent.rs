//! What a user agent says about the browser, the system and the device, in the words that analysts know.
//!
//! The string ends here: only coarse classes come out. A device's model is never read, and the cache that spares the
//! parsing keeps a keyed hash of the string, not the string.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use quick_cache::sync::Cache;
use serde::Deserialize;
use ua_parser::{os, user_agent};

use crate::bots::Bots;

/// The parsers of the uap-core project, those for devices left out.
const PARSERS: &str = include_str!("../data/user_agents.json");
/// User agents that are remembered; a busy site sees a few thousand.
const CACHED: usize = 8192;

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// A program.
    Bot,
    /// A person's browser.
    Browser(Arc<Browser>),
}

/// A browser, its system and its device; blank where unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// Family, such as `Chrome`.
    pub family: String,
    /// Version as reports show it: `131`, or `17.4` where the second number matters.
    pub version: String,
    /// First number of the version.
    pub major: String,
    /// Family of the operating system, such as `Mac`.
    pub os: String,
    /// Version of the operating system, such as `10.15`.
    pub os_version: String,
    /// Class of the device.
    pub device: Device,
}

/// A class of devices. `Laptop` exists in imported data alone: no browser tells a laptop from a desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Computers, televisions, consoles.
    Desktop,
    /// Tablets.
    Tablet,
    /// Phones, watches, players.
    Mobile,
}

impl Device {
    /// The class as reports show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "Desktop",
            Self::Tablet => "Tablet",
            Self::Mobile => "Mobile",
        }
    }
}

/// The compiled parsers and the agents seen of late.
pub struct UserAgents {
    bots: Bots,
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    cache: Cache<u64, Agent>,
    hasher: RandomState,
}

impl Default for UserAgents {
    fn default() -> Self {
        Self::new()
    }
}

impl UserAgents {
    /// Compiles the parsers that are built in.
    pub fn new() -> Self {
        #[derive(Deserialize)]
        struct Parsers {
            #[serde(borrow = "'static")]
            user_agent_parsers: Vec<user_agent::Parser<'static>>,
            #[serde(borrow = "'static")]
            os_parsers: Vec<os::Parser<'static>>,
        }
        const PROVEN: &str = "a test compiles the parsers that are built in";
        let parsers: Parsers = serde_json::from_str(PARSERS).expect(PROVEN);
        let browsers = user_agent::Builder::new().push_all(parsers.user_agent_parsers);
        let systems = os::Builder::new().push_all(parsers.os_parsers);
        Self {
            bots: Bots::new(),
            browsers: browsers.expect(PROVEN).build().expect(PROVEN),
            systems: systems.expect(PROVEN).build().expect(PROVEN),
            cache: Cache::new(CACHED),
            hasher: RandomState::new(),
        }
    }

    /// Who sends this header.
    pub fn agent(&self, user_agent: &str) -> Agent {
        let key = self.hasher.hash_one(user_agent);
        if let Some(agent) = self.cache.get(&key) {
            return agent;
        }
        let agent = if self.bots.is_bot(user_agent) {
            Agent::Bot
        } else {
            Agent::Browser(Arc::new(self.browser(user_agent)))
        };
        self.cache.insert(key, agent.clone());
        agent
    }

    fn browser(&self, user_agent: &str) -> Browser {
        let mut browser = Browser {
            family: String::new(),
            version: String::new(),
            major: String::new(),
            os: String::new(),
            os_version: String::new(),
            device: device(user_agent),
        };
        if let Some(found) = self.browsers.extract(user_agent) {
            let (family, versions) = browser_family(&found.family);
            browser.family = family.to_owned();
            browser.major = found.major.unwrap_or_default().to_owned();
            browser.version = versions.show(found.major, found.minor);
        }
        if let Some(found) = self.systems.extract(user_agent) {
            let (family, versions) = os_family(&found.os);
            browser.os = family.to_owned();
            browser.os_version = versions.show(found.major.as_deref(), found.minor.as_deref());
        }
        browser
    }
}

/// How much of a version a report shows.
#[derive(Clone, Copy)]
enum Versions {
    /// None: it is noise.
    Hidden,
    /// The first number.
    Major,
    /// The first two numbers.
    MajorMinor,
}

impl Versions {
    fn show(self, major: Option<&str>, minor: Option<&str>) -> String {
        match (self, major, minor) {
            (Self::Hidden, _, _) | (_, None | Some(""), _) => String::new(),
            (Self::MajorMinor, Some(major), Some(minor)) if !minor.is_empty() => format!("{major}.{minor}"),
            (Self::Major | Self::MajorMinor, Some(major), _) => major.to_owned(),
        }
    }
}

/// Families as the parsers name them, as analysts know them, and what is shown of their versions. What stands in no
/// row keeps its name and shows the first number.
const BROWSERS: &[(&str, &str, Versions)] = &[
    ("Amazon Silk", "Silk", Versions::Major),
    ("Android", "Android Browser", Versions::Major),
    ("Chrome Mobile", "Chrome", Versions::Major),
    ("Chrome Mobile WebView", "Mobile App", Versions::Hidden),
    ("Chrome Mobile iOS", "Chrome", Versions::Major),
    ("DuckDuckGo", "DuckDuckGo Privacy Browser", Versions::Major),
    ("DuckDuckGo Mobile", "DuckDuckGo Privacy Browser", Versions::Major),
    ("Edge", "Microsoft Edge", Versions::Major),
    ("Edge Mobile", "Microsoft Edge", Versions::Major),
    ("Facebook", "Facebook", Versions::Hidden),
    ("Facebook Messenger", "Facebook", Versions::Hidden),
    ("Firefox Mobile", "Firefox", Versions::Major),
    ("Firefox iOS", "Firefox", Versions::Major),
    ("Google", "Google App", Versions::Hidden),
    ("IE", "Internet Explorer", Versions::Major),
    ("IE Mobile", "Internet Explorer", Versions::Major),
    ("Instagram", "Instagram", Versions::Hidden),
    ("LinkedIn", "LinkedIn", Versions::Hidden),
    ("MiuiBrowser", "MIUI Browser", Versions::Major),
    ("Mobile Safari", "Safari", Versions::MajorMinor),
    ("Mobile Safari UI/WKWebView", "Mobile App", Versions::Hidden),
    ("Opera Mini", "Opera", Versions::Major),
    ("Opera Mobile", "Opera", Versions::Major),
    ("Other", "", Versions::Hidden),
    ("Pinterest", "Pinterest", Versions::Hidden),
    ("QQ Browser Mobile", "QQ Browser", Versions::Major),
    ("Safari", "Safari", Versions::MajorMinor),
    ("Samsung Internet", "Samsung Browser", Versions::Major),
    ("Snapchat", "Snapchat", Versions::Hidden),
    ("Twitter", "Twitter", Versions::Hidden),
    ("WebKit Nightly", "Safari", Versions::Hidden),
    ("Yandex Browser", "Yandex Browser", Versions::Major),
];

/// The same for systems; what stands in no row keeps its name and shows the first number.
const SYSTEMS: &[(&str, &str, Versions)] = &[
    ("Android", "Android", Versions::Major),
    ("Chrome OS", "Chrome OS", Versions::Hidden),
    ("Linux", "GNU/Linux", Versions::Hidden),
    ("Mac OS X", "Mac", Versions::MajorMinor),
    ("Other", "", Versions::Hidden),
    ("Ubuntu", "Ubuntu", Versions::MajorMinor),
    ("Windows", "Windows", Versions::Major),
    ("iOS", "iOS", Versions::MajorMinor),
];

fn browser_family(name: &str) -> (&str, Versions) {
    family(BROWSERS, name)
}

fn os_family(name: &str) -> (&str, Versions) {
    family(SYSTEMS, name)
}

fn family<'a>(table: &[(&'static str, &'static str, Versions)], name: &'a str) -> (&'a str, Versions) {
    match table.iter().find(|(theirs, _, _)| *theirs == name) {
        Some((_, ours, versions)) => (ours, *versions),
        None => (name, Versions::Major),
    }
}

/// The class of the device, by the words that browsers agreed on.
///
/// An iPad that asks for the desktop page, as it does unless told otherwise, is word for word a Mac; it counts as a
/// Desktop here. Telling them apart would take touch points, which we do not ask for.
fn device(user_agent: &str) -> Device {
    let has = |word: &str| user_agent.contains(word);
    let any = |words: &[&str]| words.iter().any(|word| has(word));
    if any(&["iPad", "Tablet", "tablet", "Kindle", "PlayBook", "KFAPWI", "Silk/"])
        && !has("Tablet PC")
        && !has("Windows NT")
    {
        return Device::Tablet;
    }
    if any(&[
        "SmartTV",
        "SMART-TV",
        "Smart TV",
        "GoogleTV",
        "Android TV",
        "BRAVIA",
        "AFT",
        "HbbTV",
        "Web0S",
        "webOS.TV",
        "PlayStation",
        "Xbox",
        "Nintendo",
        "CrKey",
        "AppleTV",
    ]) {
        return Device::Desktop;
    }
    if has("Android") {
        // Google's rule: a phone says Mobile, a tablet does not.
        return if any(&["Mobile", "Opera Mini", "Watch"]) { Device::Mobile } else { Device::Tablet };
    }
    if any(&[
        "iPhone",
        "iPod",
        "Mobile",
        "Windows Phone",
        "Opera Mini",
        "BlackBerry",
        "KAIOS",
        "Symbian",
        "Watch",
    ]) {
        return Device::Mobile;
    }
    Device::Desktop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_systems_and_devices_have_the_names_that_analysts_know() {
        let agents = UserAgents::new();
        let lines = include_str!("../tests-data/browsers.tsv").lines().filter(|line| !line.starts_with("# "));
        let mut wrong = Vec::new();
        for line in lines {
            let (user_agent, expected) = line.split_once('\t').unwrap();
            let Agent::Browser(found) = agents.agent(user_agent) else { panic!("a bot: {user_agent}") };
            let found = format!(
                "{}\t{}\t{}\t{}\t{}",
                found.family,
                found.version,
                found.os,
                found.os_version,
                found.device.as_str()
            );
            if found != expected {
                wrong.push(format!("{user_agent}\n  is       {found}\n  expected {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_a_header_says_stays_the_same_from_the_cache() {
        let agents = UserAgents::new();
        for user_agent in ["", "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"] {
            assert_eq!(agents.agent(user_agent), agents.agent(user_agent));
        }
    }
}
