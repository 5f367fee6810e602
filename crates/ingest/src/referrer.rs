//! Where a visitor came from, as the browser says: the referrer, cut to what the site keeps of it.
//!
//! A referrer on the same site is none. The query and the fragment of another site's page are never kept.

use std::borrow::Cow;

use crate::page::{Url, normal_host, truncate};
use crate::scrub::scrub;
use crate::site::{ReferrerDetail, Site};

/// Longest referrer that is kept.
const REFERRER_BYTES: usize = 2000;

/// A page of another site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrer {
    /// Host without `www.`, or `android-app://` and the package; blank without a referrer.
    pub host: String,
    /// What is stored: the host, or host and path where the site chose so.
    pub stored: String,
}

/// Reads the referrer of a beacon that was sent from a page on `hostname`.
pub fn referrer(text: &str, site: &Site, hostname: &str) -> Referrer {
    let url = Url::split(text);
    let Some(host) = normal_host(url.host) else { return Referrer::default() };
    match url.scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        "android-app" => {
            let app = format!("android-app://{host}");
            return Referrer { host: app.clone(), stored: app };
        }
        _ => return Referrer::default(),
    }
    if is_local(&host) || is_same_site(&host, site, hostname) {
        return Referrer::default();
    }
    let mut stored = match site.referrer {
        ReferrerDetail::Domain => host.clone(),
        ReferrerDetail::Page => {
            let path = percent_encoding::percent_decode_str(url.path).decode_utf8_lossy();
            let path = path.trim().trim_end_matches('/');
            let path: Cow<'_, str> = scrub(path);
            format!("{host}{path}")
        }
    };
    truncate(&mut stored, REFERRER_BYTES);
    Referrer { host, stored }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "::1"
}

/// Whether a visitor who comes from `host` was on this site already: on the page's own host, its `www.` and `m.`
/// faces, or anywhere below the site's domain.
fn is_same_site(host: &str, site: &Site, hostname: &str) -> bool {
    let host = bare(host);
    host == bare(hostname) || host == site.domain || is_below(host, &site.domain)
}

fn bare(host: &str) -> &str {
    ["www.", "m."].iter().find_map(|face| host.strip_prefix(face)).unwrap_or(host)
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|labels| labels.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn read(text: &str, detail: ReferrerDetail) -> String {
        let site = Site { referrer: detail, ..Site::new(1, "example.org", TimeZone::UTC) };
        referrer(text, &site, "shop.example.net").stored
    }

    #[test]
    fn a_referrer_is_cut_to_its_host() {
        for (text, expected) in [
            ("https://www.google.com/", "google.com"),
            ("https://News.Ycombinator.com/item?id=1", "news.ycombinator.com"),
            ("http://t.co/abc#x", "t.co"),
            ("https://user:pass@forum.example.com:8080/x", "forum.example.com"),
            ("android-app://com.google.android.gm/", "android-app://com.google.android.gm"),
            ("", ""),
            ("about:blank", ""),
            ("ftp://files.example.com/", ""),
            ("javascript:alert(1)", ""),
            ("not a url", ""),
            ("https://", ""),
        ] {
            assert_eq!(read(text, ReferrerDetail::Domain), expected, "{text}");
        }
    }

    #[test]
    fn the_path_is_kept_where_the_site_chose_so_and_scrubbed() {
        for (text, expected) in [
            ("https://www.example.com/blog/post/?q=1#c", "example.com/blog/post"),
            ("https://example.com/", "example.com"),
            ("https://example.com", "example.com"),
            ("https://mail.example.com/u/jane%40example.com", "mail.example.com/u/:email"),
        ] {
            assert_eq!(read(text, ReferrerDetail::Page), expected, "{text}");
        }
    }

    #[test]
    fn a_referrer_on_the_same_site_is_none() {
        for text in [
            "https://example.org/a",
            "https://www.example.org/",
            "https://m.example.org/",
            "https://blog.example.org/",
            "https://shop.example.net/cart",
            "https://www.shop.example.net/cart",
            "http://localhost:3000/",
            "http://127.0.0.1/",
        ] {
            assert_eq!(read(text, ReferrerDetail::Domain), "", "{text}");
        }
        assert_eq!(read("https://badexample.org/", ReferrerDetail::Domain), "badexample.org");
        assert_eq!(read("https://example.net/", ReferrerDetail::Domain), "example.net");
    }
}
