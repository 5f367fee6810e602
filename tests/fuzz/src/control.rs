//! What a site's people send of settings.

use passant_control::{network, spelt};

/// A list of networks: what is read is spelt in one way, and read again as it is spelt.
pub(crate) fn networks(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for read in text.split(',').filter_map(|text| network(text.trim())) {
        assert_eq!(network(&spelt(read)), Some(read));
        assert_eq!(read.trunc(), read);
    }
}
