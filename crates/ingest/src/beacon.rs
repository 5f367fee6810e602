//! What a tracker sent, read once into a type that cannot be wrong: the wire format of Plausible's `/api/event`, and the
//! checks that each other format passes too.
//!
//! The strings are borrowed from the body where it has no escapes, because each event passes here. Nothing that stands
//! in a body may make this panic, and no rule of a site may be asked here.

use std::borrow::Cow;

use crate::currency;
use crate::event::{ENGAGEMENT, Revenue, SCROLL_DEPTH_MISSING};
use crate::json::{self, Value};
use crate::site::NamedBy;

/// Longest name of an event, in characters.
const NAME_CHARACTERS: usize = 120;
/// Longest URL of a page.
const URL_BYTES: usize = 2000;
/// What is kept of a referrer, in characters.
const REFERRER_CHARACTERS: usize = 2000;
/// Properties that are kept.
const PROPS: usize = 30;
/// Longest key of a property.
const PROP_KEY_BYTES: usize = 300;
/// Longest value of a property.
const PROP_VALUE_BYTES: usize = 2000;
/// One beacon may name this many sites; more would make a small body a large write.
const SITES: usize = 50;
/// Longest nonce; a longer one is none.
const NONCE_BYTES: usize = 32;
/// An engagement time from here on is a clock that jumped.
const ENGAGEMENT_LIMIT_MS: i64 = 30 * 24 * 3600 * 1000;

/// One beacon, valid as far as a beacon can be without knowing the sites.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon<'a> {
    /// Name of the event, not blank.
    pub name: Cow<'a, str>,
    /// Address of the page.
    pub url: Cow<'a, str>,
    /// The referrer as the browser gave it; blank without one.
    pub referrer: Cow<'a, str>,
    /// Custom properties in the order in which they were sent, no key twice.
    pub props: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Money that the event brought.
    pub revenue: Option<Revenue>,
    /// Whether the event counts against the bounce.
    pub interactive: bool,
    /// What becomes of the URL's fragment.
    pub fragment: Fragment,
    /// Engagement events: milliseconds the page was visible.
    pub engagement_time_ms: u32,
    /// Engagement events: greatest depth in percent; 255 is missing.
    pub scroll_depth: u8,
    /// Tells this event of one page load from all others, so that it is known when it is sent again.
    pub nonce: Option<Cow<'a, str>>,
    /// By what it names its sites.
    pub named_by: NamedBy,
    domains: Cow<'a, str>,
}

/// What becomes of a URL's fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// It is dropped.
    Dropped,
    /// It tells the page, so it goes on as a part of the path.
    InPath,
}

/// What is wrong with a beacon, by field, as clients read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalid(Vec<(&'static str, &'static str)>);

impl<'a> Beacon<'a> {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Invalid`] names each field that cannot be used.
    pub fn parse(body: &'a [u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        match json::parse(body) {
            Ok(Value::Map(entries)) => entries.into_iter().for_each(|(key, value)| fields.put(&key, value)),
            Ok(_) | Err(_) => {
                return Err(Invalid(vec![("request", "Unable to parse request body as json")]));
            }
        }
        fields.check()
    }

    /// The same, with its sites named by something else than their domains.
    pub(crate) fn named_by(self, named_by: NamedBy) -> Self {
        Self { named_by, ..self }
    }

    /// The sites that the beacon names, in the terms of `named_by`; the host of the page where it names none.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.split(',').map(str::trim).filter(|domain| !domain.is_empty())
    }
}

impl Invalid {
    /// One field, and what is wrong with it.
    pub(crate) fn field(name: &'static str, message: &'static str) -> Self {
        Self(vec![(name, message)])
    }

    /// Each field, and what is wrong with it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().copied()
    }

    /// In one line, for formats that have no place for more.
    pub(crate) fn to_line(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(field, message)| format!("{field}: {message}")).collect();
        fields.join("; ")
    }

    /// The body of the answer: `{"errors":{field:[message, …]}}`.
    pub fn to_json(&self) -> String {
        let mut errors = serde_json::Map::new();
        for (field, message) in &self.0 {
            errors.insert((*field).to_owned(), serde_json::json!([message]));
        }
        serde_json::json!({ "errors": errors }).to_string()
    }
}

/// What a beacon says, unchecked.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) name: Option<Value<'a>>,
    pub(crate) url: Option<Value<'a>>,
    pub(crate) domain: Option<Value<'a>>,
    pub(crate) referrer: Option<Value<'a>>,
    pub(crate) props: Option<Value<'a>>,
    pub(crate) revenue: Option<Value<'a>>,
    pub(crate) interactive: Option<Value<'a>>,
    pub(crate) hash_mode: Option<Value<'a>>,
    pub(crate) scroll_depth: Option<Value<'a>>,
    pub(crate) engagement_time: Option<Value<'a>>,
    pub(crate) nonce: Option<Value<'a>>,
}

impl<'a> Fields<'a> {
    /// Under the names that trackers of all ages use.
    fn put(&mut self, key: &str, value: Value<'a>) {
        let field = match key {
            "n" | "name" => &mut self.name,
            "u" | "url" => &mut self.url,
            "d" | "domain" => &mut self.domain,
            "r" | "referrer" => &mut self.referrer,
            "p" | "props" | "m" | "meta" => &mut self.props,
            "$" | "revenue" => &mut self.revenue,
            "i" | "interactive" => &mut self.interactive,
            "h" | "hashMode" => &mut self.hash_mode,
            "sd" => &mut self.scroll_depth,
            "e" => &mut self.engagement_time,
            "k" => &mut self.nonce,
            // `v`, the version of the script, tells us nothing; neither does what later trackers may add.
            _ => return,
        };
        // Under a short and a long name at once, the one that says something wins.
        if !matches!(value, Value::Null) {
            *field = Some(value);
        }
    }

    /// Makes a beacon of it that names its sites by their domains.
    ///
    /// # Errors
    /// [`Invalid`] names each field that cannot be used.
    pub(crate) fn check(self) -> Result<Beacon<'a>, Invalid> {
        let mut invalid = Invalid::default();
        let mut refuse = |field, message| invalid.0.push((field, message));

        let name = match self.name.and_then(Value::into_text) {
            Some(name) if name.trim().is_empty() => Err("can't be blank"),
            Some(name) if name.chars().nth(NAME_CHARACTERS).is_some() => {
                Err("should be at most 120 character(s)")
            }
            Some(name) => Ok(name),
            None => Err("can't be blank"),
        };
        let url = match self.url {
            Some(Value::Text(url)) if url.len() > URL_BYTES || has_scheme(&url, "data") => {
                Err("must be a valid url")
            }
            Some(Value::Text(url)) => Ok(url),
            Some(_) => Err("must be a valid url"),
            None => Err("is required"),
        };
        let domains = match self.domain {
            Some(Value::Text(list)) => Some(list),
            Some(_) | None => match &url {
                Ok(url) => crate::page::host(url).map(Cow::Owned),
                Err(_) => None,
            },
        };
        let named =
            domains.as_deref().map_or(0, |list| list.split(',').filter(|d| !d.trim().is_empty()).count());
        match named {
            0 => refuse("domain", "can't be blank"),
            1..=SITES => {}
            _ => refuse("domain", "should name at most 50 sites"),
        }
        let props = props(self.props);
        if let Err(message) = props {
            refuse("props", message);
        }
        let engagement_time = self.engagement_time.as_ref().and_then(Value::as_integer).filter(|ms| *ms >= 0);
        let scroll_depth =
            self.scroll_depth.as_ref().and_then(Value::as_integer).filter(|percent| *percent >= 0);
        if let Err(message) = name {
            refuse("event_name", message);
        }
        if let Err(message) = url {
            refuse("url", message);
        }
        let engages = matches!(&name, Ok(name) if name == ENGAGEMENT);
        if engages && engagement_time.is_none() && scroll_depth.is_none() {
            refuse("engagement_time", "one of 'sd' and 'e' should be a non-negative integer");
        }
        let (Ok(name), Ok(url), Ok(props), Some(domains), true) =
            (name, url, props, domains, invalid.0.is_empty())
        else {
            return Err(invalid);
        };
        let engagement_time = engagement_time.filter(|ms| engages && *ms < ENGAGEMENT_LIMIT_MS).unwrap_or(0);
        Ok(Beacon {
            name,
            url,
            referrer: self.referrer.map_or(Cow::Borrowed(""), referrer),
            props,
            revenue: self.revenue.and_then(revenue),
            interactive: !matches!(self.interactive, Some(Value::Bool(false))),
            fragment: match self.hash_mode {
                Some(Value::Integer(1) | Value::Bool(true)) => Fragment::InPath,
                _ => Fragment::Dropped,
            },
            engagement_time_ms: u32::try_from(engagement_time).unwrap_or(0),
            scroll_depth: match scroll_depth {
                Some(percent) if engages => u8::try_from(percent.min(100)).unwrap_or(100),
                _ => SCROLL_DEPTH_MISSING,
            },
            nonce: self.nonce.and_then(nonce),
            named_by: NamedBy::Domain,
            domains,
        })
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.trim_start().split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme))
}

/// A nonce that cannot be one is left out: the event is as good without it.
fn nonce(value: Value<'_>) -> Option<Cow<'_, str>> {
    let Value::Text(text) = value else { return None };
    (1..=NONCE_BYTES).contains(&text.len()).then_some(text)
}

fn referrer(value: Value<'_>) -> Cow<'_, str> {
    let Value::Text(text) = value else { return Cow::Borrowed("") };
    match text.char_indices().nth(REFERRER_CHARACTERS) {
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
        None => text,
    }
}

type Props<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads an object, or an object written as a string as old trackers do. Lists, objects and blanks are left out.
fn props(value: Option<Value<'_>>) -> Result<Props<'_>, &'static str> {
    let Some(Value::Map(entries)) = value.map(Value::unquoted) else { return Ok(Vec::new()) };
    let mut kept = Props::new();
    for (key, value) in entries {
        let Some(value) = value.into_text().filter(|text| !text.trim().is_empty()) else { continue };
        if key.trim().is_empty() {
            continue;
        }
        if key.len() > PROP_KEY_BYTES || value.len() > PROP_VALUE_BYTES {
            return Err("keys should have at most 300 bytes and values 2000 bytes");
        }
        if let Some((_, known)) = kept.iter_mut().find(|(known, _)| *known == key) {
            *known = value;
        } else if kept.len() < PROPS {
            kept.push((key, value));
        }
    }
    Ok(kept)
}

/// Reads `{amount, currency}`; anything that is no amount of money is left out, and the event stays.
fn revenue(value: Value<'_>) -> Option<Revenue> {
    let Value::Map(entries) = value.unquoted() else { return None };
    let (mut amount, mut code) = (None, None);
    for (key, value) in entries {
        match &*key {
            "amount" => amount = value.into_text(),
            "currency" => code = value.into_text(),
            _ => {}
        }
    }
    let currency = currency::code(code?.trim())?;
    Some(Revenue { thousandths: currency::thousandths(amount?.trim())?, currency: currency.to_owned() })
}

#[cfg(test)]
mod tests;
