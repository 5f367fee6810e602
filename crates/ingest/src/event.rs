//! An anonymous event, as the pipeline leaves it and the spool keeps it.
//!
//! Nothing in it can name a visitor: the address ended in `anonymize`, the user agent in `user_agent`. A change of
//! shape is a new [`FORMAT_VERSION`]; readers keep understanding the older ones or refuse, never guess.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// First byte of each frame in the spool.
pub const FORMAT_VERSION: u8 = 1;

/// Name of the event that a page load sends.
pub const PAGEVIEW: &str = "pageview";
/// Name of the event that tells how long a page was seen and how far it was scrolled.
pub const ENGAGEMENT: &str = "engagement";
/// The scroll depth of an event that tells none.
pub const SCROLL_DEPTH_MISSING: u8 = 255;

/// One accepted, anonymous event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The site, as numbered in the control data.
    pub site_id: u32,
    /// When the beacon arrived: seconds since 1970, UTC.
    pub timestamp: u32,
    /// Pseudonym under the key of the site-local date of `timestamp`.
    pub visitor_id: u64,
    /// Pseudonym under the key of the date before, during the first 30 minutes of a site-local day: a visit that was
    /// open at midnight goes on under it.
    pub previous_visitor_id: Option<u64>,
    /// `pageview`, `engagement`, or a custom name.
    pub name: String,
    /// Host of the page, without `www.`.
    pub hostname: String,
    /// Path of the page, identifiers replaced.
    pub pathname: String,
    /// Where the visitor came from, and on what.
    pub origin: Origin,
    /// Whether the event counts against the bounce (pageviews always do).
    pub interactive: bool,
    /// Engagement events: milliseconds the page was visible since the last one.
    pub engagement_time_ms: u32,
    /// Engagement events: greatest depth in percent; [`SCROLL_DEPTH_MISSING`] where there is none.
    pub scroll_depth: u8,
    /// Custom properties, in the order they were sent.
    pub props: Vec<(String, String)>,
    /// Revenue, if any.
    pub revenue: Option<Revenue>,
}

/// Attributes that a visit takes from its first event; blank where unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Referring domain (host and path where the site chose so).
    pub referrer: String,
    /// Name of the source; blank is direct.
    pub source: String,
    /// Channel of the source.
    pub channel: String,
    /// `utm_source`.
    pub utm_source: String,
    /// `utm_medium`.
    pub utm_medium: String,
    /// `utm_campaign`.
    pub utm_campaign: String,
    /// `utm_content`.
    pub utm_content: String,
    /// `utm_term`.
    pub utm_term: String,
    /// Name of the click-id parameter that was present, never its value.
    pub click_id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// First language tag.
    pub language: String,
    /// `Desktop`, `Laptop`, `Tablet` or `Mobile`.
    pub device: String,
    /// Browser family.
    pub browser: String,
    /// Browser version.
    pub browser_version: String,
    /// Operating system family.
    pub os: String,
    /// Operating system version.
    pub os_version: String,
}

/// Money that an event brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revenue {
    /// Amount in thousandths of the currency's unit.
    pub thousandths: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// Writes an event as the payload of one spool frame: [`FORMAT_VERSION`], then postcard.
pub fn encode(event: &Event) -> Bytes {
    let mut payload = Vec::with_capacity(256);
    payload.push(FORMAT_VERSION);
    let payload = postcard::to_extend(event, payload)
        .expect("a Vec grows without end and each field of an event has a known length");
    Bytes::from(payload)
}

/// Reads the payload of one spool frame.
///
/// # Errors
/// [`DecodeError`] when another version wrote the frame, or when it does not hold an event.
pub fn decode(payload: &[u8]) -> Result<Event, DecodeError> {
    match payload.split_first() {
        Some((&FORMAT_VERSION, event)) => postcard::from_bytes(event).map_err(|_| DecodeError::Malformed),
        Some((&version, _)) => Err(DecodeError::Version(version)),
        None => Err(DecodeError::Malformed),
    }
}

/// Why a frame is no event to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A version of the record that this build does not know: keep the frame for the build that does.
    #[error("event record of version {0}, expected version {FORMAT_VERSION}")]
    Version(u8),
    /// The checksum was right and the content is not: the frame was never an event.
    #[error("a frame that holds no event record")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_the_spool() {
        let event = Event {
            site_id: 7,
            timestamp: 1_795_000_000,
            visitor_id: u64::MAX,
            previous_visitor_id: Some(3),
            name: PAGEVIEW.into(),
            props: vec![("plan".into(), "größer".into())],
            revenue: Some(Revenue { thousandths: -1500, currency: "EUR".into() }),
            scroll_depth: SCROLL_DEPTH_MISSING,
            ..Event::default()
        };
        assert_eq!(decode(&encode(&event)), Ok(event));
    }

    #[test]
    fn a_newer_record_is_named_not_guessed() {
        let mut payload = encode(&Event::default()).to_vec();
        payload[0] = 9;
        assert_eq!(decode(&payload), Err(DecodeError::Version(9)));
        assert_eq!(decode(&[]), Err(DecodeError::Malformed));
        assert_eq!(decode(&[FORMAT_VERSION, 0xff]), Err(DecodeError::Malformed));
    }
}
