use axum::body::Body;
use http::{Request as HttpRequest, StatusCode};
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use passant_store::{Config, Endpoint};
use tower::ServiceExt;

use super::*;

/// One site, which one token may read.
struct OneSite;

impl Access for OneSite {
    fn site(&self, headers: &HeaderMap, domain: &str) -> Result<Site> {
        match headers.get(header::AUTHORIZATION) {
            None => Err(Error::MissingToken),
            Some(token) if token == "Bearer good" && domain == "example.org" => {
                Ok(Site::new(7, domain, TimeZone::UTC))
            }
            Some(_) => Err(Error::NotAllowed),
        }
    }
}

/// Asks a router whose store is away.
async fn answer(request: HttpRequest<Body>) -> (StatusCode, HeaderMap, Value) {
    let store = Store::new(&Endpoint::Socket("/nowhere/engine.sock".into()), Config::default());
    let clock = || "2026-06-15T12:00:00Z".parse().unwrap();
    let (rollups, live) = (Rollups::new(store.clone()), Live::default());
    let router = router(QueryState { rollups, store, access: Arc::new(OneSite), live, clock });
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
}

fn query(token: Option<&str>, body: &str) -> HttpRequest<Body> {
    let request = HttpRequest::post("/api/v2/query");
    let request = match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    request.body(Body::from(body.to_owned())).unwrap()
}

const QUESTION: &str = r#"{ "site_id": "example.org", "date_range": "7d", "metrics": ["visitors"] }"#;

#[tokio::test]
async fn refuses_whoever_brings_no_token() {
    let (status, headers, body) = answer(query(None, QUESTION)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(body, json!({ "error": "missing API key: send one as a bearer token, or sign in" }));
}

#[tokio::test]
async fn tells_a_stranger_nothing_about_which_sites_exist() {
    let existing = answer(query(Some("bad"), QUESTION)).await;
    let unknown = answer(query(Some("good"), &QUESTION.replace("example.org", "example.com"))).await;
    assert_eq!(existing.0, StatusCode::UNAUTHORIZED);
    assert_eq!((existing.0, existing.2), (unknown.0, unknown.2));
    for path in ["/api/v1/stats/realtime/visitors", "/api/v2/live"] {
        let live = HttpRequest::get(format!("{path}?site_id=example.com"));
        let live = live.header(header::AUTHORIZATION, "Bearer good").body(Body::empty()).unwrap();
        assert_eq!(answer(live).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn names_what_is_wrong_with_a_question() {
    for (body, message) in [
        ("{", "#: not JSON at line 1"),
        (r#"{ "metrics": [] }"#, "#/site_id: is missing"),
        (r#"{ "site_id": "example.org" }"#, "#/date_range: is missing"),
        (
            r#"{ "site_id": "example.org", "date_range": ["2026-02-02", "2026-02-01"], "metrics": ["visits"] }"#,
            "#/date_range: the range is empty or outside of 1970 to 2106",
        ),
        (
            r#"{ "site_id": "example.org", "date_range": "500d", "metrics": ["visits"], "dimensions": ["time:hour"] }"#,
            r##"#/dimensions/0: "time:hour" would give more than 9000 rows, expected a shorter range or wider buckets"##,
        ),
    ] {
        let (status, _, answer) = answer(query(Some("good"), body)).await;
        assert_eq!((status, answer), (StatusCode::BAD_REQUEST, json!({ "error": message })), "{body}");
    }
}

#[tokio::test]
async fn asks_to_come_back_while_the_store_is_away() {
    let (status, headers, body) = answer(query(Some("good"), QUESTION)).await;
    assert_eq!(
        (status, &headers[header::RETRY_AFTER]),
        (StatusCode::SERVICE_UNAVAILABLE, &HeaderValue::from_static("5"))
    );
    assert!(!body.to_string().contains("nowhere"), "{body}");
}
