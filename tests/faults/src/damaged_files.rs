//! F8: files of the spool that are torn, cut, zeroed or flipped while nobody has them open.
//!
//! Invariant: every frame whose own bytes are as they were is read, under its number and with its payload; each other
//! one is counted. In this process and on the real file system: no server is needed to damage a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use passant_spool::{Config, Foundation, Spool, Status};
use tempfile::TempDir;

use crate::{Rounds, Tally};

/// What a segment's header takes, and what a frame adds to its payload, in bytes.
const HEADER_BYTES: usize = 44;
const FRAME_HEADER_BYTES: usize = 28;
const PAGE_BYTES: usize = 4096;
/// A segment of some 9 KiB: the last 4 KiB are whole frames and parts of them.
const FRAMES: usize = 60;
/// Both names of a segment, cut at every byte of the last 4 KiB: a power of two.
const CUTS: u64 = 2 * 4096;
/// Of so many rounds, [`CUT_ROUNDS`] cut; the others damage the middle. 14,000 rounds cut everywhere.
const CYCLE: u32 = 12;
const CUT_ROUNDS: u32 = 8;

/// A segment as it was written.
struct Written {
    sealed_name: String,
    open_name: String,
    content: Vec<u8>,
    payloads: Vec<Bytes>,
    /// Where each frame begins, and where the last one ends.
    bounds: Vec<usize>,
}

/// A segment as it was found.
struct Damaged<'a> {
    name: &'a str,
    content: Vec<u8>,
}

/// What was read of it.
struct Outcome {
    numbers: Vec<usize>,
    status: Status,
}

/// Damages a segment, once a round, in a way that the round's number decides.
pub(crate) fn run(rounds: Rounds) -> BoxFuture<'static, Result<Tally>> {
    async move {
        let written = Written::new(0).await?;
        // Of the same layout: what a recycled page would hold.
        let other = Written::new(0x55).await?;
        let mut tally = Tally::default();
        for round in rounds.numbers() {
            let damaged = written.damage(round, &other);
            let found = written
                .judge(&damaged)
                .await
                .with_context(|| format!("{} of {} bytes", damaged.name, damaged.content.len()))
                .with_context(|| format!("round {round}"))?;
            tally.rounds += 1;
            tally.acknowledged += found;
        }
        Ok(tally)
    }
    .boxed()
}

impl Written {
    async fn new(pattern: u8) -> Result<Self> {
        let directory = TempDir::new()?;
        let payload = |n: usize| Bytes::from(vec![n as u8 ^ pattern; 100 + n * 7 % 50]);
        let payloads: Vec<Bytes> = (0..FRAMES).map(payload).collect();
        let (spool, segments) = Spool::open(directory.path(), config(), Foundation::default())?;
        spool.append_all(payloads.clone()).await?;
        spool.close().await;
        drop(segments);
        let sealed = fs::read_dir(directory.path())?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .find(|name| name.ends_with(".sealed"));
        let sealed_name = sealed.context("a sealed segment")?;
        let (stem, _) = sealed_name.rsplit_once('-').context("a name with its frames")?;
        let open_name = format!("{stem}.open");
        let content = fs::read(directory.path().join(&sealed_name))?;
        let mut bounds = vec![HEADER_BYTES];
        for payload in &payloads {
            bounds.push(bounds[bounds.len() - 1] + FRAME_HEADER_BYTES + payload.len());
        }
        ensure!(bounds.last() == Some(&content.len()), "the layout of a segment has changed");
        Ok(Self { sealed_name, open_name, content, payloads, bounds })
    }

    fn damage(&self, round: u32, other: &Self) -> Damaged<'_> {
        let (cycle, place) = (round / CYCLE, round % CYCLE);
        let length = self.content.len();
        let mut content = self.content.clone();
        let mut left_open = cycle % 2 == 1;
        if place < CUT_ROUNDS {
            // An odd factor visits every cut once, in an order that is scattered from the first rounds on.
            let cut = (u64::from(cycle * CUT_ROUNDS + place) * 2_654_435_761 % CUTS) as usize;
            left_open = cut % 2 == 1;
            content.truncate(length - 1 - cut / 2);
        } else {
            let at = Rounds::scattered(round, length as u64) as usize;
            let page = at / PAGE_BYTES * PAGE_BYTES..((at / PAGE_BYTES + 1) * PAGE_BYTES).min(length);
            match place - CUT_ROUNDS {
                0 | 1 => content[at] ^= 1 << (cycle / 2 % 8),
                2 => content[page].fill(0),
                // Nothing of its own is left, also where it was left open.
                3 if cycle % 4 == 1 => {
                    content[HEADER_BYTES..].copy_from_slice(&other.content[HEADER_BYTES..])
                }
                // What was being written when the power went: the tail is another file's.
                _ => content[at..].copy_from_slice(&other.content[at..]),
            }
        }
        Damaged { name: if left_open { &self.open_name } else { &self.sealed_name }, content }
    }

    /// Holds what is read against what is left; returns how many frames were found.
    async fn judge(&self, damaged: &Damaged<'_>) -> Result<u64> {
        let content = &damaged.content;
        let survives = |n: &usize| {
            let frame = self.bounds[*n]..self.bounds[n + 1];
            content.get(frame.clone()) == Some(&self.content[frame])
        };
        let survivors: Vec<usize> = (0..FRAMES).filter(survives).collect();
        let outcome = self.read(damaged).await?;
        ensure!(outcome.numbers == survivors, "{survivors:?} are intact, {:?} were read", outcome.numbers);

        let (skipped, torn) = (outcome.status.frames_skipped_total, outcome.status.torn_tails_total);
        if damaged.name == self.sealed_name {
            let lost = (FRAMES - survivors.len()) as u64;
            ensure!((skipped, torn) == (lost, 0), "{lost} are lost, {skipped} were counted, {torn} torn");
        } else {
            // Behind the last intact frame nobody knows how many there were, only whether there was something.
            let end = survivors.last().map_or(0, |last| last + 1);
            let lost = (end - survivors.len()) as u64;
            let tail = content.get(self.bounds[end]..).unwrap_or_default();
            let expected = u64::from(tail.iter().any(|byte| *byte != 0));
            ensure!(
                (skipped, torn) == (lost, expected),
                "{lost} lost and {expected} torn, not {skipped} and {torn}"
            );
        }
        Ok(survivors.len() as u64)
    }

    async fn read(&self, damaged: &Damaged<'_>) -> Result<Outcome> {
        let directory = TempDir::new()?;
        fs::write(directory.path().join(damaged.name), &damaged.content)?;
        let (spool, mut segments) = Spool::open(directory.path(), config(), Foundation::default())?;
        spool.close().await;
        let mut numbers = Vec::new();
        while let Some(segment) = segments.next().await {
            for frame in segment.read().await? {
                let number = frame.number as usize;
                ensure!(frame.payload == self.payloads[number], "frame {number} has another payload");
                numbers.push(number);
            }
            segment.remove().await?;
        }
        let left = left_over(directory.path())?;
        // A segment that was left open without one intact frame is put aside for a person, never deleted.
        let substance =
            damaged.content.get(HEADER_BYTES..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0));
        let expected = (damaged.name.ends_with(".open") && numbers.is_empty() && substance)
            .then(|| damaged.name.replace(".open", ".damaged"));
        ensure!(left == expected.into_iter().collect::<Vec<_>>(), "{left:?} is left in the spool");
        if let [aside] = &left[..] {
            ensure!(fs::read(directory.path().join(aside))? == damaged.content, "{aside} is not as it was");
        }
        Ok(Outcome { numbers, status: spool.status() })
    }
}

fn left_over(directory: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    Ok(names.collect::<Result<Vec<_>>>()?.into_iter().filter(|name| name != "LOCK").collect())
}

fn config() -> Config {
    Config { seal_after_seconds: 3600.0, reserve_bytes: 0, ..Config::default() }
}
