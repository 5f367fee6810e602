//! GoatCounter's `GET /count`, which its script asks for as an image, and `POST /api/v0/count`, for servers.
//!
//! A page's host is none of its parameters. It is the one that the browser's `Referer` tells, and the site is the one
//! whose setting names the host at which the client asks, or whose domain the page's host is. Dropped: `s` and `size`
//! (the screen), `t` and `title`, `session`, `location`, `language`.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{HOST, HeaderName, HeaderValue, REFERER};
use jiff::Timestamp;
use serde_json::{Map, json};

use super::form::Form;
use super::{
    Fate, ITEMS, Item, Items, Message, Parcel, Receipt, Reply, Speaker, Visitor, check_time, header,
    is_prefetch,
};
use crate::Discard;
use crate::beacon::{Beacon, Fields, Invalid};
use crate::event::PAGEVIEW;
use crate::json::{self, Value};
use crate::page::Url;
use crate::site::NamedBy;

/// In which its script and its users look for why something is not counted.
const WHY: HeaderName = HeaderName::from_static("x-goatcounter");
/// From here on a script says that it runs in a program.
const SCRIPTED: i64 = 150;

/// One view or event, whichever way it was sent.
#[derive(Default)]
struct Hit<'a> {
    path: Option<Cow<'a, str>>,
    is_event: bool,
    referrer: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
    bot: i64,
    nonce: Option<Cow<'a, str>>,
}

pub(super) fn count<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    if is_prefetch(message.headers) {
        return Ok(Parcel::one(Item::Discarded(Discard::NotCounted), counted));
    }
    let mut form = Form::parse(message.query.as_bytes());
    let bot = form.take("b").map_or(Ok(0), |text| text.trim().parse());
    let hit = Hit {
        is_event: form.take("e").is_some_and(|text| is_true(&text)),
        path: form.take("p"),
        referrer: form.take("r"),
        query: form.take("q"),
        bot: bot.map_err(|_| Invalid::field("b", "must be a whole number"))?,
        // Made anew for each image, so that no cache answers: it tells an image that is asked for twice, too.
        nonce: form.take("rnd"),
    };
    let page = header(message.headers, &REFERER).unwrap_or_default();
    let beacon = hit.check(page, (NamedBy::GoatCounterHost, host(message)))?;
    let item =
        beacon.map_or(Item::Discarded(Discard::Bot), |beacon| Item::Beacon(beacon, Visitor::default()));
    Ok(Parcel::one(item, counted))
}

pub(super) fn hits<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    let Ok(Value::Map(entries)) = json::parse_lists(message.body) else {
        return Err(Invalid::field("request", "must be a JSON object"));
    };
    let hits = entries.into_iter().find_map(|(key, value)| match value {
        Value::List(hits) if key == "hits" => Some(hits),
        _ => None,
    });
    let hits = hits.filter(|hits| !hits.is_empty()).ok_or(Invalid::field("hits", "no hits"))?;
    if hits.len() > ITEMS {
        return Err(Invalid::field("hits", "maximum amount of pageviews in one batch is 500"));
    }
    let site = match message.sender {
        Speaker::Sender(Some(site_id)) => (NamedBy::Number, Cow::Owned(site_id.to_string())),
        Speaker::Sender(None) | Speaker::Visitor => (NamedBy::GoatCounterHost, host(message)),
    };
    let items = hits.into_iter().map(|hit| item(hit, &site, message.now)).collect();
    Ok(Parcel { items: Items::Several(items), token: None, reply: all_counted })
}

fn item<'a>(hit: Value<'a>, site: &(NamedBy, Cow<'a, str>), now: Timestamp) -> Result<Item<'a>, Invalid> {
    let Value::Map(entries) = hit else { return Err(Invalid::field("hit", "must be an object")) };
    let mut visitor = Visitor::default();
    let mut hit = Hit::default();
    let mut time = None;
    for (key, value) in entries {
        match &*key {
            "path" => hit.path = value.into_text(),
            "event" => hit.is_event = value.into_text().is_some_and(|text| is_true(&text)),
            "ref" => hit.referrer = value.into_text(),
            "query" => hit.query = value.into_text(),
            "bot" => {
                hit.bot = value.as_integer().ok_or(Invalid::field("bot", "must be a whole number"))?;
            }
            "created_at" => time = value.into_text(),
            "ip" => visitor.address = value.into_text(),
            "user_agent" => visitor.user_agent = value.into_text(),
            _ => {}
        }
    }
    let time = time.filter(|time| !time.is_empty()).map(|time| time.parse::<Timestamp>());
    check_time(time.transpose().map_err(|_| Invalid::field("created_at", "must be a time"))?, now)?;
    let beacon = hit.check("", site.clone())?;
    Ok(beacon.map_or(Item::Discarded(Discard::Bot), |beacon| Item::Beacon(beacon, visitor)))
}

impl<'a> Hit<'a> {
    /// Makes a beacon of it, for a page on the host of `referer`; none where it says that it comes from a program.
    fn check(self, referer: &str, site: (NamedBy, Cow<'a, str>)) -> Result<Option<Beacon<'a>>, Invalid> {
        if self.bot >= SCRIPTED {
            return Ok(None);
        }
        if self.bot != 0 {
            return Err(Invalid::field("b", "wrong value"));
        }
        let Some(path) = self.path.filter(|path| !path.trim().is_empty()) else {
            return Err(Invalid::field("path", "must be set"));
        };
        let page = Url::split(referer);
        let (name, path) = if self.is_event {
            (path, Cow::Owned(page.path.to_owned()))
        } else {
            (Cow::Borrowed(PAGEVIEW), path)
        };
        let fields = Fields {
            name: Some(Value::Text(name)),
            url: Some(Value::Text(Cow::Owned(url(page.host, &path, self.query.as_deref())))),
            domain: Some(Value::Text(site.1)),
            referrer: self.referrer.map(Value::Text),
            nonce: self.nonce.map(Value::Text),
            ..Fields::default()
        };
        Ok(Some(fields.check()?.named_by(site.0)))
    }
}

/// The page's URL: the host where it is known, the path, and the query, which says where a visitor came from.
fn url(host: &str, path: &str, query: Option<&str>) -> String {
    let origin = if host.is_empty() { String::new() } else { format!("https://{host}") };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let query = query.map(|query| query.trim_start_matches('?')).filter(|query| !query.is_empty());
    let sign = if path.contains('?') { '&' } else { '?' };
    let query = query.map(|query| format!("{sign}{query}")).unwrap_or_default();
    format!("{origin}{slash}{path}{query}")
}

/// The host at which the client asks, without its port.
fn host<'a>(message: &Message<'a>) -> Cow<'a, str> {
    let host = header(message.headers, &HOST).unwrap_or_default();
    let bare = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let host = bare.map_or(host, |(host, _)| host);
    // A client that names no host still asks somewhere.
    Cow::Borrowed(if host.is_empty() { "(none)" } else { host })
}

fn is_true(text: &str) -> bool {
    ["true", "1", "t", "on", "yes"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn counted(receipt: &Receipt) -> Reply {
    match receipt.discards.first() {
        None => Reply::pixel(StatusCode::OK),
        Some(reason) => Reply {
            header: why(&format!("ignored because {}", reason.as_str())),
            ..Reply::pixel(StatusCode::ACCEPTED)
        },
    }
}

pub(super) fn refuse_count(invalid: &Invalid) -> Reply {
    Reply {
        header: why(&format!("not valid: {}", invalid.to_line())),
        ..Reply::pixel(StatusCode::BAD_REQUEST)
    }
}

fn why(words: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(words).ok().map(|words| (WHY, words))
}

/// Hits that are not listed are counted, or discarded for good, and are not to be sent again.
fn all_counted(receipt: &Receipt) -> Reply {
    let mut errors = Map::new();
    for (index, fate) in receipt.fates.iter().enumerate() {
        let words = match fate {
            Fate::Invalid(invalid) => invalid.to_line(),
            Fate::Discarded(Discard::UnknownSite) => "no site".to_owned(),
            Fate::Discarded(_) | Fate::Stored => continue,
        };
        errors.insert(index.to_string(), words.into());
    }
    if errors.is_empty() {
        return Reply::json(StatusCode::ACCEPTED, &json!({ "status": "ok" }));
    }
    Reply::json(StatusCode::BAD_REQUEST, &json!({ "errors": errors }))
}

pub(super) fn refuse_hits(invalid: &Invalid) -> Reply {
    let words: Vec<_> = invalid.fields().map(|(_, message)| message).collect();
    Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": words.join("; ") }))
}
