//! A file system in memory that fails the way disks do, for tests of whatever stands on a spool.
//!
//! Invariant: what the model loses in a crash, a real file system may lose; what it keeps was synced. It holds
//! one flat directory and is stricter than Linux file systems are: no sync of a file implies its directory
//! entry, and directory operations reach the disk in any combination.
//!
//! A file is a cache (what reads see), a disk image (what survives a power loss) and the dirty ranges between
//! them. A failed sync marks every range clean whether it was written or not, as Linux does, so that a caller
//! who syncs the same descriptor again is told a lie.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod access;
mod oracle;

pub use oracle::{Action, Oracle};

/// The unit in which a torn write reaches the disk, in bytes.
const SECTOR_BYTES: usize = 512;

/// What can be made to fail, and at what a crash can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creating a file.
    Create,
    /// Appending to a file.
    Append,
    /// Syncing a file.
    Sync,
    /// Cutting a file.
    Truncate,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Syncing the directory.
    SyncDirectory,
}

/// How often an injected fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Once.
    Once,
    /// Until the restart.
    Forever,
}

/// An error to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The operation that fails.
    pub operation: Operation,
    /// How many such operations succeed before.
    pub after: u32,
    /// What is answered.
    pub error: ErrorKind,
    /// How often.
    pub persistence: Persistence,
}

/// What a crash takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The process: everything it wrote stays in the cache.
    Process,
    /// The power: everything unsynced is kept, lost, torn or replaced by junk, at random.
    Power,
}

/// One process's view of the modelled disk.
#[derive(Clone)]
pub struct ModelFileSystem {
    disk: Arc<Mutex<Disk>>,
    process: u64,
}

#[derive(Default)]
struct Inode {
    cache: Vec<u8>,
    disk: Vec<u8>,
    dirty: Vec<Range<usize>>,
}

#[derive(Clone)]
enum Entry {
    Link(String, usize),
    Rename(String, String),
    Unlink(String),
}

struct Disk {
    random: u64,
    process: u64,
    dead: bool,
    locked_by: Option<u64>,
    capacity_bytes: usize,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_entries: Vec<Entry>,
    faults: Vec<Fault>,
    lies: Vec<Operation>,
    crash: Option<(u32, Loss)>,
    operations: u64,
}

impl ModelFileSystem {
    /// An empty disk; `seed` decides what crashes leave of it.
    #[must_use]
    pub fn new(seed: u64, capacity_bytes: usize) -> Self {
        let disk = Disk {
            random: seed | 1,
            process: 0,
            dead: false,
            locked_by: None,
            capacity_bytes,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_entries: Vec::new(),
            faults: Vec::new(),
            lies: Vec::new(),
            crash: None,
            operations: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)), process: 0 }
    }

    /// Makes an operation fail.
    pub fn inject(&self, fault: Fault) {
        self.lock_disk().faults.push(fault);
    }

    /// Makes an operation do nothing and answer that it succeeded, for good: no spool can keep its promise on
    /// such a disk, and a test that does not notice tests nothing.
    pub fn lie_about(&self, operation: Operation) {
        self.lock_disk().lies.push(operation);
    }

    /// Crashes in or before the operation after the next `operations` ones.
    pub fn crash_after(&self, operations: u32, loss: Loss) {
        self.lock_disk().crash = Some((operations, loss));
    }

    /// Whether the process has crashed, so that nothing it says counts any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        let disk = self.lock_disk();
        disk.dead || disk.process != self.process
    }

    /// Operations carried out or failed since the disk was made.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock_disk().operations
    }

    /// Ends this process, unless it is dead already, and starts another on what is left. Faults are gone.
    #[must_use]
    pub fn restart(&self, loss: Loss) -> Self {
        let mut disk = self.lock_disk();
        if !disk.dead {
            disk.crash(loss);
        }
        disk.dead = false;
        disk.process += 1;
        disk.locked_by = None;
        disk.faults.clear();
        disk.crash = None;
        Self { disk: Arc::clone(&self.disk), process: disk.process }
    }

    /// The files and their content, as reads see them.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.lock_disk();
        disk.names.iter().map(|(name, &inode)| (name.clone(), disk.inodes[inode].cache.clone())).collect()
    }

    /// Puts a durable file on the disk, replacing any of that name.
    pub fn put(&self, name: &str, content: &[u8]) {
        let mut disk = self.lock_disk();
        let inode = disk.inodes.len();
        disk.inodes.push(Inode { cache: content.to_vec(), disk: content.to_vec(), dirty: Vec::new() });
        disk.names.insert(name.to_owned(), inode);
        disk.durable_names.insert(name.to_owned(), inode);
    }

    /// Runs an operation, or what an injected fault or a crash leaves of it.
    fn operate<T: Default>(
        &self,
        operation: Operation,
        run: impl FnOnce(&mut Disk) -> Result<T>,
        fail: impl FnOnce(&mut Disk),
    ) -> Result<T> {
        let mut disk = self.lock_disk();
        if disk.dead || disk.process != self.process {
            return Err(Error::other("the process is dead"));
        }
        disk.operations += 1;
        if let Some((countdown, loss)) = disk.crash {
            if countdown == 0 {
                match disk.draw(3) {
                    0 => drop(run(&mut disk)),
                    1 => fail(&mut disk),
                    _ => {}
                }
                disk.crash(loss);
                return Err(Error::other("the process is dead"));
            }
            disk.crash = Some((countdown - 1, loss));
        }
        if disk.lies.contains(&operation) {
            return Ok(T::default());
        }
        match disk.strike(operation) {
            Some(kind) => {
                fail(&mut disk);
                Err(kind.into())
            }
            None => run(&mut disk),
        }
    }

    fn lock_disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// A number below `bound` (xorshift64).
    fn draw(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % bound.max(1)
    }

    fn strike(&mut self, operation: Operation) -> Option<ErrorKind> {
        let index = self.faults.iter().position(|fault| fault.operation == operation)?;
        let fault = &mut self.faults[index];
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let error = fault.error;
        if fault.persistence == Persistence::Once {
            self.faults.remove(index);
        }
        Some(error)
    }

    fn used_bytes(&self) -> usize {
        self.names.values().map(|&inode| self.inodes[inode].cache.len()).sum()
    }

    fn find(&self, path: &Path) -> Result<usize> {
        self.names.get(&name_of(path)).copied().ok_or(ErrorKind::NotFound.into())
    }

    fn append(&mut self, inode: usize, bytes: &[u8]) {
        let cache = &mut self.inodes[inode].cache;
        let start = cache.len();
        cache.extend_from_slice(bytes);
        let end = cache.len();
        self.inodes[inode].dirty.push(start..end);
    }

    /// Writes all dirty ranges back. What a failed sync has lost before stays lost.
    fn write_back(&mut self, inode: usize) {
        let Inode { cache, disk, dirty } = &mut self.inodes[inode];
        disk.resize(cache.len(), 0);
        for range in dirty.drain(..) {
            disk[range.clone()].copy_from_slice(&cache[range]);
        }
    }

    /// Writes some sectors of the dirty ranges back, up to a length torn at any byte, and forgets the rest.
    fn tear(&mut self, inode: usize) {
        let (cached, stored) = (self.inodes[inode].cache.len(), self.inodes[inode].disk.len());
        let length = match stored.checked_sub(cached) {
            // Cut in the cache only: the old length may come back.
            Some(1..) => [cached, stored][self.draw(2)],
            _ => stored + self.draw(cached - stored + 1),
        };
        let junk_from = self.draw(self.inodes.len());
        let junk = self.inodes[junk_from].cache.clone();
        let ranges = std::mem::take(&mut self.inodes[inode].dirty);
        self.inodes[inode].disk.resize(length, 0);
        for range in ranges {
            let mut start = range.start;
            while start < range.end.min(length) {
                let end = (start / SECTOR_BYTES + 1).saturating_mul(SECTOR_BYTES).min(range.end).min(length);
                let fate = self.draw(8);
                let Inode { cache, disk, .. } = &mut self.inodes[inode];
                match fate {
                    0..4 => disk[start..end].copy_from_slice(&cache[start..end]),
                    4 if junk.len() >= end => disk[start..end].copy_from_slice(&junk[start..end]),
                    _ => {}
                }
                start = end;
            }
        }
    }

    fn crash(&mut self, loss: Loss) {
        self.dead = true;
        if loss == Loss::Process {
            return;
        }
        for inode in 0..self.inodes.len() {
            self.tear(inode);
            self.inodes[inode].cache = self.inodes[inode].disk.clone();
        }
        for entry in std::mem::take(&mut self.unsynced_entries) {
            if self.draw(2) == 0 {
                apply(&mut self.durable_names, entry);
            }
        }
        self.names = self.durable_names.clone();
    }

    fn change_entry(&mut self, entry: Entry) {
        apply(&mut self.names, entry.clone());
        self.unsynced_entries.push(entry);
    }
}

/// Carries out a directory operation if its file is there.
fn apply(names: &mut BTreeMap<String, usize>, entry: Entry) {
    match entry {
        Entry::Link(name, inode) => {
            names.insert(name, inode);
        }
        Entry::Rename(from, to) => {
            if let Some(inode) = names.remove(&from) {
                names.insert(to, inode);
            }
        }
        Entry::Unlink(name) => {
            names.remove(&name);
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
