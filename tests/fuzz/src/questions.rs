//! What analysts ask, or somebody with a token who means harm.

use jiff::{Timestamp, tz::TimeZone};
use passant_query::{DateRange, Report, Request, Site, sql};
use serde_json::Value;

/// A moment in the summer of the example site.
fn now() -> Timestamp {
    Timestamp::from_second(1_781_524_800).expect("a moment")
}

/// A question's body: no value of it stands in the statement's text, only parameters carry them.
pub(crate) fn question(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    let Ok(request) = Request::parse(&body) else { return };
    let site = Site::new(7, "example.org", TimeZone::UTC);
    let Ok(report) = Report::resolve(&request, &site, now(), None) else { return };
    let statement = sql::report(&report);
    let mut given = Vec::new();
    values(body.get("filters").unwrap_or(&Value::Null), &mut given);
    for value in given.into_iter().filter(|value| value.chars().any(|c| "'`\"\\;()-".contains(c))) {
        assert!(value.len() < 3 || !statement.sql().contains(value), "{value:?} is in {}", statement.sql());
    }
}

fn values<'v>(of: &'v Value, found: &mut Vec<&'v str>) {
    match of {
        Value::String(text) => found.push(text),
        Value::Array(of) => of.iter().for_each(|of| values(of, found)),
        Value::Object(of) => of.values().for_each(|of| values(of, found)),
        _ => {}
    }
}

/// Words of a range: what is understood is a range that ends after it begins.
pub(crate) fn date_range(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, last) = text.split_once(',').unwrap_or((&text, ""));
    for range in [DateRange::parse(&text), DateRange::between(first, last)].into_iter().flatten() {
        let zone = TimeZone::get("Pacific/Apia").expect("a zone");
        if let Some(range) = range.resolve(now(), &zone, None) {
            let [from, to] = range.echo();
            assert!(!from.is_empty() && !to.is_empty());
        }
    }
}
