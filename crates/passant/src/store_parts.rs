//! How many parts the store's tables consist of: what grows when inserts come faster than merges.
//!
//! Invariant: it is asked rarely and answers nothing; a store that does not tell leaves the last number.

use std::time::Duration;

use passant_store::{Statement, Store};
use prometheus::{IntGauge, Registry};

/// Merges take seconds to minutes; asking costs a millisecond.
const ASK_EVERY: Duration = Duration::from_secs(15);

/// Registers `passant_store_parts`.
///
/// # Errors
/// When a metric of that name is there.
pub(crate) fn gauge(registry: &Registry) -> prometheus::Result<IntGauge> {
    let parts = IntGauge::new("passant_store_parts", "Active parts of the store's tables.")?;
    registry.register(Box::new(parts.clone()))?;
    Ok(parts)
}

/// Keeps the gauge up to date until it is dropped.
pub(crate) async fn follow(store: Store, parts: IntGauge) {
    let question = Statement::new(
        "/* store: active parts */ SELECT count() AS parts FROM system.parts WHERE active AND database = currentDatabase()",
    );
    let mut timer = tokio::time::interval(ASK_EVERY);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        match store.fetch::<u64>(&question).await.as_deref() {
            Ok([count]) => parts.set(i64::try_from(*count).unwrap_or(i64::MAX)),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the store does not tell its parts"),
        }
    }
}
