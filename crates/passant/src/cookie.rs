//! A cookie of ours among those that a browser sends.
//!
//! Nothing of this crate may be used here: `tests/fuzz` takes the file as it is.

use http::HeaderMap;
use http::header::COOKIE;

/// The value of the first cookie of this name, if there is one.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}
