//! The handle that appenders hold, and the state that it shares with the writer and the reader.
//!
//! Invariant: as long as anything of a spool lives (a handle, the writer, a segment in the reader's hands) its
//! lock file stays locked. No I/O happens on the caller's thread except in [`Spool::open`].

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::file_system::{self, FileSystem, Lock, RealFileSystem};
use crate::frame::PAYLOAD_LIMIT_BYTES;
use crate::ledger::Ledger;
use crate::queue::{QUEUE_BYTES, Queue, Request};
use crate::segment::{HEADER_BYTES, Name};
use crate::writer::Writer;
use crate::{AppendError, Config, Observer, OpenError, Segments, Status, recovery};

/// What a full spool asks its clients to wait: long enough to ship a segment.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The file whose lock keeps a second writer out.
const LOCK_NAME: &str = "LOCK";

/// A file that is made and removed to see whether files can be.
const PROBE_NAME: &str = "PROBE";

/// What a spool stands on. The default is the operating system, observed by nobody.
#[derive(Clone)]
pub struct Foundation {
    /// The file system and clock.
    pub file_system: Arc<dyn FileSystem>,
    /// Who is told of commits.
    pub observer: Arc<dyn Observer>,
}

impl Default for Foundation {
    fn default() -> Self {
        Self { file_system: Arc::new(RealFileSystem), observer: Arc::new(()) }
    }
}

/// A durable, append-only log of payloads, cut into segments. Cloning it is cheap.
///
/// When the last clone is dropped, what was queued is still committed and sealed, in the background;
/// [`Spool::close`] waits for it.
#[derive(Clone)]
pub struct Spool {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What handle, writer and reader share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) directory: PathBuf,
    pub(crate) file_system: Arc<dyn FileSystem>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    _lock: Box<dyn Lock>,
}

impl Spool {
    /// Opens the spool in `directory`, creating it if need be, and recovers what an earlier process left.
    /// The reader's side is returned with it; whoever does not ship drops it. Blocks for the recovery, which
    /// reads segments that were open in a crash and only the headers of sealed ones.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is lost by it, and trying again is safe.
    pub fn open(
        directory: &Path,
        config: Config,
        foundation: Foundation,
    ) -> Result<(Self, Segments), OpenError> {
        config.check()?;
        let Foundation { file_system, observer } = foundation;
        file_system.prepare_directory(directory)?;
        let lock = lock(&*file_system, directory)?;
        let recovered = recovery::recover(&*file_system, directory)?;
        let ledger = Ledger::new(config.capacity_bytes);
        ledger.torn_tails(recovered.torn_tails);
        for segment in recovered.segments {
            ledger.recovered(segment);
        }
        let queue = Queue::new(&config);
        let directory = directory.to_owned();
        let shared =
            Arc::new(Shared { config, directory, file_system, observer, queue, ledger, _lock: lock });
        let writer = Writer::new(Arc::clone(&shared), recovered.next_sequence);
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io { path: shared.directory.clone(), source })?;
        let segments = Segments::new(Arc::clone(&shared));
        let handle = Arc::new(Handle { shared, writer: Mutex::new(Some(thread)) });
        Ok((Self { handle }, segments))
    }

    /// Stores a payload; resolves with `Ok` once it is durable. Dropping the future neither stores nor
    /// withdraws it: the payload may be stored or not.
    ///
    /// # Errors
    /// [`AppendError`]; unless it is [`AppendError::Indeterminate`], the payload is not and will not be stored.
    pub async fn append(&self, payload: Bytes) -> Result<(), AppendError> {
        self.append_all(vec![payload]).await
    }

    /// Stores payloads in one commit: all are acknowledged, in this order and in one segment, or none is.
    ///
    /// # Errors
    /// As [`Spool::append`], for all payloads together.
    pub async fn append_all(&self, payloads: Vec<Bytes>) -> Result<(), AppendError> {
        let (answer, answered) = oneshot::channel();
        // An appender that has gone away was never answered, which promises nothing.
        self.append_then(payloads, move |outcome| drop(answer.send(outcome)));
        answered.await.unwrap_or(Err(AppendError::Indeterminate))
    }

    /// Queues payloads as [`Spool::append_all`] stores them and returns at once; `then` is called with the outcome as
    /// soon as that is certain. It runs on the writer's thread with those of its whole group, or here if the payloads
    /// are refused without being queued. So what has to follow a durable payload needs neither a task nor a caller
    /// that stays; it must not block and not panic. If the writer dies it is dropped uncalled, which means
    /// [`AppendError::Indeterminate`].
    pub fn append_then(
        &self,
        payloads: Vec<Bytes>,
        then: impl FnOnce(Result<(), AppendError>) + Send + 'static,
    ) {
        if payloads.is_empty() {
            return then(Ok(()));
        }
        let Shared { config, ledger, queue, .. } = &*self.handle.shared;
        let oversized = payloads.iter().any(|payload| payload.len() > PAYLOAD_LIMIT_BYTES);
        let count = payloads.len();
        let request = Request::new(payloads, Box::new(then));
        if oversized
            || count as u64 > u64::from(config.seal_after_events)
            || request.bytes > QUEUE_BYTES.min(config.segment_bytes - HEADER_BYTES as u64)
        {
            let error = AppendError::TooLarge { bytes: request.bytes, payloads: count };
            return (request.then)(Err(error));
        }
        let room = config.capacity_bytes.saturating_sub(ledger.bytes());
        if let Err((error, request)) = queue.push(request, room) {
            (request.then)(Err(error));
        }
    }

    /// Lets the spool ask how many callers could append at this moment, each waiting for its answer before it appends
    /// again: when that many appends are queued, nobody else can join them, and they are not kept waiting. Without it
    /// the spool waits as long as its settings say. The first one that is given counts; it must not block.
    pub fn ask_for_appenders(&self, appenders: impl Fn() -> usize + Send + Sync + 'static) {
        self.handle.shared.queue.ask_for_appenders(Box::new(appenders));
    }

    /// Seals what was appended so far, without waiting for its age; resolves when the reader can have it.
    pub async fn seal(&self) {
        // The writer stops only after sealing everything, so that a missing answer means the same.
        let _ = self.handle.shared.queue.push_seal().await;
    }

    /// Commits what is queued, seals the last segment and stops the writer. Appends are refused from now on;
    /// the reader finds what is left and then the end. Segments stay readable and removable.
    pub async fn close(&self) {
        let _ = self.handle.shared.queue.close().await;
        let thread = self.handle.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has sent its farewell, so that this waits for a few instructions only.
            let _ = thread.join();
        }
    }

    /// Whether an append would find room and a directory that takes files. Looks each time, so that a spool that
    /// recovers is seen to; blocks for a few system calls and syncs nothing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let Shared { config, directory, file_system, ledger, .. } = &*self.handle.shared;
        let has_room = ledger.bytes() < config.capacity_bytes
            // If the disk does not tell, the file below will.
            && file_system.free_bytes(directory).map_or(true, |free| free > config.reserve_bytes);
        let probe = directory.join(PROBE_NAME);
        // Two may look at once, and one may have died while it looked.
        let made =
            file_system.create(&probe).map(drop).or_else(|error| forgive(error, ErrorKind::AlreadyExists));
        let removed = file_system.remove(&probe).or_else(|error| forgive(error, ErrorKind::NotFound));
        has_room && made.and(removed).is_ok()
    }

    /// What the spool holds and what went wrong.
    #[must_use]
    pub fn status(&self) -> Status {
        self.handle.shared.ledger.status()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody waits for it.
        drop(self.shared.queue.close());
    }
}

impl Shared {
    pub(crate) fn path(&self, name: Name) -> PathBuf {
        self.directory.join(name.to_string())
    }

    /// Counts and logs an error that the spool gets over by itself.
    pub(crate) fn report(&self, what: &'static str, error: &io::Error) {
        self.ledger.io_error();
        tracing::warn!(directory = %self.directory.display(), %error, "spool: {what}");
    }
}

fn forgive(error: io::Error, kind: ErrorKind) -> io::Result<()> {
    if error.kind() == kind { Ok(()) } else { Err(error) }
}

fn lock(file_system: &dyn FileSystem, directory: &Path) -> Result<Box<dyn Lock>, OpenError> {
    let path = directory.join(LOCK_NAME);
    let directory = || directory.to_owned();
    file_system.lock(&path).map_err(|source| match source.kind() {
        ErrorKind::WouldBlock => {
            let holder = file_system.read(&path, 16).unwrap_or_default();
            let process = String::from_utf8_lossy(&holder).trim().parse().ok();
            OpenError::Locked { directory: directory(), process }
        }
        _ if file_system::denies_writing(&source) => OpenError::ReadOnly { directory: directory(), source },
        _ => OpenError::Io { path, source },
    })
}
