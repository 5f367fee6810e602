//! Which page an event happened on: host, decoded path, and the few query parameters that are kept.
//!
//! The query string and the fragment are dropped here, click ids shrink to the name of their parameter, and
//! identifiers in the path become placeholders. Nothing else of a URL may leave this file.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::beacon::Fragment;
use crate::scrub::scrub;

/// Longest path that is kept.
const PATH_BYTES: usize = 2000;
/// Host of a page whose URL has none.
pub(crate) const NO_HOST: &str = "(none)";
/// Parameters that advertisers add to tell a click; only that one was there is kept.
const CLICK_IDS: [&str; 6] = ["gclid", "gbraid", "wbraid", "msclkid", "fbclid", "twclid"];

/// Where an event happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Host, without `www.` and port.
    pub hostname: String,
    /// Path, decoded and scrubbed.
    pub pathname: String,
    /// What the query says about where the visitor came from.
    pub campaign: Campaign,
}

/// The query parameters that are kept; blank where missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    /// `utm_source`.
    pub utm_source: String,
    /// `utm_medium`.
    pub utm_medium: String,
    /// `utm_campaign`.
    pub utm_campaign: String,
    /// `utm_content`.
    pub utm_content: String,
    /// `utm_term`.
    pub utm_term: String,
    /// `source`.
    pub source: String,
    /// `ref`.
    pub referral: String,
    /// Name of the click-id parameter that was there.
    pub click_id: &'static str,
}

impl Campaign {
    /// What the link calls its source: `utm_source`, else `source`, else `ref`.
    pub fn tagged_source(&self) -> Option<&str> {
        [&self.utm_source, &self.source, &self.referral]
            .into_iter()
            .map(|tag| tag.trim())
            .find(|tag| !tag.is_empty())
    }
}

/// Reads the URL of a page.
pub fn page(url: &str, fragment: Fragment) -> Page {
    let parts = Url::split(url);
    let mut pathname = decode(parts.path);
    pathname.truncate(pathname.trim_end().len());
    if pathname.is_empty() {
        pathname.push('/');
    }
    if fragment == Fragment::InPath
        && let Some(fragment) = parts.fragment
    {
        // Single-page applications carry a query in the fragment too; it is as private as the other.
        let route = fragment.split_once('?').map_or(fragment, |(route, _)| route);
        pathname.push('#');
        pathname.push_str(&decode(route));
    }
    let mut pathname = match scrub(&pathname) {
        Cow::Borrowed(_) => pathname,
        Cow::Owned(scrubbed) => scrubbed,
    };
    truncate(&mut pathname, PATH_BYTES);
    Page {
        hostname: normal_host(parts.host).unwrap_or_else(|| NO_HOST.to_owned()),
        pathname,
        campaign: parts.query.map(campaign).unwrap_or_default(),
    }
}

/// The host of a URL as we store it, if it has one.
pub(crate) fn host(url: &str) -> Option<String> {
    normal_host(Url::split(url).host)
}

/// The parts of a URL, as RFC 3986, appendix B, takes it apart: it fits any string.
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    pub(crate) fn split(url: &'a str) -> Self {
        let url = url.trim_start();
        let (rest, fragment) = cut(url, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, after)) if is_scheme(scheme) => (scheme, after),
            _ => ("", rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_credentials, host)| host);
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').map_or(bracketed, |(address, _port)| address),
            None => host.split_once(':').map_or(host, |(host, _port)| host),
        };
        Self { scheme, host, path, query, fragment }
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Lower case, without `www.`, blanks and the root's dot.
pub(crate) fn normal_host(host: &str) -> Option<String> {
    let mut host = host.trim().trim_end_matches('.').to_lowercase();
    if host.starts_with("www.") {
        host.drain(..4);
    }
    (!host.is_empty()).then_some(host)
}

/// Decodes `%XX`; bytes that are no UTF-8 and control characters become U+FFFD.
fn decode(text: &str) -> String {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if decoded.chars().any(char::is_control) {
        return decoded.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    }
    decoded.into_owned()
}

pub(crate) fn truncate(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}

fn campaign(query: &str) -> Campaign {
    let mut campaign = Campaign::default();
    let mut click_id = CLICK_IDS.len();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match &*key {
            "utm_source" => &mut campaign.utm_source,
            "utm_medium" => &mut campaign.utm_medium,
            "utm_campaign" => &mut campaign.utm_campaign,
            "utm_content" => &mut campaign.utm_content,
            "utm_term" => &mut campaign.utm_term,
            "source" => &mut campaign.source,
            "ref" => &mut campaign.referral,
            key => {
                if let Some(at) = CLICK_IDS.iter().position(|id| *id == key)
                    && !value.is_empty()
                {
                    click_id = click_id.min(at);
                }
                continue;
            }
        };
        // The first one that says something counts.
        if field.is_empty() {
            *field = scrub(value.trim()).into_owned();
        }
    }
    campaign.click_id = CLICK_IDS.get(click_id).copied().unwrap_or_default();
    campaign
}

/// The click-id parameter of this name; blank where there is none.
pub(crate) fn click_id(name: &str) -> &'static str {
    CLICK_IDS.iter().find(|id| **id == name).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_host_and_path() {
        for (url, hostname, pathname) in [
            ("https://example.org", "example.org", "/"),
            ("https://www.example.org/", "example.org", "/"),
            ("https://EXAMPLE.org:8443/A/b", "example.org", "/A/b"),
            ("https://user:secret@example.org/a", "example.org", "/a"),
            ("https://example.org./a", "example.org", "/a"),
            ("https://[2001:db8::1]:80/a", "2001:db8::1", "/a"),
            ("https://example.org/caf%C3%A9%20au%20lait%20%20", "example.org", "/café au lait"),
            ("https://example.org/%ff%00", "example.org", "/\u{fffd}\u{fffd}"),
            ("https://example.org/100%", "example.org", "/100%"),
            ("https://example.org/a?secret=1&utm_source=x#frag", "example.org", "/a"),
            ("https://example.org?q=1", "example.org", "/"),
            ("//example.org/a", "example.org", "/a"),
            ("/a/b", "(none)", "/a/b"),
            ("", "(none)", "/"),
            ("about:blank", "(none)", "blank"),
            ("app://localhost/x", "localhost", "/x"),
            ("https://example.org/users/jane@example.com/edit", "example.org", "/users/:email/edit"),
            ("https://example.org/users/jane%40example.com", "example.org", "/users/:email"),
        ] {
            let page = page(url, Fragment::Dropped);
            assert_eq!((page.hostname.as_str(), page.pathname.as_str()), (hostname, pathname), "{url}");
        }
    }

    #[test]
    fn a_fragment_is_a_part_of_the_path_only_in_hash_mode() {
        for (url, expected) in [
            ("https://example.org/#/route/a", "/#/route/a"),
            ("https://example.org/app#/route?token=secret", "/app#/route"),
            ("https://example.org/app#caf%C3%A9", "/app#café"),
            ("https://example.org/app", "/app"),
            ("https://example.org/#/u/jane@example.com", "/#/u/:email"),
        ] {
            assert_eq!(page(url, Fragment::InPath).pathname, expected, "{url}");
        }
    }

    #[test]
    fn only_the_allowed_parameters_stay_and_click_ids_only_as_present() {
        let page = page(
            "https://example.org/?utm_source=News+letter&utm_medium=e%2Dmail&utm_campaign=May&utm_content=a&utm_term=b\
             &source=s&ref=r&fbclid=IwAR0secret&gclid=EAIaIQobsecret&token=secret&utm_source=second",
            Fragment::Dropped,
        );
        assert_eq!(
            page.campaign,
            Campaign {
                utm_source: "News letter".into(),
                utm_medium: "e-mail".into(),
                utm_campaign: "May".into(),
                utm_content: "a".into(),
                utm_term: "b".into(),
                source: "s".into(),
                referral: "r".into(),
                click_id: "gclid",
            }
        );
        assert!(!format!("{page:?}").contains("secret"));
        assert_eq!(super::page("https://example.org/?gclid=", Fragment::Dropped).campaign.click_id, "");
        let scrubbed = super::page("https://example.org/?utm_term=jane@example.com", Fragment::Dropped);
        assert_eq!(scrubbed.campaign.utm_term, ":email");
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let url = format!("https://example.org/{}", "%ff".repeat(900));
        let pathname = page(&url, Fragment::Dropped).pathname;
        assert_eq!(pathname.len(), 1999);
        assert!(pathname.ends_with('\u{fffd}'));
    }
}
