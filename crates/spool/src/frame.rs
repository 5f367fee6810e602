//! One payload on disk, and how the intact ones are found again among damaged bytes.
//!
//! Invariant: a frame is believed only if both of its checksums hold and it names the batch that it lies in,
//! so that zeroed pages, bytes recycled from another segment and frames forged inside a payload (whose author
//! cannot know the batch) are never taken for one. No file is touched here.
//!
//! | offset | bytes | |
//! | --- | --- | --- |
//! | 0 | 4 | marker |
//! | 4 | 4 | payload length |
//! | 8 | 4 | frame number within the segment, from 0 |
//! | 12 | 8 | batch id |
//! | 20 | 4 | CRC32C of the payload |
//! | 24 | 4 | CRC32C of bytes 0–23 |
//! | 28 | … | payload |
//!
//! Integers are little-endian. The header has a checksum of its own because a length that can be trusted
//! makes recovery linear: a damaged payload is stepped over in one stride, and a candidate found by its
//! marker costs 28 bytes of checking rather than up to 1 MiB.

use bytes::Bytes;

use crate::BatchId;

/// The longest payload, in bytes.
pub const PAYLOAD_LIMIT_BYTES: usize = 1 << 20;

/// What a frame takes on top of its payload, in bytes.
pub(crate) const FRAME_HEADER_BYTES: usize = 28;

/// Not ASCII, not UTF-8, not zero: unlikely inside a payload, and harmless there.
const MARKER: [u8; 4] = [0xF5, 0x9E, 0xB7, 0xD3];

/// One payload of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The position at which the payload was appended to its segment, from 0. It stays the same when frames
    /// before it are damaged, so batch id and number together identify a payload for ever.
    pub number: u32,
    /// What was appended.
    pub payload: Bytes,
}

/// The intact frames of a segment.
pub(crate) struct Scan {
    /// In the order of their numbers.
    pub(crate) frames: Vec<Frame>,
    /// Where the last of them ends; 0 without any.
    pub(crate) end: usize,
}

struct Header {
    length: usize,
    number: u32,
    payload_checksum: u32,
}

/// Appends a frame to a buffer.
pub(crate) fn encode(buffer: &mut Vec<u8>, batch: BatchId, number: u32, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_LIMIT_BYTES);
    let start = buffer.len();
    buffer.extend_from_slice(&MARKER);
    buffer.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.extend_from_slice(&batch.0.to_le_bytes());
    buffer.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    buffer.extend_from_slice(&crc32c::crc32c(&buffer[start..]).to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// Finds the intact frames of a batch in `content`. Linear in the content's length. What stands before the
/// first frame is stepped over like any other bytes, so that a damaged segment header does no harm.
pub(crate) fn scan(content: &Bytes, batch: BatchId) -> Scan {
    let mut found = Scan { frames: Vec::new(), end: 0 };
    let mut next_number = 0;
    let mut offset = 0;
    while offset + FRAME_HEADER_BYTES <= content.len() {
        let Some(header) = parse(&content[offset..], batch).filter(|header| header.number >= next_number)
        else {
            let Some(distance) = find_marker(&content[offset + 1..]) else { break };
            offset += 1 + distance;
            continue;
        };
        let payload_start = offset + FRAME_HEADER_BYTES;
        let payload_end = payload_start + header.length;
        if payload_end > content.len() {
            break;
        }
        let payload = content.slice(payload_start..payload_end);
        if crc32c::crc32c(&payload) == header.payload_checksum {
            found.frames.push(Frame { number: header.number, payload });
            found.end = payload_end;
        }
        next_number = header.number.saturating_add(1);
        offset = payload_end;
    }
    found
}

fn parse(bytes: &[u8], batch: BatchId) -> Option<Header> {
    let bytes = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let header = Header { length: word(4) as usize, number: word(8), payload_checksum: word(20) };
    let sound = bytes[..4] == MARKER
        && bytes[12..20] == batch.0.to_le_bytes()
        && header.length <= PAYLOAD_LIMIT_BYTES
        && crc32c::crc32c(&bytes[..24]) == word(24);
    sound.then_some(header)
}

fn find_marker(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(distance) = bytes[from..].iter().position(|&byte| byte == MARKER[0]) {
        from += distance;
        if bytes[from..].starts_with(&MARKER) {
            return Some(from);
        }
        from += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: BatchId = BatchId(0x1234_5678_9ABC_DEF0);

    fn encoded(payloads: &[&[u8]]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for (number, payload) in payloads.iter().enumerate() {
            encode(&mut buffer, BATCH, number as u32, payload);
        }
        buffer
    }

    fn numbers(content: Vec<u8>) -> Vec<u32> {
        scan(&content.into(), BATCH).frames.iter().map(|frame| frame.number).collect()
    }

    #[test]
    fn reads_back_what_was_written() {
        let content = Bytes::from(encoded(&[b"one", b"", &[7; 5000]]));
        let found = scan(&content, BATCH);
        assert_eq!(found.end, content.len());
        let payloads: Vec<_> = found.frames.iter().map(|frame| frame.payload.clone()).collect();
        assert_eq!(payloads, [Bytes::from("one"), Bytes::new(), Bytes::from(vec![7; 5000])]);
    }

    #[test]
    fn ignores_frames_of_another_batch_and_frames_inside_payloads() {
        let mut foreign = Vec::new();
        encode(&mut foreign, BatchId(7), 1, b"recycled");
        let mut content = encoded(&[&foreign]);
        content.extend_from_slice(&foreign);
        content[FRAME_HEADER_BYTES - 1] ^= 1;
        assert!(numbers(content).is_empty());
    }

    #[test]
    fn steps_over_a_damaged_payload_and_a_damaged_header() {
        let whole = encoded(&[b"first", b"second", b"third"]);
        let second = FRAME_HEADER_BYTES + 5;
        for offset in second..second + FRAME_HEADER_BYTES + 6 {
            let mut content = whole.clone();
            content[offset] ^= 0x10;
            assert_eq!(numbers(content), [0, 2], "byte {offset}");
        }
    }
}
