//! What is served as it is: the first page and the website script, embedded at build time.
//!
//! Invariant: the same bytes for every visitor, no cookie, no validator that could tell visitors apart.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::encoded::Encoded;
use crate::script::Scripts;

/// One embedded file: adding one is a row in [`ASSETS`].
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// The page must be looked for anew at each visit, since its names carry no hash.
const REVALIDATE: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = &[
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_str!("../../../dashboards/web/index.html"),
    },
    Asset {
        path: "/assets/app.js",
        content_type: JAVASCRIPT,
        content: include_str!("../../../dashboards/web/app.js"),
    },
    Asset {
        path: "/assets/style.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../../dashboards/web/style.css"),
    },
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Routes of all pages.
pub(crate) fn router() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let encoded = Arc::new(Encoded::new(asset.content.as_bytes()));
        let answer = async move |request: HeaderMap| {
            let same_origin = (HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
            let headers =
                [(CONTENT_TYPE, fixed(asset.content_type)), (CACHE_CONTROL, fixed(REVALIDATE)), same_origin];
            response(&encoded, &request, headers)
        };
        router.route(asset.path, get(answer))
    })
}

/// Puts the website script before what `router` answers: its paths are the operator's to choose.
pub(crate) fn with_scripts(router: Router, scripts: Scripts) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::new(scripts), script_or_next))
}

async fn script_or_next(State(scripts): State<Arc<Scripts>>, request: Request, next: Next) -> Response {
    let Some(script) = scripts.at(request.uri().path()) else { return next.run(request).await };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, fixed("GET,HEAD"))]).into_response();
    }
    // It is for other origins' pages, which may hash it too.
    let cross_origin = (HeaderName::from_static("cross-origin-resource-policy"), fixed("cross-origin"));
    let headers = [(CONTENT_TYPE, fixed(JAVASCRIPT)), (CACHE_CONTROL, fixed(A_DAY)), cross_origin];
    let mut response = response(&script, request.headers(), headers);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
    response
}

fn response(encoded: &Encoded, request: &HeaderMap, more: [(HeaderName, HeaderValue); 3]) -> Response {
    let (mut headers, bytes) = encoded.for_request(request);
    headers.extend(more);
    headers.extend([
        (CONTENT_SECURITY_POLICY, fixed(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (REFERRER_POLICY, fixed("no-referrer")),
    ]);
    (headers, bytes).into_response()
}

fn fixed(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}
