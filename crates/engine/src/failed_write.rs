//! Ends the engine at the first write to a table that fails.
//!
//! libchdb (26.7) goes on after a write that failed, as when the disk is full: the INSERT is answered with success and its part
//! put in place, a merge takes the place of its sources, an ALTER that of the table's definition, with files that are cut or
//! empty. An engine that ends instead leaves what was not committed to the next start, which removes it; clients see a cut
//! connection, and ask for their batch.
//!
//! Invariant: nothing is committed after a write or a sync of a table's file that failed. The calls of libchdb come here
//! because the symbols of a program come before those of its libraries.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Status of an engine that ended so (source: `EX_IOERR` of sysexits.h).
const STATUS: i32 = 74;

/// The directories of tables' rows and definitions below the data.
const TABLES: [&str; 2] = ["store", "metadata"];

/// Where those are; unset in every process that is no engine.
static WATCHED: OnceLock<[PathBuf; 2]> = OnceLock::new();

/// From now on a write to a table that fails ends this process.
///
/// # Errors
/// In words, when the directory is unusable, or libchdb would call another `write` than ours.
pub(crate) fn ends_the_process(data: &Path) -> Result<(), String> {
    let data = data.canonicalize().map_err(|error| format!("{}: {error}", data.display()))?;
    let program = libloading::os::unix::Library::this();
    for (name, ours) in [
        ("write", write as *const () as usize),
        ("fsync", fsync as *const () as usize),
        ("fdatasync", fdatasync as *const () as usize),
    ] {
        // SAFETY: the address is compared and never called.
        let found =
            unsafe { program.get::<*const ()>(name.as_bytes()) }.map_err(|error| error.to_string())?;
        if found.into_raw() as usize != ours {
            return Err(format!("this build cannot watch the engine's writes: `{name}` is not its own"));
        }
    }
    // A second engine of the same process has the same data, or is refused.
    WATCHED.get_or_init(|| TABLES.map(|directory| data.join(directory)));
    Ok(())
}

/// As the function of the C library, which it stands in for in the whole process.
///
/// # Safety
/// As of the function of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, count: usize) -> isize {
    // SAFETY: the kernel checks all three.
    let written = unsafe { libc::syscall(libc::SYS_write, fd, buffer, count) };
    noted(fd, written) as isize
}

/// As [`write`].
#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    // SAFETY: the kernel checks it.
    let outcome = unsafe { libc::syscall(libc::SYS_fsync, fd) };
    noted(fd, outcome) as c_int
}

/// As [`write`].
#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: the kernel checks it.
    let outcome = unsafe { libc::syscall(libc::SYS_fdatasync, fd) };
    noted(fd, outcome) as c_int
}

fn noted(fd: RawFd, outcome: c_long) -> c_long {
    if outcome < 0 {
        ends_if_of_a_table(fd);
    }
    outcome
}

#[cold]
fn ends_if_of_a_table(fd: RawFd) {
    let error = io::Error::last_os_error();
    let Some(watched) = WATCHED.get() else { return };
    let passes = matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock);
    let file = std::fs::read_link(format!("/proc/self/fd/{fd}"));
    if passes || !file.is_ok_and(|file| watched.iter().any(|directory| file.starts_with(directory))) {
        // SAFETY: the C library's own, of this thread. Looking the file up may have changed it.
        unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(libc::EIO) };
        return;
    }
    tracing::error!(%error, "a write to the store failed; the engine ends before it is taken for done");
    // SAFETY: the process ends here, with nothing of it left to clean up.
    unsafe { libc::_exit(STATUS) }
}
