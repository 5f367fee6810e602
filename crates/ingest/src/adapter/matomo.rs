//! Matomo's `matomo.php`, once `piwik.php`: parameters in the URL or in a form, or several requests at once as JSON.
//!
//! Dropped: `_id`, `uid`, `cid` and every other name of a visitor, `res` and the plugins, `lat`, `long`, `city`,
//! `region`, `country`, titles, custom variables, order numbers and baskets; `cip`, `ua` and `lang` but from a sender with
//! a token. Heartbeats, content and media tracking are answered and not stored.

use std::borrow::Cow;

use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use super::form::Form;
use super::{Fate, ITEMS, Item, Items, Message, Parcel, Receipt, Reply, Visitor, check_time};
use crate::Discard;
use crate::beacon::{Fields, Invalid};
use crate::currency;
use crate::event::{PAGEVIEW, Revenue};
use crate::json::{self, Value};
use crate::site::NamedBy;

/// Requests that are no event of a page.
const NOT_COUNTED: &[&str] = &["ping", "c_n", "c_p", "c_i", "c_t", "ma_id", "cra", "hsr_ev"];

type Props<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

pub(super) fn read<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    if message.body.trim_ascii_start().starts_with(b"{") {
        return several(message);
    }
    let mut form = Form::parse(message.query.as_bytes()).and(Form::parse(message.body));
    let token = form.take("token_auth");
    let silent = form.take("send_image").is_some_and(|image| image == "0");
    let item = item(form, message.now)?;
    Ok(Parcel { items: Items::One(item), token, reply: if silent { nothing } else { image } })
}

/// What its clients have gathered: a list of queries, or of their parameters.
fn several<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    let Ok(Value::Map(entries)) = json::parse_lists(message.body) else {
        return Err(Invalid::field("requests", "should be JSON"));
    };
    let (mut requests, mut token) = (None, None);
    for (key, value) in entries {
        match (&*key, value) {
            ("requests", Value::List(list)) => requests = Some(list),
            ("token_auth", value) => token = value.into_text(),
            _ => {}
        }
    }
    let Some(requests) = requests else { return Err(Invalid::field("requests", "should be a list")) };
    if requests.len() > ITEMS {
        return Err(Invalid::field("requests", "should be at most 500"));
    }
    let items = requests.into_iter().map(|request| {
        let mut form = form(request)?;
        // Some clients say it with each request; it is the same one who sends them all.
        token = token.take().or_else(|| form.take("token_auth"));
        item(form, message.now)
    });
    let items = items.collect();
    Ok(Parcel { items: Items::Several(items), token, reply: tracked })
}

fn form(request: Value<'_>) -> Result<Form<'_>, Invalid> {
    match request {
        Value::Text(query) => {
            let query = query.split_once('?').map_or(&*query, |(_, query)| query);
            Ok(Form::parse(query.as_bytes()).into_owned())
        }
        Value::Map(entries) => {
            let text =
                |(key, value): (_, Value<'_>)| Some((key, Cow::Owned(value.into_text()?.into_owned())));
            Ok(entries.into_iter().filter_map(text).collect())
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::List(_) => {
            Err(Invalid::field("request", "should be a query"))
        }
    }
}

fn item(mut form: Form<'_>, now: Timestamp) -> Result<Item<'_>, Invalid> {
    if form.take("rec").as_deref() != Some("1") {
        return Err(Invalid::field("rec", "should be 1"));
    }
    let Some(site) = form.take("idsite") else { return Err(Invalid::field("idsite", "is required")) };
    if NOT_COUNTED.iter().any(|name| form.has(name)) {
        return Ok(Item::Discarded(Discard::NotCounted));
    }
    check_time(form.take("cdt").and_then(|text| instant(&text)), now)?;
    let visitor =
        Visitor { address: form.take("cip"), user_agent: form.take("ua"), language: form.take("lang") };
    let amount = form.take("revenue");
    let (url, referrer) = (form.take("url"), form.take("urlref"));
    let Some((name, mut props)) = event(&mut form) else {
        return Ok(Item::Discarded(Discard::NotCounted));
    };
    let dimension = |name: &str| name.strip_prefix("dimension").is_some_and(|n| n.parse::<u16>().is_ok());
    let dimensions = form.iter().filter(|(name, value)| dimension(name) && !value.is_empty());
    props.extend(
        dimensions
            .map(|(name, value)| (Cow::Owned(name.to_owned()), Value::Text(Cow::Owned(value.to_owned())))),
    );
    let revenue = (name != PAGEVIEW).then(|| amount.as_deref().and_then(money)).flatten();
    let fields = Fields {
        name: Some(Value::Text(name)),
        url: url.map(Value::Text),
        domain: Some(Value::Text(site)),
        referrer: referrer.map(Value::Text),
        props: Some(Value::Map(props)),
        ..Fields::default()
    };
    let mut beacon = fields.check()?.named_by(NamedBy::MatomoSite);
    beacon.revenue = revenue;
    Ok(Item::Beacon(beacon, visitor))
}

/// What happened, under the name that our own script gives to the same, and what is said of it. Nothing for a change of
/// a basket and for what only Matomo's plugins understand.
fn event<'a>(form: &mut Form<'a>) -> Option<(Cow<'a, str>, Props<'a>)> {
    let mut props = Props::new();
    let mut prop = |name: &'static str, value: Option<Cow<'a, str>>| {
        props.extend(value.map(|value| (Cow::Borrowed(name), Value::Text(value))));
    };
    let name = if let Some(category) = form.take("e_c") {
        prop("name", form.take("e_n"));
        prop("value", form.take("e_v"));
        match form.take("e_a") {
            Some(action) => Cow::Owned(format!("{category}: {action}")),
            None => category,
        }
    } else if let Some(goal) = form.take("idgoal") {
        match &*goal {
            // An order has a number, a basket has none.
            "0" => {
                form.take("ec_id")?;
                Cow::Borrowed("Order")
            }
            _ => Cow::Owned(format!("Goal {goal}")),
        }
    } else if let Some(link) = form.take("link") {
        prop("url", Some(without_query(link)));
        Cow::Borrowed("Outbound Link: Click")
    } else if let Some(file) = form.take("download") {
        prop("url", Some(without_query(file)));
        Cow::Borrowed("File Download")
    } else if let Some(words) = form.take("search") {
        prop("search_term", Some(words));
        prop("category", form.take("search_cat"));
        prop("results", form.take("search_count"));
        Cow::Borrowed("Site Search")
    } else if form.has("ca") {
        // An action of a plugin of Matomo's.
        return None;
    } else {
        Cow::Borrowed(PAGEVIEW)
    };
    Some((name, props))
}

/// Links carry secrets where pages do.
fn without_query(url: Cow<'_, str>) -> Cow<'_, str> {
    match url.find(['?', '#']) {
        Some(end) => Cow::Owned(url[..end].to_owned()),
        None => url,
    }
}

/// An amount without a currency, which is the site's.
fn money(text: &str) -> Option<Revenue> {
    let thousandths = currency::thousandths(text.trim())?;
    (thousandths != 0).then(|| Revenue { thousandths, currency: String::new() })
}

/// `2026-11-25 13:00:00` in UTC, or seconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.trim().parse() {
        return Timestamp::from_second(seconds).ok();
    }
    let time: DateTime = text.trim().parse().ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

fn image(receipt: &Receipt) -> Reply {
    answered(receipt, Reply::pixel(StatusCode::OK))
}

fn nothing(receipt: &Receipt) -> Reply {
    answered(receipt, Reply::text(StatusCode::NO_CONTENT, ""))
}

fn answered(receipt: &Receipt, reply: Reply) -> Reply {
    if receipt.discards.contains(&Discard::UnknownSite) {
        return refused("idsite: no such site");
    }
    reply
}

fn tracked(receipt: &Receipt) -> Reply {
    let is_bad = |fate: &Fate| match fate {
        Fate::Invalid(_) | Fate::Discarded(Discard::UnknownSite) => true,
        Fate::Discarded(_) | Fate::Stored => false,
    };
    let indices = receipt.fates.iter().enumerate().filter(|(_, fate)| is_bad(fate)).map(|(index, _)| index);
    let indices: Vec<_> = indices.collect();
    let tracked = receipt.fates.len() - indices.len();
    let body = json!({
        "status": "success", "tracked": tracked, "invalid": indices.len(), "invalid_indices": indices,
    });
    Reply::json(StatusCode::OK, &body)
}

pub(super) fn refuse(invalid: &Invalid) -> Reply {
    refused(&invalid.to_line())
}

fn refused(words: &str) -> Reply {
    let body = words.to_owned().into();
    Reply { status: StatusCode::BAD_REQUEST, content_type: "text/plain", body, header: None }
}
