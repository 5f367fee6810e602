//! What browsers and proxies send.

use std::net::SocketAddr;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use passant_ingest::{
    AddressPrefix, Beacon, Config, EventRecord, PrefixBits, Proxies, UserAgents, language, page, scrub,
};

const PEER: &str = "10.0.0.7:4711";
const TRUSTING: &str = r#"{"trusted_proxies": ["10.0.0.0/8"]}"#;

/// A beacon's body: what is understood has a page, and no identifier is left in its path.
pub(crate) fn beacon(bytes: &[u8]) {
    let Ok(beacon) = Beacon::parse(bytes) else { return };
    check(&beacon);
    assert!(beacon.domains().count() <= bytes.len());
}

/// What holds for every beacon, whichever format it came in.
pub(crate) fn check(beacon: &Beacon<'_>) {
    let page = page(&beacon.url, beacon.fragment);
    assert!(!page.pathname.is_empty() && !page.hostname.is_empty());
    assert_eq!(scrub(&page.pathname), page.pathname, "an identifier is left in a path");
    for (_, value) in &beacon.props {
        let once = scrub(value);
        assert_eq!(scrub(&once), once, "scrubbing leaves what it scrubs");
    }
}

/// Forwarding headers, one a line: a trusted proxy may write anything into them.
pub(crate) fn client(bytes: &[u8]) {
    static READER: LazyLock<(Proxies, PrefixBits)> = LazyLock::new(|| {
        let config: Config = serde_json::from_str(TRUSTING).expect("settings");
        (Proxies::new(&config).expect("networks"), PrefixBits::new(&config).expect("bits"))
    });
    let peer: SocketAddr = PEER.parse().expect("an address");
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.get(1..).unwrap_or_default()))
        {
            headers.append(name, value);
        }
    }
    let (proxies, bits) = &*READER;
    let _ = AddressPrefix::cut(proxies.client(peer, &headers), *bits);
}

/// A user agent, and the same bytes as a list of languages.
pub(crate) fn head(bytes: &[u8]) {
    static AGENTS: LazyLock<UserAgents> = LazyLock::new(UserAgents::new);
    let text = String::from_utf8_lossy(bytes);
    let _ = AGENTS.agent(&text);
    let language = language(&text);
    assert!(language.len() <= 12 && language.is_ascii(), "{language:?}");
}

/// A line of an import.
pub(crate) fn import_line(bytes: &[u8]) {
    if let Ok(record) = EventRecord::parse(bytes) {
        let _ = record.into_event(1, (2, None));
    }
}
