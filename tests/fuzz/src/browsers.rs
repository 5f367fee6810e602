//! What browsers send of people who sign in.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

// The binary is no library: its file is taken as it is.
#[path = "../../../crates/passant/src/cookie.rs"]
mod cookie;

const NAME: &str = "__Host-passant";

/// Lines of cookies: what is found stands there under its name, and none is taken for another.
pub(crate) fn cookie(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, line);
        }
    }
    if let Some(value) = cookie::cookie(&headers, NAME) {
        assert!(!value.contains(';') && value.trim_end() == value);
        let found = format!("{NAME}={value}");
        assert!(bytes.windows(found.len()).any(|window| window == found.as_bytes()));
    }
    headers.insert(COOKIE, HeaderValue::from_static("__Host-passant-sign-in=1; a__Host-passant=2"));
    assert_eq!(cookie::cookie(&headers, NAME), None);
}
