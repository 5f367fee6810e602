//! From the bytes of a request to the events that it makes.
//!
//! Nothing here waits, so that what is borrowed from a request is gone before its events are stored.

use http::request::Parts as Head;
use jiff::Timestamp;

use super::Parts;
use super::answer::{INVALID, Refusal};
use super::visitor::{self, Connection};
use crate::adapter::{Adapter, Admits, Fate, Item, Items, Message, Receipt, Reply};
use crate::beacon::{Beacon, Invalid};
use crate::client::{AddressPrefix, Client};
use crate::event::Event;
use crate::nonce::Fingerprint;
use crate::{Discard, pipeline};

/// Who asks, and when.
pub(super) struct Caller {
    pub(super) client: Client,
    /// From whose bucket the beacons are taken; nobody's where a proxy on this machine stands for all.
    pub(super) bucket: Option<AddressPrefix>,
    pub(super) now: Timestamp,
}

/// What a request makes, and how it is answered.
pub(super) struct Understood {
    pub(super) resolved: Resolved,
    pub(super) fates: Vec<Fate>,
    pub(super) reply: fn(&Receipt) -> Reply,
}

/// What became of the events of a request's beacons.
pub(super) struct Resolved {
    pub(super) events: Vec<Event>,
    /// One for each event, or none where the beacon has no nonce; no format with several beacons has them.
    pub(super) fingerprints: Vec<(Fingerprint, Option<Fingerprint>)>,
    pub(super) discards: Vec<Discard>,
}

impl Resolved {
    pub(super) fn count(&self) -> u64 {
        (self.events.len() + self.discards.len()) as u64
    }
}

impl Parts {
    /// From the bytes of a request to the events that it makes.
    pub(super) fn understand(
        &self,
        adapter: &'static Adapter,
        (head, body): (&Head, &[u8]),
        caller: &Caller,
    ) -> Result<Understood, Refusal> {
        let now = caller.now;
        let invalid = |invalid| Refusal::Invalid(invalid, adapter.refuse);
        let mut connection = Connection::open(&head.headers, caller, (self.pipeline.sites(), self.bits));
        connection.show(visitor::bearer(&head.headers))?;
        if adapter.admits == Admits::Senders {
            connection.sender().ok_or(Refusal::Token)?;
        }
        let query = head.uri.query().unwrap_or_default();
        let sender = connection.speaker();
        let parcel =
            (adapter.read)(&Message { query, body, headers: &head.headers, sender, now }).map_err(invalid)?;
        connection.show(parcel.token.as_deref())?;
        if let Some(visitor) = visitor::named(&head.headers) {
            connection.sender().ok_or(Refusal::Token)?;
            connection.speak_for(visitor).map_err(invalid)?;
        }
        let mut resolved =
            Resolved { events: Vec::with_capacity(1), fingerprints: Vec::new(), discards: Vec::new() };
        let mut fates = Vec::new();
        match parcel.items {
            Items::One(item) => drop(self.take(item, &connection, &mut resolved).map_err(invalid)?),
            Items::Several(items) => {
                // Who has a token is trusted with more than a prefix.
                if connection.sender().is_none() {
                    self.limit(caller, items.len().saturating_sub(1))?;
                }
                fates.extend(items.into_iter().map(|item| {
                    let fate = item.and_then(|item| self.take(item, &connection, &mut resolved));
                    fate.unwrap_or_else(Fate::Invalid)
                }));
            }
        }
        if let Some(sender) = connection.sender()
            && resolved.events.iter().any(|event| !sender.may_speak_for(event.site_id))
        {
            self.outlets.metrics.refused(resolved.count());
            return Err(Refusal::Token);
        }
        let unread = fates.iter().filter(|fate| matches!(fate, Fate::Invalid(_)));
        unread.for_each(|_| self.outlets.metrics.beacon_refused(INVALID));
        Ok(Understood { resolved, fates, reply: parcel.reply })
    }

    /// Resolves one beacon, and says what became of it as far as that is known before it is stored.
    fn take(
        &self,
        item: Item<'_>,
        connection: &Connection<'_>,
        resolved: &mut Resolved,
    ) -> Result<Fate, Invalid> {
        let (beacon, visitor) = match item {
            Item::Beacon(beacon, visitor) => (beacon, visitor),
            Item::Discarded(reason) => {
                resolved.discards.push(reason);
                return Ok(Fate::Discarded(reason));
            }
        };
        let request = connection.request(&visitor)?;
        let before = resolved.events.len();
        self.resolve(&beacon, &request, resolved);
        Ok(match resolved.discards.last() {
            Some(reason) if resolved.events.len() == before => Fate::Discarded(*reason),
            Some(_) | None => Fate::Stored,
        })
    }

    /// Makes the events of one beacon, one for each of its sites, and lists why others were discarded.
    fn resolve(&self, beacon: &Beacon<'_>, request: &pipeline::Request<'_>, resolved: &mut Resolved) {
        let before = resolved.events.len();
        for name in beacon.domains() {
            let of_this_beacon = |resolved: &Resolved, site_id| {
                resolved.events[before..].iter().any(|known| known.site_id == site_id)
            };
            match self.pipeline.event(beacon, name, request) {
                // A site that a beacon names twice gets one event.
                Ok(event) if of_this_beacon(resolved, event.site_id) => {}
                Ok(event) if !self.outlets.presence.admits(&event) => {
                    resolved.discards.push(Discard::NoVisit)
                }
                Ok(event) => {
                    let fingerprints =
                        beacon.nonce.as_deref().map(|nonce| self.nonces.fingerprints(&event, nonce));
                    resolved.fingerprints.extend(fingerprints);
                    resolved.events.push(event);
                }
                Err(reason) => resolved.discards.push(reason),
            }
        }
    }
}
