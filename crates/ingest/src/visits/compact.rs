//! What an open visit keeps, in as few bytes as it can: sixty thousand visits may be open, and nearly all of their
//! attributes are short or blank, so that strings of their own would take more room than their text.
//!
//! Invariant: what comes out is what went in.

use std::sync::Arc;

use crate::event::Origin;

const FIELDS: usize = 16;

/// The attributes of a visit's first event: their text in one piece, and where each ends.
#[derive(Clone, Debug)]
pub(super) struct CompactOrigin {
    text: Arc<str>,
    ends: [u32; FIELDS],
}

/// A page: its host and its path in one piece.
#[derive(Clone, Debug)]
pub(super) struct Page {
    text: Arc<str>,
    host_bytes: u32,
}

impl CompactOrigin {
    /// The same attributes, borrowed. The order is that of [`fields`].
    pub(super) fn stored(&self) -> passant_store::Origin<'_> {
        let mut start = 0;
        let mut fields = self.ends.iter().map(|end| {
            let field = &self.text[start..*end as usize];
            start = *end as usize;
            field
        });
        let mut next = || fields.next().unwrap_or_default();
        passant_store::Origin {
            referrer: next(),
            source: next(),
            channel: next(),
            utm_source: next(),
            utm_medium: next(),
            utm_campaign: next(),
            utm_content: next(),
            utm_term: next(),
            click_id: next(),
            country: next(),
            language: next(),
            device: next(),
            browser: next(),
            browser_version: next(),
            os: next(),
            os_version: next(),
        }
    }
}

impl From<&Origin> for CompactOrigin {
    fn from(origin: &Origin) -> Self {
        let mut text = String::new();
        let ends = fields(origin).map(|field| {
            text.push_str(field);
            text.len() as u32
        });
        Self { text: text.into(), ends }
    }
}

/// The attributes in the order in which [`CompactOrigin::stored`] reads them.
fn fields(origin: &Origin) -> [&str; FIELDS] {
    [
        &origin.referrer,
        &origin.source,
        &origin.channel,
        &origin.utm_source,
        &origin.utm_medium,
        &origin.utm_campaign,
        &origin.utm_content,
        &origin.utm_term,
        &origin.click_id,
        &origin.country,
        &origin.language,
        &origin.device,
        &origin.browser,
        &origin.browser_version,
        &origin.os,
        &origin.os_version,
    ]
}

impl Page {
    pub(super) fn new(hostname: &str, pathname: &str) -> Self {
        Self { text: [hostname, pathname].concat().into(), host_bytes: hostname.len() as u32 }
    }

    pub(super) fn hostname(&self) -> &str {
        &self.text[..self.host_bytes as usize]
    }

    pub(super) fn pathname(&self) -> &str {
        &self.text[self.host_bytes as usize..]
    }
}
