//! What a server stands on: the clock, the spool's file system, and who is told of each step.
//!
//! Invariant: a build without the feature `fail-points` has the system's clock and file system here and nothing else;
//! a build with it does what a file says, which no shipped binary can.

use std::sync::Arc;

use jiff::Timestamp;
use passant_ingest::{Metrics, ShipObserver};
use passant_spool::Foundation;

#[cfg(feature = "fail-points")]
use crate::fail_points;

/// The wall clock.
#[cfg(not(feature = "fail-points"))]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The wall clock, shifted as planned.
#[cfg(feature = "fail-points")]
pub(crate) fn now() -> Timestamp {
    fail_points::shifted(Timestamp::now())
}

/// What the spool is opened with.
#[cfg(not(feature = "fail-points"))]
pub(crate) fn spool_foundation(metrics: Arc<Metrics>) -> Foundation {
    Foundation { observer: metrics, ..Foundation::default() }
}

/// What the spool is opened with, failing as planned.
#[cfg(feature = "fail-points")]
pub(crate) fn spool_foundation(metrics: Arc<Metrics>) -> Foundation {
    let observer = Arc::new(fail_points::StepObserver { metrics });
    Foundation { file_system: Arc::new(fail_points::FailingFileSystem::default()), observer }
}

/// Who is told of the shipper's steps: nobody.
#[cfg(not(feature = "fail-points"))]
pub(crate) fn ship_observer() -> Arc<dyn ShipObserver> {
    Arc::new(())
}

/// Who is told of the shipper's steps: the plan.
#[cfg(feature = "fail-points")]
pub(crate) fn ship_observer() -> Arc<dyn ShipObserver> {
    Arc::new(fail_points::ShipSteps)
}
