//! The real file system, whose operations fail and die as planned.
//!
//! Invariant: what is not planned is passed on as it is. An append that fails or dies has written half of its bytes, as
//! a disk that fills up does; everything else that fails has not happened.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use passant_spool::{FileSystem, Listed, Lock, OpenError, RealFileSystem, SegmentFile};

use super::{die, is_due, planned, reached, shifted_system};

/// The real file system, failing as planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailingFileSystem {
    real: RealFileSystem,
}

struct FailingFile(Box<dyn SegmentFile>);

fn check(operation: &str) -> io::Result<()> {
    planned().and_then(|mut planned| planned.plan.fails(operation)).map_or(Ok(()), Err)
}

impl SegmentFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        if is_due("appending") {
            let _ = self.0.append(half);
            die();
        }
        if let Err(error) = check("append") {
            self.0.append(half)?;
            return Err(error);
        }
        self.0.append(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        check("sync")?;
        self.0.sync_data()
    }
}

impl FileSystem for FailingFileSystem {
    fn prepare_directory(&self, directory: &Path) -> Result<(), OpenError> {
        self.real.prepare_directory(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        check("lock")?;
        self.real.lock(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        self.real.list(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        check("create")?;
        let file = self.real.create(path)?;
        reached("created");
        Ok(Box::new(FailingFile(file)))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        check("read")?;
        self.real.read(path, limit)
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        check("truncate")?;
        self.real.truncate(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        check("rename")?;
        self.real.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        check("remove")?;
        self.real.remove(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        check("sync_directory")?;
        self.real.sync_directory(directory)
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        self.real.free_bytes(directory)
    }

    fn now(&self) -> SystemTime {
        shifted_system(self.real.now())
    }
}
