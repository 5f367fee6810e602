//! What is served as it is: the dashboard and the website script, embedded at build time.
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

use crate::built::DASHBOARD;
use crate::encoded::Encoded;
use crate::script::Scripts;

/// Where the dashboard is opened: links lead to all but the first, and the dashboard looks at the path.
const PAGES: [&str; 4] = ["/", "/setup", "/password", "/share/{domain}"];
/// The one file that names the others, and which no name tells from its next version.
const PAGE: &str = "index.html";
const REVALIDATE: &str = "no-cache";
/// For files that are named by what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const A_DAY: &str = "public, max-age=86400";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// What the endings of files mean.
const CONTENT_TYPES: [(&str, &str); 4] = [
    (".html", "text/html; charset=utf-8"),
    (".js", JAVASCRIPT),
    (".css", "text/css; charset=utf-8"),
    (".svg", "image/svg+xml"),
];

/// Svelte makes its templates by one policy of Trusted Types; nothing else may turn text into markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// Routes of the dashboard.
pub(crate) fn router() -> Router {
    DASHBOARD.iter().fold(Router::new(), |router, (name, content)| {
        let encoded = Arc::new(Encoded::new(*content));
        let (paths, cache) = match *name {
            PAGE => (PAGES.map(str::to_owned).to_vec(), REVALIDATE),
            _ => (vec![format!("/{name}")], FOR_EVER),
        };
        paths.iter().fold(router, |router, path| {
            let encoded = Arc::clone(&encoded);
            let answer = async move |request: HeaderMap| {
                let same_origin =
                    (HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
                let content_type = (CONTENT_TYPE, fixed(content_type(name)));
                response(&encoded, &request, [content_type, (CACHE_CONTROL, fixed(cache)), same_origin])
            };
            router.route(path, get(answer))
        })
    })
}

fn content_type(name: &str) -> &'static str {
    let found = CONTENT_TYPES.iter().find(|(ending, _)| name.ends_with(ending));
    found.map_or("application/octet-stream", |(_, content_type)| content_type)
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
