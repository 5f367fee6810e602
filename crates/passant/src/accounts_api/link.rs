//! Links that are shown once. The secret stands after the `#`, which browsers send to nobody: it gets into no log of a
//! proxy and no referrer.

use std::net::SocketAddr;

/// Where people reach the dashboard: what the configuration says, else the listener itself.
pub(crate) fn base_url(config: &passant_control::Config, listener: SocketAddr) -> String {
    match &config.base_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{listener}"),
    }
}

/// Where the first owner is made.
pub(crate) fn setup_link(base_url: &str, secret: &str) -> String {
    format!("{base_url}/setup#{secret}")
}

/// Where somebody chooses a password.
pub(crate) fn password_link(base_url: &str, secret: &str) -> String {
    format!("{base_url}/password#{secret}")
}

/// Where a site's reports are shared.
pub(crate) fn share_link(base_url: &str, domain: &str, secret: &str) -> String {
    format!("{base_url}/share/{domain}#{secret}")
}

/// The same in another site's frame: the number says whose.
pub(crate) fn embed_link(base_url: &str, domain: &str, (id, secret): (u64, &str)) -> String {
    format!("{base_url}/share/{domain}?embed={id}#{secret}")
}
