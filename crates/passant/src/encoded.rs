//! Bytes that are the same for everyone, compressed at most once for each coding.
//!
//! Compressed when first asked for, and kept. What can be asked for stands in closed tables, so what is kept has a bound;
//! nothing that depends on a visitor may come in here.

use std::borrow::Cow;
use std::io::Write;
use std::sync::OnceLock;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha384};

/// The finest that Brotli does; a script takes some milliseconds.
const BROTLI_FINEST: u32 = 11;
/// What Brotli does with a file that would take it a second otherwise.
const BROTLI_QUICK: u32 = 9;
/// From here on a file is large.
const LARGE_BYTES: usize = 128 * 1024;

/// Bytes, and the same compressed.
pub(crate) struct Encoded {
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

impl Encoded {
    pub(crate) fn new(content: impl Into<Cow<'static, [u8]>>) -> Self {
        let plain = match content.into() {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Self { plain, gzip: OnceLock::new(), brotli: OnceLock::new() }
    }

    /// What the bytes hash to, as pages name it (Subresource Integrity).
    pub(crate) fn integrity(&self) -> String {
        format!("sha384-{}", STANDARD.encode(Sha384::digest(&self.plain)))
    }

    /// The smallest form that a request accepts, with the headers that name it.
    pub(crate) fn for_request(&self, request: &HeaderMap) -> (HeaderMap, Bytes) {
        let (coding, bytes) = if accepts(request, "br") {
            (Some("br"), self.brotli.get_or_init(|| brotli(&self.plain)))
        } else if accepts(request, "gzip") {
            (Some("gzip"), self.gzip.get_or_init(|| gzip(&self.plain)))
        } else {
            (None, &self.plain)
        };
        let mut headers = HeaderMap::from_iter([(VARY, HeaderValue::from_static("accept-encoding"))]);
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        (headers, bytes.clone())
    }
}

/// Whether a request takes a coding that it names; `*` alone is taken for nothing.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').any(|entry| {
            let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse().ok());
            name.trim().eq_ignore_ascii_case(coding) && weight != Some(0.0)
        })
    })
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("memory takes all");
    encoder.finish().expect("memory takes all").into()
}

fn brotli(plain: &[u8]) -> Bytes {
    let quality = if plain.len() < LARGE_BYTES { BROTLI_FINEST } else { BROTLI_QUICK };
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, quality, 22);
    encoder.write_all(plain).expect("memory takes all");
    encoder.into_inner().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn asked(accept: Option<&'static str>) -> (Option<String>, Bytes) {
        let content = "the same for everyone; ".repeat(40).into_bytes();
        let request = accept.map(|accept| (ACCEPT_ENCODING, HeaderValue::from_static(accept)));
        let (headers, bytes) = Encoded::new(content).for_request(&HeaderMap::from_iter(request));
        assert_eq!(headers[VARY], "accept-encoding");
        let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned());
        (coding, bytes)
    }

    #[test]
    fn each_coding_unpacks_to_the_same_bytes() {
        let (_, plain) = asked(None);
        let (coding, packed) = asked(Some("gzip, deflate, br, zstd"));
        let mut unpacked = Vec::new();
        brotli::Decompressor::new(&packed[..], 4096).read_to_end(&mut unpacked).unwrap();
        assert_eq!((coding.as_deref(), &unpacked[..]), (Some("br"), &plain[..]));
        assert!(packed.len() * 5 < plain.len());

        let (coding, packed) = asked(Some("gzip, deflate"));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!((coding.as_deref(), &unpacked[..]), (Some("gzip"), &plain[..]));
        assert!(packed.len() * 5 < plain.len());
    }

    #[test]
    fn a_coding_that_is_not_wanted_is_not_used() {
        for (accept, coding) in [
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("identity, *;q=0", None),
            ("br;q=0.0", None),
            ("brotli", None),
        ] {
            assert_eq!(asked(Some(accept)).0.as_deref(), coding, "{accept}");
        }
    }
}
