//! The badge: an SVG with the number of visitors, for sites whose reports anybody may read.
//!
//! Invariant: it says what a stranger is answered to the same question, under the same floor, and runs nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::ToSpan;
use passant_query::{QueryState, Request};
use serde_json::{Value, json};

/// What is counted, today included.
const DAYS: i64 = 30;
/// How long browsers and proxies may show an old number.
const CACHE: &str = "public, max-age=300";
/// Width of a character, in the units of the picture: about that of the font that most systems have.
const CHARACTER_WIDTH: usize = 7;
const MARGIN: usize = 10;

/// The route.
pub(crate) fn router(state: QueryState) -> Router {
    Router::new().route("/badge/{file}", get(badge)).with_state(Arc::new(state))
}

async fn badge(State(state): State<Arc<QueryState>>, Path(file): Path<String>) -> Response {
    let Some(domain) = file.strip_suffix(".svg") else { return StatusCode::NOT_FOUND.into_response() };
    // Whoever asks is nobody: a badge is the same for all.
    let site = match state.access.site(&HeaderMap::new(), domain) {
        Ok(site) => site,
        // A site that is not public and one that is not there look the same.
        Err(_) => return StatusCode::NOT_FOUND.into_response(),
    };
    // Today among them, or the badge of a new site says 0 for a day; by dates, so that the answer is remembered.
    let today = site.time_zone.to_datetime((state.clock)()).date();
    let days = [today.saturating_sub((DAYS - 1).days()), today].map(|day| day.to_string());
    let question = json!({ "site_id": domain, "date_range": days, "metrics": ["visitors"] });
    let answered = match Request::parse(&question) {
        Ok(request) => state.answer(&request, &site).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(answer) => picture(&words(&answer["results"][0]["metrics"][0], site.privacy_floor)),
        Err(error) => error.into_response(),
    }
}

fn words(visitors: &Value, floor: u32) -> String {
    match visitors.as_u64() {
        Some(visitors) => grouped(visitors),
        None => format!("fewer than {floor}"),
    }
}

/// With a thin blank between thousands, which every language reads.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Digits and our own words: nothing of it needs escaping.
fn picture(words: &str) -> Response {
    let label = format!("visitors in {DAYS} days");
    let width = |text: &str| text.chars().count() * CHARACTER_WIDTH + 2 * MARGIN;
    let (left, right) = (width(&label), width(words));
    let whole = left + right;
    let (left_middle, right_middle) = (left / 2, left + right / 2);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" aria-label=\"{label}: {words}\">\
         <title>{label}: {words}</title>\
         <rect width=\"{left}\" height=\"20\" fill=\"#555\"/><rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"#2f6f9f\"/>\
         <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"{left_middle}\" y=\"14\">{label}</text><text x=\"{right_middle}\" y=\"14\">{words}</text></g></svg>\n"
    );
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (CACHE_CONTROL, CACHE),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        // It is there to stand in other sites' pages.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    let mut response = svg.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_a_number_or_that_it_is_small() {
        for (visitors, expected) in [
            (json!(0), "0"),
            (json!(999), "999"),
            (json!(1_000), "1\u{202f}000"),
            (json!(12_345_678), "12\u{202f}345\u{202f}678"),
            (Value::Null, "fewer than 5"),
        ] {
            assert_eq!(words(&visitors, 5), expected);
        }
    }
}
