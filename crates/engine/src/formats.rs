//! The output formats: which can be sent chunk by chunk, and under which content type.
//!
//! libchdb formats each chunk of a streamed result as a document of its own, so a format with a header repeats it
//! and a format with a frame (JSON, Parquet, …) cannot be joined. Invariant: what a client gets is one document.

use bytes::Bytes;

/// How the chunks of a streamed result join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Chunks follow each other as they are.
    Plain,
    /// Each chunk begins with this header, of which only the first may stay.
    Headed(Header),
    /// A document: the result is produced whole.
    Document,
}

/// Headers of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// A count, then names, then perhaps types, each with its length (RowBinaryWith…): strings per column.
    Binary(usize),
    /// Lines in which line ends are escaped.
    Lines(usize),
    /// Lines in which quotes protect line ends.
    QuotedLines(usize),
}

/// A known output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// ClickHouse's name or an alias of it.
    name: &'static str,
    /// How its chunks join.
    pub(crate) framing: Framing,
    /// Its media type.
    pub(crate) content_type: &'static str,
}

const BINARY: &str = "application/octet-stream";
const TSV: &str = "text/tab-separated-values; charset=UTF-8";
const CSV: &str = "text/csv; charset=UTF-8; header=absent";
const CSV_HEADER: &str = "text/csv; charset=UTF-8; header=present";
const JSON: &str = "application/json; charset=UTF-8";
const NDJSON: &str = "application/x-ndjson; charset=UTF-8";
const PLAIN: &str = "text/plain; charset=UTF-8";

const fn format(name: &'static str, framing: Framing, content_type: &'static str) -> Format {
    Format { name, framing, content_type }
}

/// What is not listed here is sent as a whole document and plain bytes.
const FORMATS: [Format; 28] = [
    format("TabSeparated", Framing::Plain, TSV),
    format("TSV", Framing::Plain, TSV),
    format("TabSeparatedRaw", Framing::Plain, TSV),
    format("TSVRaw", Framing::Plain, TSV),
    format("TabSeparatedWithNames", Framing::Headed(Header::Lines(1)), TSV),
    format("TSVWithNames", Framing::Headed(Header::Lines(1)), TSV),
    format("TabSeparatedWithNamesAndTypes", Framing::Headed(Header::Lines(2)), TSV),
    format("TSVWithNamesAndTypes", Framing::Headed(Header::Lines(2)), TSV),
    format("CSV", Framing::Plain, CSV),
    format("CSVWithNames", Framing::Headed(Header::QuotedLines(1)), CSV_HEADER),
    format("CSVWithNamesAndTypes", Framing::Headed(Header::QuotedLines(2)), CSV_HEADER),
    format("JSONEachRow", Framing::Plain, NDJSON),
    format("JSONLines", Framing::Plain, NDJSON),
    format("NDJSON", Framing::Plain, NDJSON),
    format("JSONStringsEachRow", Framing::Plain, NDJSON),
    format("JSONCompactEachRow", Framing::Plain, NDJSON),
    format("JSONCompactStringsEachRow", Framing::Plain, NDJSON),
    format("JSONCompactEachRowWithNames", Framing::Headed(Header::Lines(1)), NDJSON),
    format("JSONCompactEachRowWithNamesAndTypes", Framing::Headed(Header::Lines(2)), NDJSON),
    format("RowBinary", Framing::Plain, BINARY),
    format("RowBinaryWithNames", Framing::Headed(Header::Binary(1)), BINARY),
    format("RowBinaryWithNamesAndTypes", Framing::Headed(Header::Binary(2)), BINARY),
    format("Native", Framing::Plain, BINARY),
    format("LineAsString", Framing::Plain, PLAIN),
    format("Null", Framing::Plain, PLAIN),
    format("JSON", Framing::Document, JSON),
    format("JSONCompact", Framing::Document, JSON),
    format("Vertical", Framing::Document, PLAIN),
];

/// The format of that name, in any case of letters.
pub(crate) fn find(name: &str) -> Format {
    FORMATS
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name))
        .copied()
        .unwrap_or_else(|| format("", Framing::Document, BINARY))
}

/// Joins the chunks of one result.
#[derive(Debug)]
pub(crate) struct Joint {
    framing: Framing,
    header: Option<Bytes>,
}

impl Joint {
    /// Joins chunks of a format.
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, header: None }
    }

    /// What of a chunk belongs into the result.
    pub(crate) fn join(&mut self, chunk: Bytes) -> Bytes {
        let Framing::Headed(header) = self.framing else { return chunk };
        match &self.header {
            None => {
                self.header = Some(chunk.slice(..header_length(&chunk, header).unwrap_or(0)));
                chunk
            }
            Some(first) if chunk.starts_with(first) => chunk.slice(first.len()..),
            Some(_) => chunk,
        }
    }
}

fn header_length(chunk: &[u8], header: Header) -> Option<usize> {
    match header {
        Header::Lines(count) => lines(chunk, count, None),
        Header::QuotedLines(count) => lines(chunk, count, Some(b'"')),
        Header::Binary(texts) => {
            let (columns, mut at) = varint(chunk, 0)?;
            for _ in 0..columns.checked_mul(texts)? {
                let (length, start) = varint(chunk, at)?;
                at = start.checked_add(length).filter(|end| *end <= chunk.len())?;
            }
            Some(at)
        }
    }
}

fn lines(chunk: &[u8], count: usize, quote: Option<u8>) -> Option<usize> {
    let mut open = false;
    let mut ends = chunk.iter().enumerate().filter(|(_, byte)| {
        open ^= Some(**byte) == quote;
        **byte == b'\n' && !open
    });
    ends.nth(count.checked_sub(1)?).map(|(at, _)| at + 1)
}

/// A LEB128 number at `at`, and the offset after it.
fn varint(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (index, byte) in bytes.get(at..)?.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, at + index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(name: &str, chunks: &[&'static [u8]]) -> Vec<u8> {
        let mut joint = Joint::new(find(name).framing);
        chunks.iter().flat_map(|chunk| joint.join(Bytes::from_static(chunk)).to_vec()).collect()
    }

    #[test]
    fn keeps_the_first_header_only() {
        let binary: [&[u8]; 2] = [b"\x01\x01a\x05UInt8\x07", b"\x01\x01a\x05UInt8\x08"];
        assert_eq!(joined("RowBinaryWithNamesAndTypes", &binary), b"\x01\x01a\x05UInt8\x07\x08");
        assert_eq!(joined("csvwithnames", &[b"\"a\nb\"\n1\n", b"\"a\nb\"\n2\n"]), b"\"a\nb\"\n1\n2\n");
        assert_eq!(joined("TSVWithNamesAndTypes", &[b"a\nT\n1\n", b"a\nT\n2\n"]), b"a\nT\n1\n2\n");
        assert_eq!(joined("TSV", &[b"1\n", b"1\n"]), b"1\n1\n");
    }

    #[test]
    fn sends_unknown_formats_whole() {
        for name in ["Parquet", "Pretty", "Values", "ArrowStream", "JSONStrings", "NoSuch"] {
            assert_eq!(find(name).framing, Framing::Document, "{name}");
        }
    }

    proptest! {
        #[test]
        fn never_cuts_outside_a_chunk(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for header in [Header::Binary(2), Header::Lines(2), Header::QuotedLines(1)] {
                prop_assert!(header_length(&bytes, header).is_none_or(|length| length <= bytes.len()));
            }
        }
    }
}
