//! Requests that another site's page made somebody's browser send do nothing here (CSRF).
//!
//! Invariant: a request that changes something and lives by a session comes from a page of ours. Browsers say so in
//! `Sec-Fetch-Site`, older ones in `Origin`; neither can be set by a page. A token is not sent by itself, so a request
//! that brings one is its sender's own.

use axum::extract::Request;
use axum::http::header::{HOST, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::authority::session_cookie;
use crate::refusal::Refusal;

/// Whether a request may act by a session, or begin one.
pub(crate) fn is_ours(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    if let Some(site) = headers.get("sec-fetch-site").map(text) {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (headers.get(ORIGIN).map(text), headers.get(HOST).map(text)) else {
        return false;
    };
    let origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&host))
}

/// Refuses what a session is to do for another site's page.
pub(crate) async fn guarded(request: Request, next: Next) -> Response {
    let by_session = session_cookie(request.headers()).is_some();
    if by_session && !is_ours(request.method(), request.headers()) {
        return Refusal::Foreign.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_our_own_change_something() {
        let host = ("host", "stats.example.com");
        for (headers, ours) in [
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "same-site"), ("origin", "https://stats.example.com")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("origin", "https://stats.example.com")], true),
            (vec![host, ("origin", "https://stats.example.com:8443")], false),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                assert_eq!(is_ours(&method, &map), ours, "{method} {headers:?}");
            }
            assert!(is_ours(&Method::GET, &map) && is_ours(&Method::HEAD, &map));
        }
    }
}
