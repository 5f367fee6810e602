//! The segment that is being written: from its creation to its sealing, or to its condemnation.
//!
//! Invariant: `durable_bytes` and `frames` count only what a successful sync has covered. After any error the
//! one thing that may be done with it is [`OpenSegment::condemn`], which consumes it; whether a frame counts
//! is decided here, whom to tell is not.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::file_system::{FileSystem, SegmentFile};
use crate::frame;
use crate::observe::Step;
use crate::segment::{BatchId, Header, Name, Segment, Stage};
use crate::spool::Shared;

pub(crate) struct OpenSegment {
    file: Box<dyn SegmentFile>,
    name: Name,
    created: SystemTime,
    /// The age is measured on the clock that does not jump.
    opened: Instant,
    durable_bytes: u64,
    frames: u32,
    entry_durable: bool,
}

/// A commit that is durable.
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    pub(crate) sync: Duration,
    pub(crate) directory_synced: bool,
}

/// What became of a condemned segment.
pub(crate) struct Condemned {
    /// Its acknowledged frames, if there are any.
    pub(crate) segment: Option<Segment>,
    /// Whether it is certain that nothing after them will ever be read.
    pub(crate) cut: io::Result<()>,
}

impl OpenSegment {
    /// Creates the file. Nothing is written yet: the header goes with the first commit, since one sync for
    /// both is cheaper and a crash in between costs only frames that nobody was told of.
    pub(crate) fn create(shared: &Shared, sequence: u64) -> io::Result<Self> {
        let batch = BatchId(getrandom::u64().map_err(io::Error::other)?);
        let name = Name { sequence, batch, stage: Stage::Open };
        let file = shared.file_system.create(&shared.path(name))?;
        let created = shared.file_system.now();
        let opened = Instant::now();
        Ok(Self { file, name, created, opened, durable_bytes: 0, frames: 0, entry_durable: false })
    }

    /// Writes payloads and makes them durable: one write, one sync, and for the first ones the directory's.
    pub(crate) fn commit<'a>(
        &mut self,
        payloads: impl Iterator<Item = &'a Bytes>,
        buffer: &mut Vec<u8>,
        shared: &Shared,
    ) -> io::Result<Stored> {
        buffer.clear();
        if self.durable_bytes == 0 {
            Header { batch: self.name.batch, sequence: self.name.sequence, created: self.created }
                .encode(buffer);
        }
        let mut number = self.frames;
        for payload in payloads {
            frame::encode(buffer, self.name.batch, number, payload);
            number += 1;
        }
        shared.observer.reached(Step::Writing);
        self.file.append(buffer)?;
        shared.observer.reached(Step::Written);
        let started = Instant::now();
        self.file.sync_data()?;
        shared.observer.reached(Step::Synced);
        let directory_synced = !self.entry_durable;
        if directory_synced {
            shared.file_system.sync_directory(&shared.directory)?;
            self.entry_durable = true;
            shared.observer.reached(Step::EntrySynced);
        }
        let stored = Stored { bytes: buffer.len() as u64, sync: started.elapsed(), directory_synced };
        self.durable_bytes += stored.bytes;
        self.frames = number;
        Ok(stored)
    }

    /// Gives the segment its sealed name. All of its bytes are durable already, and so is its entry; should a
    /// crash undo the rename, recovery seals it again with the same frames under the same batch id. A rename
    /// that fails leaves the segment under its open name, which does the reader no harm.
    pub(crate) fn seal(self, shared: &Shared) -> Segment {
        shared.observer.reached(Step::Sealing);
        drop(self.file);
        let open = shared.path(self.name);
        let sealed = shared.path(self.name.sealed(self.frames));
        let path = match shared.file_system.rename(&open, &sealed) {
            Ok(()) => sealed,
            Err(error) => {
                shared.report("a segment keeps its open name", &error);
                open
            }
        };
        shared.observer.reached(Step::Sealed);
        Segment {
            sequence: self.name.sequence,
            batch: self.name.batch,
            frames: self.frames,
            bytes: self.durable_bytes,
            created: self.created,
            path,
        }
    }

    /// Gives the file up after an error, and cuts it to what is durable so that nothing else in it is ever
    /// read. The cut holds if either the shorter length is durable (through a new descriptor) or the sealed
    /// name is, because that name tells how many frames count.
    pub(crate) fn condemn(self, shared: &Shared) -> Condemned {
        let file_system = &*shared.file_system;
        let open = shared.path(self.name);
        let truncated = if self.frames == 0 {
            let truncated = file_system.truncate(&open, 0);
            let removed = remove_durably(file_system, &open, &shared.directory, truncated.is_err());
            drop(self.file);
            return Condemned { segment: None, cut: truncated.or(removed) };
        } else {
            file_system.truncate(&open, self.durable_bytes)
        };
        let segment = self.seal(shared);
        let cut = truncated.or_else(|error| {
            if segment.path == open {
                return Err(error);
            }
            file_system.sync_directory(&shared.directory)
        });
        Condemned { segment: Some(segment), cut }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.name.sequence
    }

    pub(crate) fn created(&self) -> SystemTime {
        self.created
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    pub(crate) fn frames(&self) -> u32 {
        self.frames
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.durable_bytes
    }
}

/// Removes a file, and waits for the disk only if something depends on it.
fn remove_durably(
    file_system: &dyn FileSystem,
    path: &Path,
    directory: &Path,
    must_be_durable: bool,
) -> io::Result<()> {
    file_system.remove(path)?;
    if must_be_durable { file_system.sync_directory(directory) } else { Ok(()) }
}
