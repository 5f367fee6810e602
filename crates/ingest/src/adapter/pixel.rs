//! Our own `GET /p.gif`, for pages that run no script: `<noscript><img src="…/p.gif?d=example.com">`.
//!
//! The page is what `u` says, or else the `Referer` header, of which browsers send other origins the host alone unless
//! the image has `referrerpolicy="no-referrer-when-downgrade"`.

use std::borrow::Cow;

use http::StatusCode;
use http::header::REFERER;

use super::form::Form;
use super::{Item, Message, Parcel, Receipt, Reply, Visitor, header, is_prefetch};
use crate::Discard;
use crate::beacon::{Fields, Invalid};
use crate::event::PAGEVIEW;
use crate::json::Value;

pub(super) fn read<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    if is_prefetch(message.headers) {
        return Ok(Parcel::one(Item::Discarded(Discard::NotCounted), accepted));
    }
    let mut form = Form::parse(message.query.as_bytes());
    let page = form.take("u").or_else(|| header(message.headers, &REFERER).map(Cow::Borrowed));
    let fields = Fields {
        name: Some(Value::Text(form.take("n").unwrap_or(Cow::Borrowed(PAGEVIEW)))),
        url: page.map(Value::Text),
        domain: form.take("d").map(Value::Text),
        referrer: form.take("r").map(Value::Text),
        ..Fields::default()
    };
    Ok(Parcel::one(Item::Beacon(fields.check()?, Visitor::default()), accepted))
}

fn accepted(_: &Receipt) -> Reply {
    Reply::pixel(StatusCode::OK)
}

/// Nobody reads the body of an image that is none, but who looks for the fault does.
pub(super) fn refuse(invalid: &Invalid) -> Reply {
    let body = invalid.to_line().into();
    Reply { status: StatusCode::BAD_REQUEST, content_type: "text/plain", body, header: None }
}
