//! The event record: one JSON object a line, our import and export format (`docs/event-record.md`).
//!
//! It holds resolved attributes: an import passes below user agent parsing, country lookup and referrer cleaning, but
//! never below visits, which are always derived here. Invariant: importing an export gives the same reports.

use jiff::Timestamp;
use passant_store::StoredEvent;
use serde::{Deserialize, Serialize};

use crate::event::{ENGAGEMENT, Event, Origin, Revenue, SCROLL_DEPTH_MISSING};
use crate::{channel, currency};

/// Longest event name, in characters; the same bound as for beacons.
const NAME_LIMIT_CHARS: usize = 120;
/// Engagement longer than this is a mistake, as for beacons: 30 days.
const ENGAGEMENT_LIMIT_MS: u32 = 30 * 24 * 60 * 60 * 1000;
const DEVICES: [&str; 5] = ["", "Desktop", "Laptop", "Tablet", "Mobile"];

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// RFC 3339, UTC; whole seconds are kept.
    pub timestamp: Timestamp,
    /// An opaque key: the same key is the same person.
    pub visitor: String,
    /// `pageview`, `engagement`, or a custom name.
    pub name: String,
    /// Host of the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Path of the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pathname: String,
    /// Referring domain, or host and path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub referrer: String,
    /// Name of the source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Channel; derived when blank.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// `utm_source`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utm_source: String,
    /// `utm_medium`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utm_medium: String,
    /// `utm_campaign`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utm_campaign: String,
    /// `utm_content`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utm_content: String,
    /// `utm_term`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utm_term: String,
    /// Name of a click-id parameter, never its value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub click_id: String,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// First language tag.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Browser family.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub browser: String,
    /// Browser version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub browser_version: String,
    /// Operating system family.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os: String,
    /// Operating system version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// `Desktop`, `Laptop`, `Tablet` or `Mobile`.
    #[serde(default, alias = "screen", skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Custom properties.
    #[serde(default, with = "props", skip_serializing_if = "Vec::is_empty")]
    pub props: Vec<(String, String)>,
    /// What the event brought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<RevenueRecord>,
    /// Whether the event counts against the bounce.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub interactive: bool,
    /// Milliseconds; engagement events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub engagement_time: u32,
    /// Percent, 255 is missing; engagement events.
    #[serde(default = "missing", skip_serializing_if = "is_missing")]
    pub scroll_depth: u8,
}

/// An amount of money as text, so that no reader rounds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevenueRecord {
    /// Decimal number.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// What is wrong with a line; the importer adds its number. Never with a value of it: in a file that another product
/// wrote, any value may be somebody's address, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON object of known keys and types.
    #[error("{0}")]
    Json(String),
    /// A value makes no sense.
    #[error("{key}: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
}

/// What serde_json says, without what it quotes of the line. Its other words come from our own types.
fn without_values(error: &serde_json::Error) -> String {
    let words = error.to_string();
    // It adds "at line 1 column n": the line is ours to number.
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    let expected = || words.rsplit_once(", expected ").map(|(_, expected)| expected);
    let quotes_nothing = error.classify() != serde_json::error::Category::Data
        || ["missing field", "duplicate field"].iter().any(|start| words.starts_with(start));
    match expected() {
        _ if quotes_nothing => words.to_owned(),
        Some(expected) if words.starts_with("unknown field") => format!("unknown field, expected {expected}"),
        Some(expected) if words.starts_with("invalid ") => format!("wrong value, expected {expected}"),
        _ => format!("a value that cannot be read ends at byte {}", error.column()),
    }
}

impl EventRecord {
    /// Reads and checks one line.
    ///
    /// # Errors
    /// [`RecordError`], which names the key.
    pub fn parse(line: &[u8]) -> Result<Self, RecordError> {
        let record: Self =
            serde_json::from_slice(line).map_err(|error| RecordError::Json(without_values(&error)))?;
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), RecordError> {
        let refuse = |key, expected| Err(RecordError::Value { key, expected });
        if u32::try_from(self.timestamp.as_second()).is_err() {
            return refuse("timestamp", "a time between 1970 and 2106");
        }
        if self.visitor.is_empty() {
            return refuse("visitor", "a key, the same for the same person");
        }
        if self.name.trim().is_empty() || self.name.chars().count() > NAME_LIMIT_CHARS {
            return refuse("name", "1 to 120 characters");
        }
        let country_fits = self.country.is_empty()
            || (self.country.len() == 2
                && self.country.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'1'));
        if !country_fits {
            return refuse("country", "an ISO 3166-1 alpha-2 code such as \"DE\"");
        }
        if !DEVICES.contains(&self.device.as_str()) {
            return refuse("device", "Desktop, Laptop, Tablet or Mobile");
        }
        if self.scroll_depth > 100 && self.scroll_depth != SCROLL_DEPTH_MISSING {
            return refuse("scroll_depth", "0 to 100, or 255 for missing");
        }
        if self.engagement_time >= ENGAGEMENT_LIMIT_MS {
            return refuse("engagement_time", "milliseconds under 30 days");
        }
        if let Some(revenue) = &self.revenue {
            if currency::thousandths(&revenue.amount).is_none() {
                return refuse("revenue.amount", "a decimal number such as \"12.50\"");
            }
            if currency::code(&revenue.currency).is_none() {
                return refuse("revenue.currency", "an ISO 4217 code such as \"EUR\"");
            }
        }
        Ok(())
    }

    /// The event, with the pseudonyms that the importer made of [`EventRecord::visitor`].
    pub fn into_event(self, site_id: u32, pseudonyms: (u64, Option<u64>)) -> Event {
        let channel = if self.channel.is_empty() { channel::of_record(&self) } else { self.channel };
        let revenue = self.revenue.and_then(|revenue| {
            let thousandths = currency::thousandths(&revenue.amount)?;
            Some(Revenue { thousandths, currency: currency::code(&revenue.currency)?.to_owned() })
        });
        Event {
            site_id,
            // Checked when the line was read.
            timestamp: u32::try_from(self.timestamp.as_second()).unwrap_or_default(),
            visitor_id: pseudonyms.0,
            previous_visitor_id: pseudonyms.1,
            hostname: self.hostname,
            pathname: self.pathname,
            origin: Origin {
                referrer: self.referrer,
                source: self.source,
                channel,
                utm_source: self.utm_source,
                utm_medium: self.utm_medium,
                utm_campaign: self.utm_campaign,
                utm_content: self.utm_content,
                utm_term: self.utm_term,
                click_id: self.click_id,
                country: self.country,
                language: self.language,
                device: self.device,
                browser: self.browser,
                browser_version: self.browser_version,
                os: self.os,
                os_version: self.os_version,
            },
            interactive: self.interactive,
            engagement_time_ms: if self.name == ENGAGEMENT { self.engagement_time } else { 0 },
            scroll_depth: if self.name == ENGAGEMENT { self.scroll_depth } else { SCROLL_DEPTH_MISSING },
            name: self.name,
            props: self.props,
            revenue,
        }
    }

    /// The record of a stored event; `visitor` is the export's own key for its visitor.
    pub fn of_stored(event: StoredEvent, visitor: String) -> Self {
        let revenue = (!event.revenue_currency.is_empty()).then(|| RevenueRecord {
            amount: decimal(event.revenue_thousandths),
            currency: event.revenue_currency,
        });
        Self {
            timestamp: Timestamp::from_second(i64::from(event.timestamp)).unwrap_or_default(),
            visitor,
            name: event.name,
            hostname: event.hostname,
            pathname: event.pathname,
            referrer: event.referrer,
            source: event.source,
            channel: event.channel,
            utm_source: event.utm_source,
            utm_medium: event.utm_medium,
            utm_campaign: event.utm_campaign,
            utm_content: event.utm_content,
            utm_term: event.utm_term,
            click_id: event.click_id,
            country: event.country,
            language: event.language,
            browser: event.browser,
            browser_version: event.browser_version,
            os: event.os,
            os_version: event.os_version,
            device: event.device,
            props: event.prop_keys.into_iter().zip(event.prop_values).collect(),
            revenue,
            interactive: event.interactive,
            engagement_time: event.engagement_time_ms,
            scroll_depth: event.scroll_depth,
        }
    }
}

/// Thousandths as a decimal number with two digits, or three where they are needed.
fn decimal(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let (whole, rest) = (thousandths.unsigned_abs() / 1000, thousandths.unsigned_abs() % 1000);
    if rest.is_multiple_of(10) {
        format!("{sign}{whole}.{:02}", rest / 10)
    } else {
        format!("{sign}{whole}.{rest:03}")
    }
}

fn yes() -> bool {
    true
}

fn missing() -> u8 {
    SCROLL_DEPTH_MISSING
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_missing(value: &u8) -> bool {
    *value == SCROLL_DEPTH_MISSING
}

/// Properties as a JSON object whose order is kept.
mod props {
    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        props: &[(String, String)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(props.iter().map(|(key, value)| (key, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, String)>, D::Error> {
        struct Props;
        impl<'de> Visitor<'de> for Props {
            type Value = Vec<(String, String)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut props = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    props.push(entry);
                }
                Ok(props)
            }
        }
        deserializer.deserialize_map(Props)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_least_line_there_is() {
        let line = br#"{"timestamp":"2026-11-23T10:00:00Z","visitor":"a","name":"pageview"}"#;
        let record = EventRecord::parse(line).expect("valid");
        assert!(record.interactive);
        assert_eq!(record.scroll_depth, SCROLL_DEPTH_MISSING);
        assert_eq!(serde_json::to_vec(&record).expect("writes"), line);
    }

    #[test]
    fn names_the_key_that_is_wrong() {
        let with = |extra: &str| {
            format!(r#"{{"timestamp":"2026-11-23T10:00:00Z","visitor":"a","name":"p"{extra}}}"#)
        };
        for (extra, words) in [
            (r#","country":"Germany""#, "country: expected an ISO 3166-1 alpha-2 code such as \"DE\""),
            (r#","device":"Watch""#, "device: expected Desktop, Laptop, Tablet or Mobile"),
            (r#","scroll_depth":101"#, "scroll_depth: expected 0 to 100, or 255 for missing"),
            (
                r#","revenue":{"amount":"1,5","currency":"EUR"}"#,
                "revenue.amount: expected a decimal number such as \"12.50\"",
            ),
        ] {
            let error = EventRecord::parse(with(extra).as_bytes()).expect_err(extra);
            assert_eq!(error.to_string(), words);
        }
        let error = EventRecord::parse(with(r#","city":"Bonn""#).as_bytes()).expect_err("unknown key");
        assert!(error.to_string().starts_with("unknown field, expected one of `timestamp`"), "{error}");
        assert!(EventRecord::parse(b"not json").is_err());
    }

    #[test]
    fn says_no_value_of_a_line_that_is_wrong() {
        for (extra, words) in [
            (r#","props":"SECRET""#, "wrong value, expected an object of strings"),
            (r#","scroll_depth":"SECRET, expected SECRET""#, "wrong value, expected u8"),
            (r#","SECRET":1"#, "unknown field, expected one of"),
            (r#","hostname":["SECRET"]"#, "wrong value, expected a string"),
            (r#","pathname":SECRET"#, "expected value"),
            (r#","device":"SECRET""#, "device: expected"),
            (r#","name":"SECRET""#, "duplicate field `name`"),
        ] {
            let line = format!(r#"{{"timestamp":"2026-11-23T10:00:00Z","visitor":"a","name":"p"{extra}}}"#);
            let said = EventRecord::parse(line.as_bytes()).expect_err(extra).to_string();
            assert!(said.starts_with(words) && !said.contains("SECRET"), "{extra}: {said}");
        }
        let line = br#"{"timestamp":"SECRET","visitor":"a","name":"p"}"#;
        let said = EventRecord::parse(line).expect_err("no time").to_string();
        assert!(
            said.starts_with("a value that cannot be read ends at byte") && !said.contains("SECRET"),
            "{said}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>, text in ".{0,200}") {
            let _ = EventRecord::parse(&line);
            let _ = EventRecord::parse(text.as_bytes());
            let dressed = serde_json::json!({
                "timestamp": "2026-11-23T10:00:00Z", "visitor": text, "name": text, "country": text, "device": text,
                "revenue": {"amount": text, "currency": text},
            });
            if let Ok(record) = EventRecord::parse(dressed.to_string().as_bytes()) {
                let again = serde_json::to_vec(&record).expect("writes");
                proptest::prop_assert_eq!(EventRecord::parse(&again), Ok(record));
            }
        }
    }

    #[test]
    fn writes_money_without_rounding() {
        for (thousandths, text) in [(12_500, "12.50"), (-5, "-0.005"), (0, "0.00"), (1_234, "1.234")] {
            assert_eq!(decimal(thousandths), text);
            assert_eq!(currency::thousandths(text), Some(thousandths));
        }
    }
}
