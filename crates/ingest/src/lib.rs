//! From a beacon to a stored row.
//!
//! ```text
//! collector ─▶ client ─▶ adapter ─▶ pipeline ─▶ spool ─▶ 202
//!              (address    (bytes to  (page, referrer, source, channel, user_agent,
//!               to prefix)  Beacon)    country, language, anonymize → Event)
//! ```
//! A client's address ends in [`Client::of`], its user agent in `user_agent`; what leaves the pipeline is an
//! anonymous [`Event`] or a [`Discard`], and `202` goes out when the event is durable.

mod adapter;
mod anonymize;
mod beacon;
mod bots;
mod channel;
mod client;
mod collector;
mod config;
mod country;
mod currency;
mod discard;
mod error;
mod event;
mod event_record;
mod import;
mod json;
mod keys;
mod language;
mod metrics;
mod nonce;
#[doc(hidden)]
pub mod outside;
mod page;
mod pipeline;
mod presence;
mod rate;
mod referrer;
mod scrub;
mod sender;
mod ship_step;
mod shipper;
mod site;
mod source;
mod spam;
mod user_agent;
mod visits;

pub use anonymize::{Pseudonym, Traits, pseudonym};
pub use beacon::{Beacon, Fragment, Invalid};
pub use bots::Bots;
pub use channel::{Channel, channel};
pub use client::{
    AddressPrefix, BlockedBy, BlockedNetworks, Client, ClientAddress, PROXY_PRESETS, PrefixBits, Proxies,
    ProxyPreset,
};
pub use collector::{Clock, Collector, Outlets, Unanswerable, takes};
pub use config::Config;
pub use country::{Countries, Reload};
pub use discard::Discard;
pub use error::Error;
pub use event::{
    DecodeError, ENGAGEMENT, Event, FORMAT_VERSION, Origin, PAGEVIEW, Revenue, SCROLL_DEPTH_MISSING, decode,
    encode,
};
pub use event_record::{EventRecord, RecordError, RevenueRecord};
pub use import::{Destination, Importer, LeftOut};
pub use keys::{DayKeys, KEY_GRACE, default_directory};
pub use language::language;
pub use metrics::{Metrics, Route};
pub use page::{Campaign, Page, page};
pub use pipeline::{Objection, Outcome, Pipeline, Request};
pub use presence::Presence;
pub use referrer::{Referrer, referrer};
pub use scrub::scrub;
pub use sender::{Sender, TokenHash};
pub use ship_step::{ShipObserver, ShipStep};
pub use shipper::{ShipError, Shipper};
pub use site::{NamedBy, ReferrerDetail, Site, SiteTable, Sites, shared};
pub use source::{Kind, Source, Sources};
pub use spam::SpamReferrers;
pub use user_agent::{Agent, Browser, Device, UserAgents};
pub use visits::{Assigned, Position, VISIT_GAP_SECONDS, Visits};
