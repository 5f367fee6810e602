//! ClickHouse's block compression: `decompress=1` on what comes in, `compress=1` on what goes out.
//!
//! A block is a CityHash128 (version 1.0.2) of all that follows it, a method byte, the block's length with its
//! nine-byte header, the length of the content, and the content. Invariant: a block is never trusted before its
//! checksum and its lengths are checked, and none grows past [`CONTENT_BYTES`].

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::exception::{Exception, Kind};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_NONE: u8 = 0x02;
/// Largest content of a block: clients send 1 MiB or less, ClickHouse allows 1 GiB, memory does not.
const CONTENT_BYTES: usize = 64 << 20;
/// Content of the blocks that are written: ClickHouse's default.
const WRITTEN_BYTES: usize = 1 << 20;

/// Collects bytes and yields the contents of complete blocks.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: BytesMut,
}

impl Decoder {
    /// Takes bytes as they arrive.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The content of the next block, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// CANNOT_DECOMPRESS if the bytes are no block.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        let Some(header) = self.pending.get(CHECKSUM_BYTES..CHECKSUM_BYTES + HEADER_BYTES) else {
            return Ok(None);
        };
        let mut fields = header;
        let method = fields.get_u8();
        let compressed = length(fields.get_u32_le())?;
        let content = length(fields.get_u32_le())?;
        if compressed < HEADER_BYTES {
            return Err(broken(format_args!("a block of {compressed} bytes is shorter than its header")));
        }
        if self.pending.len() < CHECKSUM_BYTES + compressed {
            return Ok(None);
        }
        let mut block = self.pending.split_to(CHECKSUM_BYTES + compressed).freeze();
        let sum = block.split_to(CHECKSUM_BYTES).get_u128_le();
        if sum != checksum(&block) {
            return Err(broken("the checksum of a block does not match"));
        }
        let body = block.slice(HEADER_BYTES..);
        match method {
            METHOD_NONE if body.len() == content => Ok(Some(body)),
            METHOD_LZ4 => {
                let plain = lz4_flex::block::decompress(&body, content)
                    .map_err(|error| broken(format_args!("a block is not LZ4: {error}")))?;
                if plain.len() != content {
                    return Err(broken("the length of a block's content does not match"));
                }
                Ok(Some(plain.into()))
            }
            _ => Err(broken(format_args!("compression method {method:#04x} is not supported, LZ4 is"))),
        }
    }

    /// Says that nothing follows.
    ///
    /// # Errors
    /// CANNOT_DECOMPRESS if a block is incomplete.
    pub(crate) fn finish(&self) -> Result<(), Exception> {
        if self.pending.is_empty() { Ok(()) } else { Err(broken("the last block is incomplete")) }
    }
}

/// Compresses a piece of a response into whole blocks.
pub(crate) fn encode(plain: &[u8]) -> Bytes {
    let mut blocks = BytesMut::new();
    for content in plain.chunks(WRITTEN_BYTES) {
        let body = lz4_flex::block::compress(content);
        let mut block = BytesMut::with_capacity(HEADER_BYTES + body.len());
        block.put_u8(METHOD_LZ4);
        // At most a mebibyte plus LZ4's overhead: both fit.
        block.put_u32_le(u32::try_from(HEADER_BYTES + body.len()).expect("a block is about a mebibyte"));
        block.put_u32_le(u32::try_from(content.len()).expect("a block is about a mebibyte"));
        block.extend_from_slice(&body);
        blocks.put_u128_le(checksum(&block));
        blocks.extend_from_slice(&block);
    }
    blocks.freeze()
}

/// ClickHouse writes the two halves of the hash in the other order.
fn checksum(block: &[u8]) -> u128 {
    cityhash_rs::cityhash_102_128(block).rotate_right(64)
}

fn length(value: u32) -> Result<usize, Exception> {
    usize::try_from(value)
        .ok()
        .filter(|length| *length <= CONTENT_BYTES)
        .ok_or_else(|| broken(format_args!("a block of {value} bytes is larger than {CONTENT_BYTES}")))
}

fn broken(message: impl std::fmt::Display) -> Exception {
    Exception::new(Kind::CannotDecompress, format_args!("Cannot decompress the request: {message}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8], step: usize) -> Result<Vec<u8>, Exception> {
        let mut decoder = Decoder::default();
        let mut plain = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.push(piece);
            while let Some(content) = decoder.next()? {
                plain.extend_from_slice(&content);
            }
        }
        decoder.finish().map(|()| plain)
    }

    #[test]
    fn splits_large_content_into_blocks() {
        let plain: Vec<u8> = (0..3 * WRITTEN_BYTES / 2).map(|i| (i % 251) as u8).collect();
        assert_eq!(decode(&encode(&plain), 100_000).unwrap(), plain);
        assert!(encode(&[]).is_empty());
    }

    #[test]
    fn refuses_flipped_bits_and_missing_ends() {
        let blocks = encode(b"hello hello hello hello");
        for at in 0..blocks.len() {
            let mut flipped = blocks.to_vec();
            flipped[at] ^= 1;
            assert_eq!(decode(&flipped, 1000).unwrap_err().code(), 271, "byte {at}");
        }
        assert_eq!(decode(&blocks[..blocks.len() - 1], 7).unwrap_err().code(), 271);
    }

    proptest! {
        #[test]
        fn returns_what_was_encoded(plain in proptest::collection::vec(any::<u8>(), 0..2000), step in 1_usize..300) {
            prop_assert_eq!(decode(&encode(&plain), step).unwrap(), plain);
        }

        #[test]
        fn never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, 50);
        }
    }
}
