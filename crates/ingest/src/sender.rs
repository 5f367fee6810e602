//! Who may speak for visitors: servers that hold a token for it.
//!
//! A visitor's address and user agent are what the connection says, whatever else a beacon claims. Only a sender whose
//! token holds may name others. Of a token there is its hash alone.

use jiff::Timestamp;

/// The hash by which a token is known again: BLAKE3 of its text, as the control data has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// One who holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The one site that it may speak for; `None` is all sites.
    pub site_id: Option<u32>,
    /// From when on it may no longer.
    pub expires_at: Option<Timestamp>,
}

impl TokenHash {
    /// Of a token's text.
    pub fn of(token: &str) -> Self {
        Self(*blake3::hash(token.as_bytes()).as_bytes())
    }
}

impl Sender {
    /// Whether its token has not ended.
    pub(crate) fn holds_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it may speak for the visitors of this site.
    pub(crate) fn may_speak_for(&self, site_id: u32) -> bool {
        self.site_id.is_none_or(|only| only == site_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Site, SiteTable};

    #[test]
    fn a_sender_is_known_by_its_token_until_it_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let sender = Sender { site_id: Some(7), expires_at: Some(at(60)) };
        let table = SiteTable::from_iter(Vec::<Site>::new());
        assert!(table.sender("passant_1", at(0)).is_none());
        let table = table.with_senders([(TokenHash::of("passant_1"), sender.clone())]);
        assert_eq!(table.sender("passant_1", at(59)), Some(&sender));
        assert_eq!(table.sender("passant_1", at(60)), None);
        assert_eq!(table.sender("passant_2", at(0)), None);
        assert!(sender.may_speak_for(7) && !sender.may_speak_for(8));
    }
}
