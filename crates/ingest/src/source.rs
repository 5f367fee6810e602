//! The source of a visit: what the link calls it, else the name of the referring site.
//!
//! The names and kinds are data of our own. A source is a site or a campaign, never a person's page.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::page::Campaign;

const TABLE: &str = include_str!("../data/sources.tsv");

/// What a source is for; the channels are made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A search engine.
    Search,
    /// A social network, a forum, a messenger.
    Social,
    /// A video site.
    Video,
    /// A shop or a market.
    Shopping,
    /// Webmail and mailing services.
    Email,
    /// An AI assistant.
    Ai,
    /// Music and podcasts.
    Audio,
    /// A known site that makes no channel.
    Other,
}

/// Where a visit came from; blank is direct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Name, such as `Google`; the host of an unknown site; what the link says of an unknown campaign.
    pub name: String,
    /// What a known source is for.
    pub kind: Option<Kind>,
    /// Whether the link says that it is an advertisement at the source (`facebookads`).
    pub is_advertisement: bool,
}

/// The table that is built in, read once.
pub(crate) static SOURCES: LazyLock<Sources> = LazyLock::new(Sources::new);

/// The known sources.
pub struct Sources {
    by_domain: HashMap<&'static str, Known>,
    by_name: HashMap<String, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    name: &'static str,
    kind: Kind,
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

impl Sources {
    /// Reads the table that is built in.
    pub fn new() -> Self {
        let mut sources = Self { by_domain: HashMap::new(), by_name: HashMap::new() };
        for row in TABLE.lines().filter(|line| !line.starts_with("# ")) {
            let mut columns = row.split('\t');
            let (Some(key), Some(name), Some(kind)) = (columns.next(), columns.next(), columns.next()) else {
                continue;
            };
            let known = Known { name, kind: kind_of(kind) };
            match key.strip_prefix('=') {
                Some(alias) => sources.by_name.insert(alias.to_owned(), known),
                None => sources.by_domain.insert(key, known),
            };
            sources.by_name.entry(name.to_lowercase()).or_insert(known);
        }
        sources
    }

    /// Resolves the source of an event: the link's own word first, else the referring host.
    pub fn source(&self, link: &Campaign, referring_host: &str) -> Source {
        match link.tagged_source() {
            Some(tag) => self.tagged(tag),
            None if referring_host.is_empty() => Source::default(),
            None => match self.of_host(referring_host) {
                Some(known) => {
                    Source { name: known.name.to_owned(), kind: Some(known.kind), ..Source::default() }
                }
                None => Source { name: referring_host.to_owned(), ..Source::default() },
            },
        }
    }

    /// What a name alone tells: the source of an imported event.
    pub(crate) fn named(&self, name: &str) -> Source {
        if name.is_empty() { Source::default() } else { self.tagged(name) }
    }

    fn tagged(&self, tag: &str) -> Source {
        let word = tag.to_lowercase();
        let named = |name: &str| self.by_name.get(name).copied().or_else(|| self.of_tagged_host(name));
        let says_advertisement = advertiser(&word);
        if let Some(known) = named(&word) {
            let is_advertisement =
                says_advertisement.is_some_and(|base| named(base).is_some()) || word == "adwords";
            return Source { name: known.name.to_owned(), kind: Some(known.kind), is_advertisement };
        }
        match says_advertisement.and_then(named) {
            Some(known) => {
                Source { name: known.name.to_owned(), kind: Some(known.kind), is_advertisement: true }
            }
            None => Source { name: tag.to_owned(), ..Source::default() },
        }
    }

    fn of_tagged_host(&self, tag: &str) -> Option<Known> {
        tag.contains('.').then(|| self.of_host(tag.strip_prefix("www.").unwrap_or(tag))).flatten()
    }

    /// The row of the host itself, of the nearest domain above it, or of its name under any public suffix.
    fn of_host(&self, host: &str) -> Option<Known> {
        let mut domain = host;
        loop {
            if let Some(known) = self.by_domain.get(domain) {
                return Some(*known);
            }
            match domain.split_once('.') {
                Some((_, parent)) if !domain.starts_with("android-app:") => domain = parent,
                _ => break,
            }
        }
        let registrable = psl::domain_str(host)?;
        let (label, _suffix) = registrable.split_once('.')?;
        self.by_domain.get(format!("{label}.*").as_str()).copied()
    }
}

/// The network behind `facebookads`, `fb-ads`, `reddit_ad`.
fn advertiser(word: &str) -> Option<&str> {
    let base = word.strip_suffix("ads").or_else(|| word.strip_suffix("ad"))?;
    Some(base.trim_end_matches(['-', '_', ' ', '.'])).filter(|base| !base.is_empty())
}

fn kind_of(word: &str) -> Kind {
    match word {
        "search" => Kind::Search,
        "social" => Kind::Social,
        "video" => Kind::Video,
        "shopping" => Kind::Shopping,
        "email" => Kind::Email,
        "ai" => Kind::Ai,
        "audio" => Kind::Audio,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let mut domains = Vec::new();
        for row in TABLE.lines().filter(|line| !line.starts_with("# ")) {
            let columns: Vec<_> = row.split('\t').collect();
            assert_eq!(columns.len(), 3, "{row}");
            assert!(matches!(kind_of(columns[2]), Kind::Other) == (columns[2] == "other"), "{row}");
            assert_eq!(columns[0], columns[0].to_lowercase(), "{row}");
            domains.push(columns[0]);
        }
        assert!(domains.len() >= 300);
        let rows = domains.len();
        domains.sort_unstable();
        domains.dedup();
        assert_eq!(domains.len(), rows, "each domain stands once");
    }

    #[test]
    fn a_host_has_the_name_of_its_nearest_row() {
        let sources = Sources::new();
        for (host, expected) in [
            ("", ""),
            ("google.com", "Google"),
            ("google.co.uk", "Google"),
            ("google.de", "Google"),
            ("mail.google.com", "Gmail"),
            ("gemini.google.com", "Gemini"),
            ("l.facebook.com", "Facebook"),
            ("some.deep.facebook.com", "Facebook"),
            ("t.co", "Twitter"),
            ("out.reddit.com", "Reddit"),
            ("chatgpt.com", "ChatGPT"),
            ("de.wikipedia.org", "Wikipedia"),
            ("amazon.co.jp", "Amazon"),
            ("android-app://com.google.android.gm", "Gmail"),
            ("android-app://com.example.reader", "android-app://com.example.reader"),
            ("notgoogle.com", "notgoogle.com"),
            ("blog.example.com", "blog.example.com"),
        ] {
            assert_eq!(sources.source(&Campaign::default(), host).name, expected, "{host}");
        }
    }

    #[test]
    fn the_links_own_word_comes_first_and_aliases_have_one_name() {
        let sources = Sources::new();
        let tagged = |tag: &str| {
            let link = Campaign { utm_source: tag.to_owned(), ..Campaign::default() };
            let source = sources.source(&link, "google.com");
            (source.name, source.is_advertisement)
        };
        for (tag, name, advertisement) in [
            ("facebook", "Facebook", false),
            ("FB", "Facebook", false),
            ("ig", "Instagram", false),
            ("yt", "YouTube", false),
            ("adwords", "Google", true),
            ("google-ads", "Google", true),
            ("facebookads", "Facebook", true),
            ("Reddit_Ad", "Reddit", true),
            ("threads", "Threads", false),
            ("threads-ads", "Threads", true),
            ("downloads", "downloads", false),
            ("chatgpt.com", "ChatGPT", false),
            ("www.google.com", "Google", false),
            ("May Newsletter", "May Newsletter", false),
            ("", "Google", false),
        ] {
            assert_eq!(tagged(tag), (name.to_owned(), advertisement), "{tag}");
        }
        let link = Campaign { source: "s".into(), referral: "r".into(), ..Campaign::default() };
        assert_eq!(sources.source(&link, "").name, "s");
        assert_eq!(sources.source(&Campaign { referral: "r".into(), ..Campaign::default() }, "").name, "r");
    }
}
