//! Pages that another site may frame: those of a link that names the site, and no other.
//!
//! Invariant: only what `frame-ancestors` says of a page is changed, and only to origins that were checked when the link was
//! made.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::authority::Authority;

/// What pages say that stand in nobody's frame.
const NOBODY: &str = "frame-ancestors 'none'";

/// Lets the page of `?embed=NUMBER` into the frames that its link names.
pub(crate) async fn framed(State(authority): State<Authority>, request: Request, next: Next) -> Response {
    let link = request.uri().query().and_then(link_number);
    let mut response = next.run(request).await;
    if let Some(id) = link
        && let Some(policy) = policy(response.headers())
        && let Some(ancestors) = ancestors(&authority, id)
    {
        let policy = policy.replace(NOBODY, &format!("frame-ancestors {ancestors}"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
    }
    response
}

/// The policy of a page; an answer that is no page stands in no frame.
fn policy(headers: &HeaderMap) -> Option<String> {
    let is_page = headers.get(CONTENT_TYPE)?.to_str().ok()?.starts_with("text/html");
    let policy = headers.get(CONTENT_SECURITY_POLICY)?.to_str().ok()?;
    (is_page && policy.contains(NOBODY)).then(|| policy.to_owned())
}

fn link_number(query: &str) -> Option<u64> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "embed")?.1.parse().ok()
}

fn ancestors(authority: &Authority, id: u64) -> Option<String> {
    let link = authority.control.share_link(id).ok()?;
    let ended = link.expires_at.is_some_and(|end| end <= authority.now());
    (!ended && !link.frame_ancestors.is_empty()).then(|| link.frame_ancestors.join(" "))
}
