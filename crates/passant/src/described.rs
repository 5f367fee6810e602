//! A route of an API that no description holds is not served.
//!
//! Invariant: the descriptions are what the test of who may do what walks over, so that no route can be added without
//! saying there who may call it.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// The paths of the descriptions.
#[derive(Clone)]
pub(crate) struct Described(Arc<HashSet<String>>);

impl Described {
    pub(crate) fn of<'a>(descriptions: impl IntoIterator<Item = &'a Value>) -> Self {
        let paths = descriptions.into_iter().filter_map(|description| description["paths"].as_object());
        Self(Arc::new(paths.flat_map(|paths| paths.keys().cloned()).collect()))
    }

    fn holds(&self, path: &str) -> bool {
        // What describes is not described.
        !path.starts_with("/api/") || path.ends_with("/openapi.json") || self.0.contains(path)
    }
}

/// Lets pass what is described.
pub(crate) async fn only(State(described): State<Described>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    match path {
        Some(path) if !described.holds(&path) => {
            tracing::error!(route = path, "a route has no description and is not served");
            StatusCode::NOT_FOUND.into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn holds_what_is_described_and_what_is_no_api() {
        let described = Described::of([&json!({ "paths": { "/api/a/{id}": {} } }), &json!({})]);
        for path in ["/api/a/{id}", "/", "/badge/{file}", "/api/v1/sites/openapi.json"] {
            assert!(described.holds(path), "{path}");
        }
        assert!(!described.holds("/api/a") && !described.holds("/api/b"));
    }
}
