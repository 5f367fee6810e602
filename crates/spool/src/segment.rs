//! A segment's identity: its batch id, its file name, its header.
//!
//! Invariant: a name or header that parses is the one that was written. No file is touched here.
//!
//! The name says all that a restart needs, so that a backlog of gigabytes is taken up without reading it:
//! `<sequence, 20 digits>-<batch id, 16 hexadecimal digits>.open` while it is written, and
//! `<sequence>-<batch id>-<frames, 10 digits>.sealed` after. The header repeats it, for a person with a hexadecimal editor:
//!
//! | offset | bytes | |
//! | --- | --- | --- |
//! | 0 | 8 | magic |
//! | 8 | 4 | format version |
//! | 12 | 4 | CRC32C of bytes 0–11; up to here the layout is the same in every version |
//! | 16 | 8 | batch id |
//! | 24 | 8 | sequence |
//! | 32 | 8 | created at, milliseconds since 1970 |
//! | 40 | 4 | CRC32C of bytes 0–39 |

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The newest segment format that this release reads, and the one that it writes.
pub const FORMAT_VERSION: u32 = 1;

/// The length of a segment's header, in bytes.
pub(crate) const HEADER_BYTES: usize = 44;

const MAGIC: [u8; 8] = *b"PSNTSPL\n";

/// What identifies a segment's content for ever, on every node.
///
/// 64 random bits, drawn when the segment is created. A counter under a node's prefix would be shorter, but a
/// cloned machine or a restored backup would count on from where it was and give one id to two contents.
/// Chance gives one id to two of the 95 million segments that a node seals in three years, one a second, with
/// a probability of 1 in 4,000, and does harm only if both carry events of the same days. A copy of a segment that is still open (a backup, a clone) shares its id with the original, as it must: recovery only
/// ever shortens and seals it, so that the two agree in every frame that both have and reconciling by id and
/// frame number doubles nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u64);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How far a segment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Being written, or left behind by a crash.
    Open,
    /// Complete. Frames numbered `frames` or higher are not part of it, whatever the file holds.
    Sealed { frames: u32 },
}

/// A segment's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) sequence: u64,
    pub(crate) batch: BatchId,
    pub(crate) stage: Stage,
}

impl Name {
    /// Reads a file name; none if it is no segment's.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let mut parts = stem.split('-');
        let sequence = parts.next()?.parse().ok()?;
        let batch = BatchId(u64::from_str_radix(parts.next()?, 16).ok()?);
        let stage = match (parts.next(), extension) {
            (None, "open") => Stage::Open,
            (Some(frames), "sealed") => Stage::Sealed { frames: frames.parse().ok()? },
            _ => return None,
        };
        let parsed = Self { sequence, batch, stage };
        // Only the canonical spelling: a copy that someone kept under a similar name is not ours.
        (parsed.to_string() == name).then_some(parsed)
    }

    /// The name once the segment is complete.
    pub(crate) fn sealed(self, frames: u32) -> Self {
        Self { stage: Stage::Sealed { frames }, ..self }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}", self.sequence, self.batch)?;
        match self.stage {
            Stage::Open => f.write_str(".open"),
            Stage::Sealed { frames } => write!(f, "-{frames:010}.sealed"),
        }
    }
}

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) batch: BatchId,
    pub(crate) sequence: u64,
    pub(crate) created: SystemTime,
}

/// What the first bytes of a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Intact(Header),
    /// Written by a newer release: hands off.
    Newer {
        version: u32,
    },
    /// Too short, zeroed or flipped. The frames tell for themselves, by the batch id in the file's name.
    Damaged,
}

impl Header {
    pub(crate) fn encode(&self, buffer: &mut Vec<u8>) {
        self.encode_as(FORMAT_VERSION, buffer);
    }

    fn encode_as(&self, version: u32, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        let created = self.created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&version.to_le_bytes());
        buffer.extend_from_slice(&crc32c::crc32c(&buffer[start..]).to_le_bytes());
        buffer.extend_from_slice(&self.batch.0.to_le_bytes());
        buffer.extend_from_slice(&self.sequence.to_le_bytes());
        buffer.extend_from_slice(&(created.as_millis() as u64).to_le_bytes());
        buffer.extend_from_slice(&crc32c::crc32c(&buffer[start..]).to_le_bytes());
    }

    /// Reads a header. A version is believed only with its checksum, else a flipped bit would pass for the
    /// future and stop the start.
    pub(crate) fn parse(bytes: &[u8]) -> Head {
        let word =
            |at: usize| bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).map(u32::from_le_bytes);
        let long =
            |at: usize| bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map(u64::from_le_bytes);
        let checked =
            |end: usize| bytes.get(..end).is_some_and(|part| word(end) == Some(crc32c::crc32c(part)));
        if !bytes.starts_with(&MAGIC) || !checked(12) {
            return Head::Damaged;
        }
        match word(8) {
            Some(version) if version > FORMAT_VERSION => Head::Newer { version },
            Some(FORMAT_VERSION) if checked(40) => match (long(16), long(24), long(32)) {
                (Some(batch), Some(sequence), Some(created)) => Head::Intact(Self {
                    batch: BatchId(batch),
                    sequence,
                    created: SystemTime::UNIX_EPOCH
                        .checked_add(Duration::from_millis(created))
                        .unwrap_or(SystemTime::UNIX_EPOCH),
                }),
                _ => Head::Damaged,
            },
            _ => Head::Damaged,
        }
    }
}

/// A complete segment on disk.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    pub(crate) batch: BatchId,
    pub(crate) frames: u32,
    pub(crate) bytes: u64,
    pub(crate) created: SystemTime,
    /// Where it lies: under its sealed name, unless the rename failed.
    pub(crate) path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        Header { batch: BatchId(0xDEAD_BEEF), sequence: 7, created }
    }

    #[test]
    fn names_read_back_and_similar_names_are_left_alone() {
        let open = Name { sequence: 42, batch: BatchId(0xAB), stage: Stage::Open };
        assert_eq!(open.to_string(), "00000000000000000042-00000000000000ab.open");
        let sealed = open.sealed(9);
        assert_eq!(sealed.to_string(), "00000000000000000042-00000000000000ab-0000000009.sealed");
        assert_eq!(Name::parse(&open.to_string()), Some(open));
        assert_eq!(Name::parse(&sealed.to_string()), Some(sealed));
        for foreign in [
            "LOCK",
            "42-ab.open",
            "00000000000000000042-00000000000000AB.open",
            "00000000000000000042-00000000000000ab.open.bak",
            "00000000000000000042-00000000000000ab.sealed",
            "+0000000000000000042-00000000000000ab.open",
        ] {
            assert_eq!(Name::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn header_reads_back_and_no_flipped_bit_passes_for_another_header() {
        let mut bytes = Vec::new();
        header().encode(&mut bytes);
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::parse(&bytes), Head::Intact(header()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&flipped), Head::Damaged, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..length]), Head::Damaged);
        }
    }

    #[test]
    fn tells_a_newer_version_from_damage() {
        let mut bytes = Vec::new();
        header().encode_as(2, &mut bytes);
        assert_eq!(Header::parse(&bytes[..16]), Head::Newer { version: 2 });
    }
}
