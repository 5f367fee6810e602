//! Why an event is refused without being an error: the one table of reasons.
//!
//! A discard is a value that is counted and named to the client, never logged. A reason that nothing produces may not
//! stand here.

/// An expected refusal of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discard {
    /// It tells nothing that is counted: an identification, a heartbeat, a page that is only prefetched.
    NotCounted,
    /// The visitor objects: `Sec-GPC: 1` or `DNT: 1`.
    Objection,
    /// No site has the domain that the beacon names.
    UnknownSite,
    /// The address is in a network that the site leaves out.
    AddressBlocked,
    /// The user agent is a program's, or there is none.
    Bot,
    /// The page's host is not one of those that the site allows.
    HostnameNotAllowed,
    /// The site's own rules leave this page out.
    PageBlocked,
    /// The referrer is one that spammers forge.
    SpamReferrer,
    /// The visitor is in a country that the site leaves out.
    CountryBlocked,
    /// An engagement event that belongs to no open visit.
    NoVisit,
    /// The same beacon was stored a moment ago, and its answer was lost.
    Repeated,
}

impl Discard {
    /// Each reason once, in the order in which the stages can give it.
    pub const ALL: [Self; 11] = [
        Self::NotCounted,
        Self::Objection,
        Self::UnknownSite,
        Self::AddressBlocked,
        Self::Bot,
        Self::HostnameNotAllowed,
        Self::PageBlocked,
        Self::SpamReferrer,
        Self::CountryBlocked,
        Self::NoVisit,
        Self::Repeated,
    ];

    /// The reason as clients and metrics read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotCounted => "not_counted",
            Self::Objection => "objection",
            Self::UnknownSite => "unknown_site",
            Self::AddressBlocked => "address_blocked",
            Self::Bot => "bot",
            Self::HostnameNotAllowed => "hostname_not_allowed",
            Self::PageBlocked => "page_blocked",
            Self::SpamReferrer => "spam_referrer",
            Self::CountryBlocked => "country_blocked",
            Self::NoVisit => "no_visit",
            Self::Repeated => "repeated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_word() {
        let mut words: Vec<_> = Discard::ALL.iter().map(|reason| reason.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Discard::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
