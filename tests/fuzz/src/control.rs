//! What people send of themselves and of their sites.

use passant_control::{network, outside, spelt};

/// An e-mail address: there is one spelling, and nothing in it that a line or a header is made of.
pub(crate) fn email(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(email) = outside::email(&text) else { return };
    assert_eq!(outside::email(&email).as_deref(), Some(email.as_str()));
    assert!(!email.contains(|c: char| c.is_whitespace() || c.is_control()));
    assert_eq!(email.split('@').filter(|side| !side.is_empty()).count(), 2);
}

/// Origins, one a line: what is taken adds nothing to the header but itself.
pub(crate) fn frame_ancestors(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let origins: Vec<String> = text.lines().map(str::to_owned).collect();
    if outside::are_origins(&origins) {
        let apart =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, ';' | ',' | '\'' | '"' | '/');
        let hosts = origins.iter().map(|origin| origin.split_once("://").expect("a scheme").1);
        assert!(hosts.into_iter().all(|host| !host.is_empty() && !host.contains(apart)));
    }
}

/// A list of networks: what is read is spelt in one way, and read again as it is spelt.
pub(crate) fn networks(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for read in text.split(',').filter_map(|text| network(text.trim())) {
        assert_eq!(network(&spelt(read)), Some(read));
        assert_eq!(read.trunc(), read);
    }
}
