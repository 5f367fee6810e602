//! The parsers of what comes from outside, as the fuzz targets of this workspace call them. Not for anyone else: nothing
//! here is stable.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Uri};

use crate::compression::{Decoder, encode};
use crate::request::Ask;
use crate::settings::Limits;
use crate::statement::{Extent, output_format, shape};

/// Tells what a statement is, from all of it and from each prefix; a prefix that can tell tells the same.
pub fn statement(sql: &[u8]) {
    let whole = shape(sql, Extent::Whole);
    if let (Ok(Some(early)), Ok(Some(whole))) = (shape(&sql[..sql.len() / 2], Extent::Prefix), &whole) {
        assert_eq!(&early, whole, "a prefix of a statement was taken for something else");
    }
    let _ = output_format(&String::from_utf8_lossy(sql));
}

/// What pieces of compressed blocks hold, or `None` if they are no such thing. What comes out survives the way back.
pub fn decompressed(pieces: &[&[u8]]) -> Option<Bytes> {
    let plain = unpacked(pieces)?;
    if !plain.is_empty() {
        assert_eq!(unpacked(&[&encode(&plain)]).as_ref(), Some(&plain));
    }
    Some(plain)
}

fn unpacked(pieces: &[&[u8]]) -> Option<Bytes> {
    let mut decoder = Decoder::default();
    let mut plain = BytesMut::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(content) = decoder.next().ok()? {
            plain.extend_from_slice(&content);
        }
    }
    decoder.finish().ok()?;
    Some(plain.freeze())
}

/// Reads a request's URL.
pub fn request(uri: &Uri) {
    let _ =
        Ask::parse(uri, &HeaderMap::new(), Limits { statement_seconds: 60, statement_memory_bytes: 1 << 30 });
}
