//! The threads that answer the public listener, apart from those that ship, report and tend.
//!
//! Invariant: no work of theirs is longer than a beacon's: what takes longer is handed to the other threads, so that
//! neither a report nor a large batch holds up an answer. Half of the processors: each further thread is woken,
//! searches for work and goes to sleep again for a share of the same beacons (35 µs a beacon with two on two
//! processors, 30 with one), and the spool's thread and the kernel need the rest.

use std::io;
use std::num::NonZero;

use tokio::runtime::{Builder, Handle, Runtime};

/// Lives as long as the listener; then the threads end without being waited for.
pub(crate) struct ServingThreads(Option<Runtime>);

impl ServingThreads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start() -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (processors / 2).max(1);
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("serve").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where to bind and to spawn.
    pub(crate) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("there until it is dropped").handle()
    }
}

impl Drop for ServingThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
