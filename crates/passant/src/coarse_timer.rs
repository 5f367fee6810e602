//! The timer that hyper's deadline for a head gets: it wakes nobody.
//!
//! hyper arms it anew for each request, and an exact timer then costs an allocation, two turns of the timer wheel's
//! lock and often a system call (1.4 of the 28 µs of a beacon). Here a connection is polled at intervals anyway, by
//! [`kept_awake`], and a deadline is over at the first poll after it. Invariant: a connection that is served with
//! [`CoarseTimer`] runs inside [`kept_awake`], or its deadlines never come.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A deadline may be this share of itself late.
const LATE: u32 = 4;

/// Makes sleeps that end when they are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoarseTimer;

struct Until(Instant);

impl Timer for CoarseTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until(deadline))
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for Until {}

/// Runs a connection to its end, and polls it often enough for its `deadline`.
pub(crate) async fn kept_awake<C: Future>(connection: C, deadline: Duration) -> C::Output {
    let mut connection = pin!(connection);
    let mut ticks = tokio::time::interval(deadline / LATE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => return ended,
            _ = ticks.tick() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_comes_to_a_connection_that_nothing_else_wakes() {
        let deadline = Duration::from_millis(20);
        let began = Instant::now();
        let connection = CoarseTimer.sleep(deadline);
        let ended = tokio::time::timeout(Duration::from_secs(10), kept_awake(connection, deadline)).await;
        assert!(ended.is_ok(), "it never came");
        assert!(began.elapsed() >= deadline, "it came early");
    }
}
