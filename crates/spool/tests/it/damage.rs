//! Damaged files: intact frames survive, damaged ones are counted, no wrong payload is ever read.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use passant_spool::model::{Loss, ModelFileSystem};
use passant_spool::{Foundation, Frame, Spool, Status};

/// The bytes of a header and of what each frame adds to its payload.
const HEADER_BYTES: usize = 44;
const FRAME_HEADER_BYTES: usize = 28;
const PAGE_BYTES: usize = 4096;

/// A sealed segment's name and content.
struct Written {
    name: String,
    content: Vec<u8>,
    payloads: Vec<Bytes>,
}

impl Written {
    async fn new(payloads: Vec<Bytes>) -> Self {
        let model = ModelFileSystem::new(1, 1 << 30);
        let (spool, _segments) = start(&model);
        spool.append_all(payloads.clone()).await.unwrap();
        spool.close().await;
        let (name, content) = model.files().into_iter().next().unwrap();
        assert!(name.ends_with(&format!("-{:010}.sealed", payloads.len())), "{name}");
        Self { name, content, payloads }
    }

    /// The name that a crash would have left.
    fn open_name(&self) -> String {
        let (stem, _) = self.name.rsplit_once('-').unwrap();
        format!("{stem}.open")
    }

    /// Where each frame begins, and where the last one ends.
    fn bounds(&self) -> Vec<usize> {
        let mut bounds = vec![HEADER_BYTES];
        for payload in &self.payloads {
            bounds.push(bounds[bounds.len() - 1] + FRAME_HEADER_BYTES + payload.len());
        }
        assert_eq!(bounds.last(), Some(&self.content.len()));
        bounds
    }

    /// Reads a damaged copy. Whatever is read was written, under its own number.
    async fn read(&self, name: &str, content: &[u8]) -> Outcome {
        let model = ModelFileSystem::new(1, 1 << 30);
        model.put(name, content);
        let (spool, mut segments) = start(&model);
        spool.close().await;
        let mut outcome = Outcome { numbers: Vec::new(), status: spool.status() };
        while let Some(segment) = segments.next().await {
            let frames = segment.read().await.unwrap();
            let skipped = frames.skipped();
            let frames: Vec<Frame> = frames.collect();
            assert_eq!(skipped + frames.len() as u64, u64::from(segment.frames()));
            for frame in frames {
                assert_eq!(frame.payload, self.payloads[frame.number as usize]);
                outcome.numbers.push(frame.number as usize);
            }
            segment.remove().await.unwrap();
        }
        outcome.status = spool.status();
        assert!(outcome.numbers.is_sorted_by(|a, b| a < b));
        outcome
    }
}

struct Outcome {
    numbers: Vec<usize>,
    status: Status,
}

fn start(model: &ModelFileSystem) -> (Spool, passant_spool::Segments) {
    let foundation = Foundation { file_system: Arc::new(model.clone()), ..Foundation::default() };
    Spool::open(Path::new("/spool"), crate::config(), foundation).unwrap()
}

fn varied(count: usize, length: usize) -> Vec<Bytes> {
    (0..count).map(|n| Bytes::from(vec![n as u8; length + n * 7 % 50])).collect()
}

#[tokio::test]
async fn keeps_whole_frames_when_truncated_at_any_byte_of_the_last_4_kib() {
    let written = Written::new(varied(60, 100)).await;
    let bounds = written.bounds();
    for length in written.content.len() - 4096..written.content.len() {
        let whole = bounds[1..].iter().filter(|&&end| end <= length).count();
        let cut = &written.content[..length];
        let sealed = written.read(&written.name, cut).await;
        assert_eq!(sealed.numbers.len(), whole, "sealed, {length} bytes");
        assert_eq!(sealed.status.frames_skipped_total, (60 - whole) as u64, "sealed, {length} bytes");
        let open = written.read(&written.open_name(), cut).await;
        assert_eq!(open.numbers.len(), whole, "open, {length} bytes");
        assert_eq!(open.status.torn_tails_total, u64::from(bounds[whole] != length), "open, {length} bytes");
    }
}

#[tokio::test]
async fn loses_at_most_the_damaged_frame_to_any_flipped_bit() {
    let written = Written::new(vec![Bytes::from("first"), Bytes::new(), Bytes::from("the third one")]).await;
    let bounds = written.bounds();
    for bit in 0..written.content.len() * 8 {
        let mut flipped = written.content.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let damaged = bounds.iter().filter(|&&start| start <= bit / 8).count().checked_sub(1);
        let intact: Vec<usize> = (0..3).filter(|number| Some(*number) != damaged).collect();
        let sealed = written.read(&written.name, &flipped).await;
        assert_eq!(sealed.numbers, intact, "sealed, bit {bit}");
        assert_eq!(sealed.status.frames_skipped_total, u64::from(damaged.is_some()), "sealed, bit {bit}");
        let open = written.read(&written.open_name(), &flipped).await;
        assert_eq!(open.numbers, intact, "open, bit {bit}");
        let counted = open.status.frames_skipped_total + open.status.torn_tails_total;
        assert_eq!(counted, u64::from(damaged.is_some()), "open, bit {bit}");
    }
}

#[tokio::test]
async fn keeps_every_frame_outside_a_lost_page() {
    let written = Written::new(varied(200, 100)).await;
    // Of the same layout, so that recycled frames stand where ours stood.
    let other =
        Written::new(varied(200, 100).iter().map(|payload| vec![0xEE; payload.len()].into()).collect()).await;
    let bounds = written.bounds();
    for page in 0..written.content.len().div_ceil(PAGE_BYTES) {
        let lost = page * PAGE_BYTES..((page + 1) * PAGE_BYTES).min(written.content.len());
        for recycled in [false, true] {
            let mut content = written.content.clone();
            match recycled {
                true => content[lost.clone()].copy_from_slice(&other.content[lost.clone()]),
                false => content[lost.clone()].fill(0),
            }
            let untouched = |n: &usize| {
                let frame = bounds[*n]..bounds[n + 1];
                content[frame.clone()] == written.content[frame]
            };
            let survivors: Vec<usize> = (0..200).filter(untouched).collect();
            for name in [&written.name, &written.open_name()] {
                let read = written.read(name, &content).await;
                assert_eq!(read.numbers, survivors, "page {page} of {name}, recycled: {recycled}");
            }
        }
    }
}

#[tokio::test]
async fn keeps_frames_inside_a_payload_from_being_read() {
    let inner = Written::new(vec![Bytes::from("forged")]).await;
    let written = Written::new(vec![Bytes::from(inner.content), Bytes::from("real")]).await;
    let mut content = written.content.clone();
    content[HEADER_BYTES] ^= 1;
    assert_eq!(written.read(&written.name, &content).await.numbers, [1]);
}

#[tokio::test]
async fn removes_what_a_first_commit_left_unfinished_and_puts_unreadable_bytes_aside() {
    let name = "00000000000000000003-00000000000000aa.open";
    for (content, aside) in
        [(vec![], false), (vec![0; 5000], false), (vec![7; 20], false), (vec![7; 5000], true)]
    {
        let model = ModelFileSystem::new(1, 1 << 30);
        model.put(name, &content);
        let (spool, mut segments) = start(&model);
        spool.append(Bytes::from("new")).await.unwrap();
        spool.close().await;
        let segment = segments.next().await.unwrap();
        assert_eq!(crate::payloads(&segment).await, ["new"]);
        segment.remove().await.unwrap();
        assert!(segments.next().await.is_none());
        let names: Vec<String> = model.restart(Loss::Power).files().into_keys().collect();
        let expected = if aside { vec!["00000000000000000003-00000000000000aa.damaged"] } else { vec![] };
        assert_eq!(names, expected);
    }
}
