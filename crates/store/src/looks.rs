//! One look for all who asked for it before it began.
//!
//! Invariant: nobody is given what was seen before he asked.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use crate::error::Result;

/// The looks at one thing. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Looks<T: Clone>(Arc<Inner<T>>);

struct Inner<T: Clone> {
    /// The look that has not begun.
    next: Mutex<Option<Look<T>>>,
    /// Held by the look that has.
    under_way: tokio::sync::Mutex<()>,
}

type Look<T> = Shared<BoxFuture<'static, Result<T>>>;

impl<T: Clone> Default for Looks<T> {
    fn default() -> Self {
        Self(Arc::new(Inner { next: Mutex::default(), under_way: tokio::sync::Mutex::default() }))
    }
}

impl<T: Clone + Send + Sync + 'static> Looks<T> {
    /// What `look` sees: looked at by this caller, or by another one later than this call.
    pub(crate) async fn look<L>(&self, look: impl FnOnce() -> L) -> Result<T>
    where
        L: Future<Output = Result<T>> + Send + 'static,
    {
        let next = {
            let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
            next.get_or_insert_with(|| self.next(look())).clone()
        };
        next.await
    }

    fn next(&self, look: impl Future<Output = Result<T>> + Send + 'static) -> Look<T> {
        let inner = Arc::clone(&self.0);
        let look = async move {
            let _under_way = inner.under_way.lock().await;
            // Whoever comes from here on is too late for this one.
            inner.next.lock().unwrap_or_else(PoisonError::into_inner).take();
            look.await
        };
        look.boxed().shared()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn is_shared_by_those_who_came_before_it_began() {
        let looks = Looks::<u32>::default();
        let (seen, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let one = || {
            let (looks, seen, gate) = (looks.clone(), Arc::clone(&seen), Arc::clone(&gate));
            let look = move || async move {
                let mine = seen.fetch_add(1, Ordering::Relaxed);
                gate.acquire().await.expect("open").forget();
                Ok(mine)
            };
            async move { looks.look(look).await }
        };
        let first = tokio::spawn(one());
        while seen.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let later: Vec<_> = (0..9).map(|_| tokio::spawn(one())).collect();
        tokio::task::yield_now().await;
        gate.add_permits(2);
        assert_eq!(first.await.expect("done").expect("seen"), 0);
        for look in later {
            assert_eq!(look.await.expect("done").expect("seen"), 1);
        }
    }

    #[tokio::test]
    async fn goes_on_after_those_who_waited_have_gone() {
        let looks = Looks::<u32>::default();
        let stuck = looks.look(std::future::pending);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), stuck).await.is_err());
        assert_eq!(looks.look(|| async { Ok(7) }).await.expect("seen"), 7);
    }
}
