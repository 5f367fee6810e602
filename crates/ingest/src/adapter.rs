//! The formats that beacons come in: one row each, with where it is sent, who reads it, and how a refusal is told.
//!
//! Invariant: an adapter turns bytes into [`Beacon`]s, and what became of them into the words of its protocol. Every
//! stage after that is shared: limits, objections, discards, the spool, the counts. What a format carries to know a
//! visitor again has no field in a [`Beacon`] and ends here: it is not read, not hashed, not kept.

mod form;
mod goatcounter;
mod matomo;
mod pixel;
mod plausible;
mod umami;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use crate::Discard;
use crate::beacon::{Beacon, Invalid};
use crate::metrics::Route;

/// Most beacons that one request may carry.
pub(crate) const ITEMS: usize = 500;
/// An event is counted when it arrives. One that claims to be older than this would be counted at a wrong time.
const LATE_BY: Duration = Duration::from_secs(3600);
/// The least that a browser takes for an image: one transparent pixel.
const PIXEL: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
                           \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// One format.
pub(crate) struct Adapter {
    /// Under what its requests are counted.
    pub(crate) route: Route,
    /// Where it is sent.
    pub(crate) paths: &'static [&'static str],
    /// How.
    pub(crate) methods: &'static [Method],
    /// Which kinds of body are read.
    pub(crate) types: Types,
    /// From whom.
    pub(crate) admits: Admits,
    /// Reads a request.
    pub(crate) read: for<'a> fn(&Message<'a>) -> Result<Parcel<'a>, Invalid>,
    /// Says what cannot be read.
    pub(crate) refuse: fn(&Invalid) -> Reply,
}

/// Every format: adding one is a file and a row here.
pub(crate) const ADAPTERS: &[Adapter] = &[
    Adapter {
        route: Route::Event,
        paths: &["/api/event"],
        methods: &[Method::POST],
        types: Types::JsonOrText,
        admits: Admits::Anyone,
        read: plausible::read,
        refuse: plausible::refuse,
    },
    Adapter {
        route: Route::Pixel,
        paths: &["/p.gif"],
        methods: &[Method::GET],
        types: Types::Any,
        admits: Admits::Anyone,
        read: pixel::read,
        refuse: pixel::refuse,
    },
    Adapter {
        route: Route::Umami,
        paths: &["/api/send"],
        methods: &[Method::POST],
        types: Types::Any,
        admits: Admits::Anyone,
        read: umami::send,
        refuse: umami::refuse,
    },
    Adapter {
        route: Route::Umami,
        paths: &["/api/batch"],
        methods: &[Method::POST],
        types: Types::Any,
        admits: Admits::Anyone,
        read: umami::batch,
        refuse: umami::refuse,
    },
    Adapter {
        route: Route::GoatCounter,
        paths: &["/count"],
        methods: &[Method::GET],
        types: Types::Any,
        admits: Admits::Anyone,
        read: goatcounter::count,
        refuse: goatcounter::refuse_count,
    },
    Adapter {
        route: Route::GoatCounter,
        paths: &["/api/v0/count"],
        methods: &[Method::POST],
        types: Types::Any,
        admits: Admits::Senders,
        read: goatcounter::hits,
        refuse: goatcounter::refuse_hits,
    },
    Adapter {
        route: Route::Matomo,
        paths: &["/matomo.php", "/piwik.php"],
        methods: &[Method::GET, Method::POST],
        types: Types::Any,
        admits: Admits::Anyone,
        read: matomo::read,
        refuse: matomo::refuse,
    },
];

/// The format that is sent there.
pub(crate) fn adapter(path: &str) -> Option<&'static Adapter> {
    ADAPTERS.iter().find(|adapter| adapter.paths.contains(&path))
}

/// Which kinds of body are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Types {
    /// JSON under its own name or as plain text.
    JsonOrText,
    /// Whatever it is called.
    Any,
}

/// From whom beacons are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admits {
    Anyone,
    /// Those who have a token.
    Senders,
}

/// A request, as far as a format may look at it.
pub(crate) struct Message<'a> {
    /// What stands after the `?`; blank without.
    pub(crate) query: &'a str,
    /// The body; blank for `GET`.
    pub(crate) body: &'a [u8],
    /// The head.
    pub(crate) headers: &'a HeaderMap,
    /// Whether a token came with it, and for which site.
    pub(crate) sender: Speaker,
    /// When it arrived.
    pub(crate) now: Timestamp,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// A visitor's browser, or whoever says to be one.
    Visitor,
    /// A server that may speak for visitors of one site, or of all.
    Sender(Option<u32>),
}

/// What a request holds.
pub(crate) struct Parcel<'a> {
    pub(crate) items: Items<'a>,
    /// A token that came with the parameters instead of a header.
    pub(crate) token: Option<Cow<'a, str>>,
    /// Says what became of it.
    pub(crate) reply: fn(&Receipt) -> Reply,
}

/// One beacon or several.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for each beacon")]
pub(crate) enum Items<'a> {
    One(Item<'a>),
    Several(Vec<Result<Item<'a>, Invalid>>),
}

/// One beacon, with what it says of its visitor.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation for each beacon")]
pub(crate) enum Item<'a> {
    Beacon(Beacon<'a>, Visitor<'a>),
    /// What is well formed and yet no event.
    Discarded(Discard),
}

/// The visitor that a sender speaks for; what it does not name is taken from the connection. From anyone else it says
/// nothing.
#[derive(Default)]
pub(crate) struct Visitor<'a> {
    pub(crate) address: Option<Cow<'a, str>>,
    pub(crate) user_agent: Option<Cow<'a, str>>,
    pub(crate) language: Option<Cow<'a, str>>,
}

/// What became of a request's beacons.
pub(crate) struct Receipt {
    /// Why events were not stored.
    pub(crate) discards: Vec<Discard>,
    /// Of several beacons, what became of each.
    pub(crate) fates: Vec<Fate>,
}

/// What became of one of several beacons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stored,
    Discarded(Discard),
    Invalid(Invalid),
}

/// An answer in the words of a protocol.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

impl<'a> Parcel<'a> {
    /// One beacon, answered by `reply`.
    fn one(item: Item<'a>, reply: fn(&Receipt) -> Reply) -> Self {
        Self { items: Items::One(item), token: None, reply }
    }
}

impl Reply {
    fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string().into(), header: None }
    }

    fn text(status: StatusCode, body: &'static str) -> Self {
        Self { status, content_type: "text/plain", body: Bytes::from_static(body.as_bytes()), header: None }
    }

    fn pixel(status: StatusCode) -> Self {
        Self { status, content_type: "image/gif", body: Bytes::from_static(PIXEL), header: None }
    }
}

/// Refuses a beacon that says it is of another time than now.
fn check_time(claimed: Option<Timestamp>, now: Timestamp) -> Result<(), Invalid> {
    let late_by = LATE_BY.as_secs().cast_signed();
    match claimed {
        Some(then) if (now.as_second() - then.as_second()).abs() > late_by => {
            Err(Invalid::field("time", "should be within the last hour; what is older can be imported"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a browser asks for this only because somebody may open its page later.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        headers.get(*name).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("prefetch") || value.contains("preview")
        })
    })
}

/// A header that is text.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
