//! Umami's `POST /api/send`, and `POST /api/batch`, which is a list of the same.
//!
//! Dropped: `id` and `vid` (names of a visitor), `screen`, `language` (the browser's header says it), `title`, `browser`,
//! `os`, `device`; `ip` and `userAgent` but from a sender with a token. `identify` and `performance` are answered and
//! not stored. The answer holds the fields that clients read, and nothing in them.

use std::borrow::Cow;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::{Fate, ITEMS, Item, Items, Message, Parcel, Receipt, Reply, Visitor, check_time};
use crate::Discard;
use crate::beacon::{Fields, Invalid};
use crate::event::PAGEVIEW;
use crate::json::{self, Value};
use crate::site::NamedBy;

/// What is told of an event: the one type that is stored.
const EVENT: &str = "event";

pub(super) fn send<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    let body = json::parse(message.body).map_err(|_| Invalid::field("request", "Expected JSON"))?;
    Ok(Parcel::one(item(body, message.now)?, sent))
}

pub(super) fn batch<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    let Ok(Value::List(items)) = json::parse_lists(message.body) else {
        return Err(Invalid::field("request", "Expected array"));
    };
    if items.len() > ITEMS {
        return Err(Invalid::field("request", "Expected at most 500 items"));
    }
    let items = items.into_iter().map(|body| item(body, message.now)).collect();
    Ok(Parcel { items: Items::Several(items), token: None, reply: batched })
}

fn item(body: Value<'_>, now: Timestamp) -> Result<Item<'_>, Invalid> {
    let Value::Map(entries) = body else { return Err(Invalid::field("request", "Expected object")) };
    let (mut kind, mut payload) = (None, None);
    for (key, value) in entries {
        match &*key {
            "type" => kind = value.into_text(),
            "payload" => payload = Some(value),
            _ => {}
        }
    }
    let Some(kind) = kind else { return Err(Invalid::field("type", "Required")) };
    let Some(Value::Map(payload)) = payload else { return Err(Invalid::field("payload", "Required")) };
    if kind != EVENT {
        return Ok(Item::Discarded(Discard::NotCounted));
    }
    event(payload, now)
}

fn event<'a>(payload: Vec<(Cow<'a, str>, Value<'a>)>, now: Timestamp) -> Result<Item<'a>, Invalid> {
    let mut visitor = Visitor::default();
    let mut fields = Fields::default();
    let (mut hostname, mut url, mut tag, mut data, mut time) = (None, None, None, None, None);
    for (key, value) in payload {
        match &*key {
            "website" => fields.domain = Some(value),
            "hostname" => hostname = value.into_text(),
            "url" => url = value.into_text(),
            "referrer" => fields.referrer = Some(value),
            "name" => fields.name = value.into_text().filter(|name| !name.trim().is_empty()).map(Value::Text),
            "data" => data = Some(value),
            "tag" => tag = Some(value),
            "timestamp" => time = value.as_integer(),
            "ip" => visitor.address = value.into_text(),
            "userAgent" => visitor.user_agent = value.into_text(),
            _ => {}
        }
    }
    if fields.domain.as_ref().is_none_or(|website| !matches!(website, Value::Text(_))) {
        return Err(Invalid::field("website", "Required"));
    }
    check_time(time.and_then(|seconds| Timestamp::from_second(seconds).ok()), now)?;
    fields.name.get_or_insert(Value::Text(Cow::Borrowed(PAGEVIEW)));
    fields.url =
        Some(Value::Text(absolute(hostname.as_deref().unwrap_or_default(), url.unwrap_or_default())));
    let data = match data {
        Some(Value::Map(data)) => data,
        Some(_) | None => Vec::new(),
    };
    (fields.props, fields.revenue) = told(data, tag);
    Ok(Item::Beacon(fields.check()?.named_by(NamedBy::UmamiWebsite), visitor))
}

/// Its clients send a path with the host beside it, or all of it. Older ones encode the path once more than it was.
fn absolute<'a>(hostname: &str, url: Cow<'a, str>) -> Cow<'a, str> {
    let url = if url.contains("%25") { Cow::Owned(url.replace("%25", "%")) } else { url };
    if hostname.is_empty() || url.contains("://") {
        return url;
    }
    let slash = if url.starts_with('/') { "" } else { "/" };
    Cow::Owned(format!("https://{hostname}{slash}{url}"))
}

type Told<'a> = (Option<Value<'a>>, Option<Value<'a>>);

/// An event's own data as properties and an amount, which Umami reads from `revenue` and `currency`.
fn told<'a>(data: Vec<(Cow<'a, str>, Value<'a>)>, tag: Option<Value<'a>>) -> Told<'a> {
    let is_money = |(key, _): &(Cow<'a, str>, Value<'a>)| key == "revenue" || key == "currency";
    let (money, mut props): (Vec<_>, Vec<_>) = data.into_iter().partition(is_money);
    props.extend(tag.map(|tag| (Cow::Borrowed("tag"), tag)));
    let name = |key: &str| if key == "revenue" { "amount" } else { "currency" };
    let money = money.into_iter().map(|(key, value)| (Cow::Borrowed(name(&key)), value)).collect();
    (Some(Value::Map(props)), Some(Value::Map(money)))
}

fn sent(receipt: &Receipt) -> Reply {
    if receipt.discards.contains(&Discard::UnknownSite) {
        return refused("Website not found.");
    }
    if receipt.discards.contains(&Discard::Bot) {
        return Reply::json(StatusCode::OK, &json!({ "beep": "boop" }));
    }
    Reply::json(StatusCode::OK, &json!({ "cache": "", "sessionId": "", "visitId": "" }))
}

fn batched(receipt: &Receipt) -> Reply {
    let mut details = Vec::new();
    for (index, fate) in receipt.fates.iter().enumerate() {
        let response = match fate {
            Fate::Invalid(invalid) => error(&invalid.to_line()),
            Fate::Discarded(Discard::UnknownSite) => error("Website not found."),
            Fate::Discarded(_) | Fate::Stored => continue,
        };
        details.push(json!({ "index": index, "response": response }));
    }
    let (size, errors) = (receipt.fates.len(), details.len());
    let body = json!({ "size": size, "processed": size - errors, "errors": errors, "details": details, "cache": "" });
    Reply::json(StatusCode::OK, &body)
}

pub(super) fn refuse(invalid: &Invalid) -> Reply {
    refused(&invalid.to_line())
}

fn refused(message: &str) -> Reply {
    Reply::json(StatusCode::BAD_REQUEST, &error(message))
}

fn error(message: &str) -> serde_json::Value {
    json!({ "error": { "message": message, "code": "bad-request", "status": 400 } })
}
