//! Plausible's `POST /api/event`, which is our own script's format too. Its body is read by [`Beacon::parse`].

use http::StatusCode;

use super::{Item, Message, Parcel, Receipt, Reply, Visitor};
use crate::beacon::{Beacon, Invalid};

pub(super) fn read<'a>(message: &Message<'a>) -> Result<Parcel<'a>, Invalid> {
    let beacon = Beacon::parse(message.body)?;
    Ok(Parcel::one(Item::Beacon(beacon, Visitor::default()), accepted))
}

/// Its clients expect the same of a discarded event.
fn accepted(_: &Receipt) -> Reply {
    Reply::text(StatusCode::ACCEPTED, "ok")
}

pub(super) fn refuse(invalid: &Invalid) -> Reply {
    let body = invalid.to_json().into();
    Reply { status: StatusCode::BAD_REQUEST, content_type: "application/json", body, header: None }
}
