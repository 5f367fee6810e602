//! What is served as it is: the first page and the website script, embedded at build time.
//!
//! Invariant: the same bytes for every visitor, no cookie, no validator that could tell visitors apart.

use axum::Router;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha384};

/// One embedded file: adding one is a row in [`ASSETS`].
struct Asset {
    path: &'static str,
    content_type: &'static str,
    cache: &'static str,
    content: &'static str,
}

/// The page must be looked for anew at each visit, since its names carry no hash.
const REVALIDATE: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";

/// Where the website script is.
const SCRIPTS: &str = "/js/";

const SCRIPT: &str = include_str!("../../../tracker/src/passant.js");

const ASSETS: &[Asset] = &[
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        cache: REVALIDATE,
        content: include_str!("../../../dashboards/web/index.html"),
    },
    Asset {
        path: "/assets/app.js",
        content_type: "text/javascript; charset=utf-8",
        cache: REVALIDATE,
        content: include_str!("../../../dashboards/web/app.js"),
    },
    Asset {
        path: "/assets/style.css",
        content_type: "text/css; charset=utf-8",
        cache: REVALIDATE,
        content: include_str!("../../../dashboards/web/style.css"),
    },
    Asset {
        path: "/js/passant.js",
        content_type: "text/javascript; charset=utf-8",
        cache: A_DAY,
        content: SCRIPT,
    },
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Routes of all assets.
pub(crate) fn router() -> Router {
    routes(ASSETS.iter())
}

/// The website script alone, where there are no reports to show.
pub(crate) fn script_router() -> Router {
    routes(ASSETS.iter().filter(|asset| asset.path.starts_with(SCRIPTS)))
}

/// What the website script must hash to, as pages name it (Subresource Integrity).
pub(crate) fn script_integrity() -> String {
    format!("sha384-{}", STANDARD.encode(Sha384::digest(SCRIPT)))
}

fn routes(assets: impl Iterator<Item = &'static Asset>) -> Router {
    assets.fold(Router::new(), |router, asset| {
        router.route(asset.path, get(move || async move { response(asset) }))
    })
}

fn response(asset: &'static Asset) -> impl IntoResponse {
    let fixed = HeaderValue::from_static;
    let cross_origin = HeaderName::from_static("cross-origin-resource-policy");
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, fixed(asset.content_type)),
        (CACHE_CONTROL, fixed(asset.cache)),
        (CONTENT_SECURITY_POLICY, fixed(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (REFERRER_POLICY, fixed("no-referrer")),
    ]);
    // The script is for other origins' pages, which may hash it too; everything else is for ours.
    if asset.path.starts_with(SCRIPTS) {
        headers.insert(cross_origin, fixed("cross-origin"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
    } else {
        headers.insert(cross_origin, fixed("same-origin"));
    }
    (headers, asset.content)
}
