//! What the spool asks of the operating system, and the operating system's answer.
//!
//! Invariant: a method that returns `Ok` has the durability that its documentation states, no less; nothing
//! here knows about segments or frames. Everything is synchronous: callers bring their own threads.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{Access, FlockOperation};

use crate::OpenError;

/// One file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name within the directory.
    pub name: String,
    /// The length in bytes.
    pub bytes: u64,
}

/// A file that is being written. Dropping it closes the descriptor.
pub trait SegmentFile: Send {
    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// Whatever the system answers; any part of the bytes may then be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended durable, and the length with it.
    ///
    /// # Errors
    /// Whatever the system answers, and `NotFound` if the file no longer has a name, since nobody would find
    /// it again. After an error the descriptor must not be used: the kernel may have marked the lost pages
    /// clean, so that the next sync would succeed without having written them.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// Keeps a lock file locked until it is dropped.
pub trait Lock: Send + Sync {}

/// The file system that a spool lives on, and the clock that stamps its segments.
pub trait FileSystem: Send + Sync + 'static {
    /// Creates the directory, for the owner only, unless it exists, and checks that it can be used.
    ///
    /// # Errors
    /// The [`OpenError`] that says why it cannot be used.
    fn prepare_directory(&self, directory: &Path) -> Result<(), OpenError>;

    /// Locks a file against every other process and writes this process's id into it.
    ///
    /// # Errors
    /// `WouldBlock` if it is locked, else what the system answers.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// The files of a directory, in no order.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>>;

    /// Creates a file that must not exist. Its entry is durable only after [`FileSystem::sync_directory`].
    ///
    /// # Errors
    /// `AlreadyExists`, or what the system answers.
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;

    /// The first `limit` bytes of a file, fewer if it is shorter.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Cuts a file to `bytes` through a new descriptor and makes what is left of it durable, length included.
    ///
    /// # Errors
    /// Whatever the system answers; the file may then have either length.
    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Renames a file. Durable only after [`FileSystem::sync_directory`].
    ///
    /// # Errors
    /// Whatever the system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable only after [`FileSystem::sync_directory`].
    ///
    /// # Errors
    /// Whatever the system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes all creations, renames and removals in a directory durable.
    ///
    /// # Errors
    /// Whatever the system answers; each of them may then be durable or not.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// The bytes that this process may still write to the file system of a directory.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;

    /// The wall clock.
    fn now(&self) -> SystemTime;
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFileSystem;

struct RealFile(File);

impl SegmentFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        rustix::fs::fdatasync(&self.0)?;
        if rustix::fs::fstat(&self.0)?.st_nlink == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the segment was deleted while it was written",
            ));
        }
        Ok(())
    }
}

/// The lock goes with the descriptor, also when the process dies.
struct RealLock(#[expect(dead_code, reason = "held for its descriptor")] File);

impl Lock for RealLock {}

impl FileSystem for RealFileSystem {
    fn prepare_directory(&self, directory: &Path) -> Result<(), OpenError> {
        let at = || directory.to_owned();
        match DirBuilder::new().recursive(true).mode(0o700).create(directory) {
            Ok(()) => {}
            Err(_) if directory.exists() && !directory.is_dir() => {
                return Err(OpenError::NotADirectory { directory: at() });
            }
            Err(source) if denies_writing(&source) => {
                return Err(OpenError::ReadOnly { directory: at(), source });
            }
            Err(source) => return Err(OpenError::Io { path: at(), source }),
        }
        let owner = directory.metadata().map_err(|source| OpenError::Io { path: at(), source })?.uid();
        let expected = rustix::process::geteuid().as_raw();
        if owner != expected {
            return Err(OpenError::WrongOwner { directory: at(), owner, expected });
        }
        rustix::fs::access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| OpenError::ReadOnly { directory: at(), source: error.into() })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        // Not truncated before the lock is ours: the other process's id is what the refusal reports.
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Box::new(RealLock(file)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in directory.read_dir()? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.push(Listed { name, bytes: metadata.len() });
            }
        }
        Ok(files)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len().min(limit);
        let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(limit).read_to_end(&mut content)?;
        Ok(content)
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() > bytes {
            file.set_len(bytes)?;
        }
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(directory)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this trait is the edge at which the spool reads the clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Whether an error means that the place cannot be written at all.
pub(crate) fn denies_writing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
