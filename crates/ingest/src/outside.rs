//! The readers of foreign formats, as the fuzz targets of this workspace call them. Not for anyone else: nothing here is
//! stable.

use http::HeaderMap;
use http::header::{HOST, HeaderValue, REFERER};
use jiff::Timestamp;

use crate::Beacon;
use crate::adapter::{Fate, Item, Items, Message, Receipt, Speaker, adapter};

/// Reads a request to `path` as the collector does, says what would be answered, and hands each beacon on.
///
/// # Panics
/// When nothing is sent to that path, and when an answer is too large to be one.
pub fn read(path: &str, (query, body): (&str, &[u8]), mut take: impl FnMut(&Beacon<'_>)) {
    let adapter = adapter(path).expect("a path of the table");
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("stats.example.org:8080"));
    headers.insert(REFERER, HeaderValue::from_static("https://example.org/a?b=c"));
    let sender = Speaker::Sender(Some(7));
    let message = Message { query, body, headers: &headers, sender, now: Timestamp::UNIX_EPOCH };
    let parcel = match (adapter.read)(&message) {
        Ok(parcel) => parcel,
        Err(invalid) => return assert!((adapter.refuse)(&invalid).status.is_client_error()),
    };
    let mut receipt = Receipt { discards: Vec::new(), fates: Vec::new() };
    let mut settle = |item: Item<'_>| match item {
        Item::Beacon(beacon, _) => {
            take(&beacon);
            Fate::Stored
        }
        Item::Discarded(reason) => {
            receipt.discards.push(reason);
            Fate::Discarded(reason)
        }
    };
    match parcel.items {
        Items::One(item) => drop(settle(item)),
        Items::Several(items) => {
            let fates = items.into_iter().map(|item| item.map_or_else(Fate::Invalid, &mut settle));
            receipt.fates = fates.collect();
        }
    }
    assert!((parcel.reply)(&receipt).body.len() <= 1 << 20);
}
