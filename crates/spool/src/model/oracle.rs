//! The oracle: numbers every payload, remembers what became of its append, plays shipper and store, and says
//! whether the promise was kept.
//!
//! Invariant: it judges by what was answered alone, and panics at the first thing that breaks the promise: it is for
//! tests, of this crate and of whatever stands on it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Fault, Loss, ModelFileSystem, Operation};
use crate::{AppendError, BatchId, Config, Foundation, SealedSegment, Segments, Spool};

/// What happens to a spool.
#[derive(Clone, Debug)]
pub enum Action {
    /// Appends that run at the same time, by their lengths.
    Append(Vec<usize>),
    /// One append of several payloads.
    AppendAll(Vec<usize>),
    /// Seals what was appended.
    Seal,
    /// Ships so many segments.
    Ship(usize),
    /// Reads a segment and lets it go.
    Peek,
    /// Makes an operation fail.
    Inject(Fault),
    /// Makes an operation do nothing and say that it succeeded.
    LieAbout(Operation),
    /// Crashes so many operations later.
    CrashAfter(u32, Loss),
    /// Crashes now.
    Crash(Loss),
    /// Crashes, and again so many operations into the recovery.
    CrashTwice(Loss, u32),
    /// Closes the spool and opens it again.
    Reopen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Refused,
    Unanswered,
}

/// A spool on a model of a disk, and what was promised about it.
pub struct Oracle {
    model: ModelFileSystem,
    config: Config,
    running: Option<(Spool, Segments)>,
    fates: Vec<Fate>,
    /// What the store holds, by batch and frame number: inserting the same row again changes nothing.
    store: BTreeMap<(BatchId, u32), u64>,
    /// How many frames a segment had when it was shipped: a store that holds others cannot tell which are missing.
    shipped: BTreeMap<BatchId, usize>,
    /// The segments whose removal was answered, and which must never come back.
    removed: BTreeSet<BatchId>,
}

impl Oracle {
    /// Runs the actions, then drains the spool and checks the promise. Returns how many payloads were acknowledged.
    ///
    /// # Panics
    /// When the promise was broken.
    pub fn check(seed: u64, disk_bytes: usize, config: Config, actions: &[Action]) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let model = ModelFileSystem::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), disk_bytes);
        let mut oracle = Self {
            model,
            config,
            running: None,
            fates: Vec::new(),
            store: BTreeMap::new(),
            shipped: BTreeMap::new(),
            removed: BTreeSet::new(),
        };
        runtime.block_on(async {
            oracle.start();
            for action in actions {
                oracle.act(action).await;
                if oracle.model.is_dead() {
                    oracle.restart(Loss::Process).await;
                }
            }
            oracle.judge().await
        })
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Append(lengths) => self.append_each(lengths).await,
            Action::AppendAll(lengths) => self.append_together(lengths).await,
            Action::Seal => self.spool().seal().await,
            Action::Ship(count) => self.ship(*count).await,
            Action::Peek => self.peek().await,
            Action::Inject(fault) => self.model.inject(*fault),
            Action::LieAbout(operation) => self.model.lie_about(*operation),
            Action::CrashAfter(operations, loss) => self.model.crash_after(*operations, *loss),
            Action::Crash(loss) => self.restart(*loss).await,
            Action::CrashTwice(loss, operations) => {
                self.stop(*loss).await;
                self.model.crash_after(*operations, *loss);
                let second = Spool::open(Path::new("/spool"), self.config.clone(), self.foundation());
                assert!(second.is_ok() || self.model.is_dead(), "recovery failed on a healthy disk");
                self.running = second.ok();
                self.restart(*loss).await;
            }
            Action::Reopen => {
                self.spool().close().await;
                self.restart(Loss::Process).await;
            }
        }
        if let Some((spool, _)) = &self.running {
            let status = spool.status();
            assert!(status.bytes <= self.config.capacity_bytes + 4096, "{status:?}");
        }
    }

    async fn append_each(&mut self, lengths: &[usize]) {
        let mut appends = Vec::new();
        for &length in lengths {
            let (spool, payload) = (self.spool().clone(), self.number(length));
            appends.push(tokio::spawn(async move { spool.append(payload).await }));
        }
        let first = self.fates.len() - lengths.len();
        for (offset, append) in appends.into_iter().enumerate() {
            self.fates[first + offset] = self.fate(append.await.unwrap());
        }
    }

    async fn append_together(&mut self, lengths: &[usize]) {
        let payloads = lengths.iter().map(|&length| self.number(length)).collect();
        let outcome = self.spool().append_all(payloads).await;
        let fate = self.fate(outcome);
        let first = self.fates.len() - lengths.len();
        self.fates[first..].fill(fate);
    }

    /// The next payload: its number, and a pattern that depends on it.
    fn number(&mut self, length: usize) -> Bytes {
        let number = self.fates.len() as u64;
        self.fates.push(Fate::Unanswered);
        payload(number, length)
    }

    fn fate(&self, outcome: Result<(), AppendError>) -> Fate {
        match outcome {
            Ok(()) => Fate::Acknowledged,
            Err(AppendError::Indeterminate) => Fate::Unanswered,
            // The dead answer nobody.
            Err(_) if self.model.is_dead() => Fate::Unanswered,
            Err(_) => Fate::Refused,
        }
    }

    async fn ship(&mut self, count: usize) {
        for _ in 0..count {
            let Some(segment) = self.waiting().await else { return };
            if self.read(&segment).await {
                // A removal that fails leaves the rows in the store and the segment for another round.
                if segment.remove().await.is_ok() {
                    self.removed.insert(segment.batch_id());
                }
            }
        }
    }

    /// Inserts a segment's rows into the store.
    async fn read(&mut self, segment: &SealedSegment) -> bool {
        assert!(!self.removed.contains(&segment.batch_id()), "a removed segment came back");
        let Ok(frames) = segment.read().await else { return false };
        let frames: Vec<_> = frames.into_iter().collect();
        let before = self.shipped.insert(segment.batch_id(), frames.len());
        assert!(
            before.is_none_or(|before| before == frames.len()),
            "a shipped segment came back with others"
        );
        for frame in frames {
            let number = verify(&frame.payload);
            let before = self.store.insert((segment.batch_id(), frame.number), number);
            assert!(before.is_none_or(|before| before == number), "one batch id for two contents");
        }
        true
    }

    async fn peek(&mut self) {
        if let Some(segment) = self.waiting().await
            && let Ok(frames) = segment.read().await
        {
            for frame in frames {
                let number = verify(&frame.payload);
                assert_ne!(self.fates[number as usize], Fate::Refused, "payload {number} was refused");
            }
        }
    }

    async fn waiting(&mut self) -> Option<SealedSegment> {
        let (_, segments) = self.running.as_mut()?;
        if segments.pending().is_empty() { None } else { segments.next().await }
    }

    async fn stop(&mut self, loss: Loss) {
        self.model = self.model.restart(loss);
        if let Some((spool, _)) = self.running.take() {
            spool.close().await;
        }
    }

    async fn restart(&mut self, loss: Loss) {
        self.stop(loss).await;
        self.start();
    }

    fn start(&mut self) {
        let opened = Spool::open(Path::new("/spool"), self.config.clone(), self.foundation());
        self.running = Some(opened.expect("a healthy disk"));
    }

    fn foundation(&self) -> Foundation {
        Foundation { file_system: Arc::new(self.model.clone()), ..Foundation::default() }
    }

    fn spool(&self) -> &Spool {
        &self.running.as_ref().expect("it runs between actions").0
    }

    async fn judge(mut self) -> u64 {
        self.restart(Loss::Power).await;
        self.spool().close().await;
        let mut last = None;
        while let Some(segment) = self.running.as_mut().unwrap().1.next().await {
            for frame in segment.read().await.unwrap() {
                let number = verify(&frame.payload);
                assert!(last < Some(number), "payload {number} after {last:?}");
                last = Some(number);
            }
            assert!(self.read(&segment).await);
            segment.remove().await.unwrap();
        }
        let status = self.spool().status();
        assert_eq!((status.bytes, status.events, status.segments), (0, 0, 0), "{status:?}");
        assert_eq!(status.oldest_unsent, None);
        let stored: BTreeSet<u64> = self.store.values().copied().collect();
        assert_eq!(stored.len(), self.store.len(), "a payload was stored twice");
        for (number, fate) in self.fates.iter().enumerate() {
            let found = stored.contains(&(number as u64));
            assert!(found || *fate != Fate::Acknowledged, "acknowledged payload {number} was lost");
            assert!(!found || *fate != Fate::Refused, "refused payload {number} was stored");
        }
        self.fates.iter().filter(|fate| **fate == Fate::Acknowledged).count() as u64
    }
}

fn payload(number: u64, length: usize) -> Bytes {
    let mut payload = number.to_le_bytes().to_vec();
    payload.extend((0..length).map(|at| pattern(number, at)));
    payload.into()
}

/// The payload's number, once all of its bytes are as they were.
fn verify(payload: &[u8]) -> u64 {
    let (number, rest) = payload.split_first_chunk().expect("at least a number");
    let number = u64::from_le_bytes(*number);
    assert!(
        rest.iter().enumerate().all(|(at, &byte)| byte == pattern(number, at)),
        "payload {number} changed"
    );
    number
}

fn pattern(number: u64, at: usize) -> u8 {
    (number.wrapping_mul(31).wrapping_add(at as u64 * 7) % 251) as u8
}
