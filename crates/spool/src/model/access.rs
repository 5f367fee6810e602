//! The model's face: what a spool sees of it.
//!
//! Invariant: every change goes through `operate`, so that faults and crashes can strike at it. What the disk
//! does is decided by the parent module.

use std::io::{ErrorKind, Result};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Disk, Entry, Inode, ModelFileSystem, Operation, name_of};
use crate::OpenError;
use crate::file_system::{FileSystem, Listed, Lock, SegmentFile};

struct ModelFile {
    file_system: ModelFileSystem,
    inode: usize,
}

impl SegmentFile for ModelFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let inode = self.inode;
        let write = |disk: &mut Disk| {
            let free = disk.capacity_bytes.saturating_sub(disk.used_bytes());
            disk.append(inode, &bytes[..bytes.len().min(free)]);
            if free < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let write_part = |disk: &mut Disk| {
            let part = disk.draw(bytes.len() + 1);
            disk.append(inode, &bytes[..part]);
        };
        self.file_system.operate(Operation::Append, write, write_part)
    }

    fn sync_data(&mut self) -> Result<()> {
        let inode = self.inode;
        let sync = |disk: &mut Disk| {
            disk.write_back(inode);
            let named = disk.names.values().any(|&linked| linked == inode);
            if named { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
        };
        self.file_system.operate(Operation::Sync, sync, |disk| disk.tear(inode))
    }
}

struct ModelLock(ModelFileSystem);

impl Lock for ModelLock {}

impl Drop for ModelLock {
    fn drop(&mut self) {
        let mut disk = self.0.lock_disk();
        if disk.locked_by == Some(self.0.process) {
            disk.locked_by = None;
        }
    }
}

impl FileSystem for ModelFileSystem {
    fn prepare_directory(&self, _directory: &Path) -> std::result::Result<(), OpenError> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> Result<Box<dyn Lock>> {
        let mut disk = self.lock_disk();
        if disk.locked_by.is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        disk.locked_by = Some(self.process);
        drop(disk);
        Ok(Box::new(ModelLock(self.clone())))
    }

    fn list(&self, _directory: &Path) -> Result<Vec<Listed>> {
        let disk = self.lock_disk();
        let listed = |(name, &inode): (&String, &usize)| Listed {
            name: name.clone(),
            bytes: disk.inodes[inode].cache.len() as u64,
        };
        Ok(disk.names.iter().map(listed).collect())
    }

    fn create(&self, path: &Path) -> Result<Box<dyn SegmentFile>> {
        let create = |disk: &mut Disk| {
            if disk.find(path).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            disk.inodes.push(Inode::default());
            let inode = disk.inodes.len() - 1;
            disk.change_entry(Entry::Link(name_of(path), inode));
            Ok(inode)
        };
        let inode = self.operate(Operation::Create, create, |_| ())?;
        Ok(Box::new(ModelFile { file_system: self.clone(), inode }))
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let disk = self.lock_disk();
        let mut content = disk.inodes[disk.find(path)?].cache.clone();
        content.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(content)
    }

    fn truncate(&self, path: &Path, bytes: u64) -> Result<()> {
        let cut = |disk: &mut Disk| -> Result<usize> {
            let inode = disk.find(path)?;
            let length = disk.inodes[inode].cache.len().min(bytes as usize);
            let Inode { cache, dirty, .. } = &mut disk.inodes[inode];
            cache.truncate(length);
            dirty.retain_mut(|range| {
                range.end = range.end.min(length);
                range.start < range.end
            });
            Ok(inode)
        };
        let cut_and_sync = |disk: &mut Disk| {
            let inode = cut(disk)?;
            disk.write_back(inode);
            Ok(())
        };
        // Half of the failures strike after the cache was cut: the process sees the cut, the disk does not.
        let cut_only = |disk: &mut Disk| {
            if disk.draw(2) == 0 {
                let _ = cut(disk);
            }
        };
        self.operate(Operation::Truncate, cut_and_sync, cut_only)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let rename = |disk: &mut Disk| {
            disk.find(from)?;
            disk.change_entry(Entry::Rename(name_of(from), name_of(to)));
            Ok(())
        };
        self.operate(Operation::Rename, rename, |_| ())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let remove = |disk: &mut Disk| {
            disk.find(path)?;
            disk.change_entry(Entry::Unlink(name_of(path)));
            Ok(())
        };
        self.operate(Operation::Remove, remove, |_| ())
    }

    fn sync_directory(&self, _directory: &Path) -> Result<()> {
        let sync = |disk: &mut Disk| {
            disk.durable_names = disk.names.clone();
            disk.unsynced_entries.clear();
            Ok(())
        };
        self.operate(Operation::SyncDirectory, sync, |_| ())
    }

    fn free_bytes(&self, _directory: &Path) -> Result<u64> {
        let disk = self.lock_disk();
        Ok(disk.capacity_bytes.saturating_sub(disk.used_bytes()) as u64)
    }

    fn now(&self) -> SystemTime {
        // A clock that moves by the operation: tests do not depend on the real one.
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(self.operations())
    }
}
