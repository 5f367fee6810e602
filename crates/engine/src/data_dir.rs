//! The data directory and the socket: who may use them, and that one engine does.
//!
//! Invariant: while a [`DataDir`] lives, no other engine opens the same directory; its path is canonical, because
//! libchdb takes two spellings of one directory for two.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

use crate::Error;

const LOCK: &str = "engine.lock";

/// A locked data directory.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    // The lock ends with the descriptor, however the process ends.
    _lock: File,
}

impl DataDir {
    /// Creates the directory if it is not there, makes it private, and locks it.
    ///
    /// # Errors
    /// [`Error::DataInUse`] if another engine has it, [`Error::Files`] if the system refuses.
    pub(crate) fn lock(path: &Path) -> Result<Self, Error> {
        let files = |source| Error::Files { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(files)?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(files)?;
        let path = path.canonicalize().map_err(files)?;
        if path.to_str().is_none_or(|text| text.contains('\0')) {
            return Err(Error::Config(format!("data directory {} is not UTF-8", path.display())));
        }
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(files)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // What it holds is for the message only.
                let _ = lock.read_to_string(&mut pid);
                let pid = pid.trim().parse::<u32>().map_or("unknown".to_owned(), |pid| pid.to_string());
                return Err(Error::DataInUse { data: path, pid });
            }
            Err(TryLockError::Error(source)) => return Err(files(source)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(files)?;
        writeln!(lock, "{}", std::process::id()).map_err(files)?;
        Ok(Self { path, _lock: lock })
    }

    /// The canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Listens on a socket that only its owner can open, in the place of one that a killed engine left.
///
/// The socket is made under another name and moved, so that nobody can open it before its permissions are set.
///
/// # Errors
/// [`Error::SocketInUse`] if a process still listens on it, [`Error::Files`] if the system refuses.
pub(crate) fn listen(socket: &Path) -> Result<UnixListener, Error> {
    let files = |source| Error::Files { path: socket.to_owned(), source };
    match std::os::unix::net::UnixStream::connect(socket) {
        Ok(_) => return Err(Error::SocketInUse { socket: socket.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => remove(socket).map_err(files)?,
    }
    let mut made = socket.as_os_str().to_owned();
    made.push("~");
    let made = PathBuf::from(made);
    remove(&made).map_err(files)?;
    let listener = UnixListener::bind(&made).map_err(files)?;
    fs::set_permissions(&made, Permissions::from_mode(0o600)).map_err(files)?;
    fs::rename(&made, socket).map_err(files)?;
    Ok(listener)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) => {
            use std::os::unix::fs::FileTypeExt;
            if found.file_type().is_socket() {
                fs::remove_file(path)
            } else {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_directory_that_is_locked_and_takes_it_when_it_is_free() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("a/data");
        let first = DataDir::lock(&data).unwrap();
        let refused = DataDir::lock(&root.path().join("a/./data")).unwrap_err();
        let pid = std::process::id();
        assert!(refused.to_string().ends_with(&format!("is in use by another engine (pid {pid})")));
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        drop(first);
        DataDir::lock(&data).unwrap();
    }

    #[tokio::test]
    async fn replaces_a_dead_socket_but_neither_a_live_one_nor_a_file() {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("s");
        drop(listen(&socket).unwrap());
        let live = listen(&socket).unwrap();
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(listen(&socket), Err(Error::SocketInUse { .. })));
        drop(live);
        let file = root.path().join("f");
        fs::write(&file, "precious").unwrap();
        assert!(matches!(listen(&file), Err(Error::Files { .. })));
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    }
}
