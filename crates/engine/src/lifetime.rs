//! How long the process lives: until it is told to stop, and not longer than its parent.
//!
//! Invariant: an engine that a parent started never outlives it, whichever way the parent ends. The parent is
//! watched as a process, by a pidfd: the death signal of prctl follows the *thread* that forked, which an
//! asynchronous parent may end at any time, so that is only the fallback for kernels without pidfd.

use std::{os::fd::OwnedFd, thread};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, getppid, pidfd_open, set_parent_process_death_signal},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing::warn;

use crate::Error;

/// How long the process lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// Until SIGTERM or SIGINT: for an engine that is started by hand or by the system.
    #[default]
    UntilStopped,
    /// As [`Lifetime::UntilStopped`], and at most as long as the parent with this pid.
    OfParent(u32),
}

/// Waits for the end that a lifetime sets.
pub(crate) struct Ending {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    parent: Option<oneshot::Receiver<()>>,
}

impl Ending {
    /// Installs the handlers; call it early, so that a signal during the start is not lost.
    ///
    /// # Errors
    /// [`Error::Orphaned`] if the parent is gone already, [`Error::Start`] if the system refuses.
    pub(crate) fn of(lifetime: Lifetime) -> Result<Self, Error> {
        let parent = match lifetime {
            Lifetime::UntilStopped => None,
            Lifetime::OfParent(parent) => watch(parent)?,
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Error::Start)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Error::Start)?,
            parent,
        })
    }

    /// Waits, and says what ended.
    pub(crate) async fn wait(&mut self) -> &'static str {
        let parent = async {
            match &mut self.parent {
                // A watcher that fails counts as the end: better a restart than an orphan.
                Some(parent) => drop(parent.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = parent => "the parent ended",
        }
    }
}

fn watch(parent: u32) -> Result<Option<oneshot::Receiver<()>>, Error> {
    let pid = i32::try_from(parent)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Error::Config(format!("{parent} is not the pid of a parent")))?;
    let watched = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Some(wait_for(pidfd)?),
        Err(rustix::io::Errno::SRCH) => return Err(Error::Orphaned { parent }),
        Err(error) => {
            warn!(%error, "this system cannot watch a process; watching the thread that started the engine instead");
            set_parent_process_death_signal(Some(Signal::TERM))
                .map_err(|error| Error::Start(error.into()))?;
            None
        }
    };
    // Checked after the watch began: a parent that died before has a successor with another pid.
    if getppid() == Some(pid) { Ok(watched) } else { Err(Error::Orphaned { parent }) }
}

/// A thread that sleeps until the process is gone.
fn wait_for(pidfd: OwnedFd) -> Result<oneshot::Receiver<()>, Error> {
    let (gone, parent) = oneshot::channel();
    let wait = move || {
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
        while let Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
        // Nobody listens any more if the engine stops for another reason.
        let _ = gone.send(());
    };
    thread::Builder::new().name("engine-parent".to_owned()).spawn(wait).map_err(Error::Start)?;
    Ok(parent)
}
