//! Who a request is from: what its connection says, or the visitor that a sender with a token speaks for.
//!
//! Invariant: without a token that holds, nothing in a request changes whom it counts for. Headers of our own that name a
//! visitor are refused then, because who sends them means it; the fields of other products' formats, which anyone may
//! fill in there, are as if they were not.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;

use super::answer::Refusal;
use super::understanding::Caller;
use crate::adapter::{Speaker, Visitor};
use crate::beacon::Invalid;
use crate::client::{Client, ClientAddress, PrefixBits};
use crate::pipeline::{Objection, Request};
use crate::sender::Sender;
use crate::site::Sites;

/// By which a visitor objects, as `DNT` once did.
const GLOBAL_PRIVACY_CONTROL: HeaderName = HeaderName::from_static("sec-gpc");
/// In which a sender names the address of the visitor that it speaks for.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-passant-client-address");
/// And the user agent.
const USER_AGENT: HeaderName = HeaderName::from_static("x-passant-user-agent");

/// How each token of ours begins.
const OURS: &str = "passant_";

/// What is known of a request's visitor before its beacons are read.
pub(super) struct Connection<'a> {
    client: Client,
    sites: &'a Sites,
    bits: PrefixBits,
    user_agent: Cow<'a, str>,
    language: Cow<'a, str>,
    objection: Objection,
    now: Timestamp,
    sender: Option<Sender>,
}

impl<'a> Connection<'a> {
    /// As the connection says it.
    pub(super) fn open(
        headers: &'a HeaderMap,
        caller: &Caller,
        (sites, bits): (&'a Sites, PrefixBits),
    ) -> Self {
        Self {
            client: caller.client.clone(),
            sites,
            bits,
            user_agent: text(headers, &header::USER_AGENT),
            language: text(headers, &header::ACCEPT_LANGUAGE),
            objection: objection(headers),
            now: caller.now,
            sender: None,
        }
    }

    /// Looks at a token, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Token`] for one that does not hold: counting its visitors as one, the sender, would be noticed too late.
    pub(super) fn show(&mut self, token: Option<&str>) -> Result<(), Refusal> {
        let Some(token) = token else { return Ok(()) };
        self.sender = Some(self.sites.load().sender(token, self.now).cloned().ok_or(Refusal::Token)?);
        Ok(())
    }

    /// Who holds the token that was shown.
    pub(super) fn sender(&self) -> Option<&Sender> {
        self.sender.as_ref()
    }

    /// The same, for formats that ask.
    pub(super) fn speaker(&self) -> Speaker {
        self.sender.as_ref().map_or(Speaker::Visitor, |sender| Speaker::Sender(sender.site_id))
    }

    /// Takes a visitor that a sender names for the one of all its beacons.
    ///
    /// # Errors
    /// [`Invalid`] for what is no address.
    pub(super) fn speak_for(&mut self, visitor: Visitor<'a>) -> Result<(), Invalid> {
        self.client = self.client_of(&visitor)?;
        if let Some(user_agent) = visitor.user_agent {
            self.user_agent = user_agent;
        }
        Ok(())
    }

    /// What the pipeline needs to know of the visitor of one beacon.
    ///
    /// # Errors
    /// [`Invalid`] where a sender names what is no address.
    pub(super) fn request<'r>(&'r self, visitor: &'r Visitor<'_>) -> Result<Request<'r>, Invalid> {
        let heard = self.sender.is_some();
        let or = |named: &'r Option<Cow<'_, str>>, own: &'r str| -> &'r str {
            named.as_deref().filter(|named| heard && !named.trim().is_empty()).unwrap_or(own)
        };
        Ok(Request {
            client: if heard { self.client_of(visitor)? } else { self.client.clone() },
            user_agent: or(&visitor.user_agent, &self.user_agent),
            accept_language: or(&visitor.language, &self.language),
            objection: self.objection,
            now: self.now,
        })
    }

    fn client_of(&self, visitor: &Visitor<'_>) -> Result<Client, Invalid> {
        match visitor.address.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => match ClientAddress::named(text) {
                Some(address) => Ok(Client::of(address, self.sites.load().blocked_networks(), self.bits)),
                None => Err(Invalid::field("client_address", "must be an address")),
            },
            None => Ok(self.client.clone()),
        }
    }
}

/// The visitor that our own headers name, if they name one.
pub(super) fn named(headers: &HeaderMap) -> Option<Visitor<'_>> {
    let said = |name| headers.contains_key(name).then(|| text(headers, name));
    let (address, user_agent) = (said(&CLIENT_ADDRESS), said(&USER_AGENT));
    (address.is_some() || user_agent.is_some()).then_some(Visitor { address, user_agent, language: None })
}

/// The token of ours that a request brings. Others are for somebody else: pages whose every request carries one exist.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(OURS)).then_some(token)
}

/// Some browsers name themselves in their own script, so a header is no ASCII for certain.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let Some(value) = headers.get(name) else { return Cow::Borrowed("") };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value.as_bytes()),
    }
}

fn objection(headers: &HeaderMap) -> Objection {
    let says_one =
        |name: &HeaderName| headers.get(name).is_some_and(|value| value.as_bytes().trim_ascii() == b"1");
    if says_one(&GLOBAL_PRIVACY_CONTROL) || says_one(&header::DNT) {
        Objection::Raised
    } else {
        Objection::None
    }
}
