//! Erases the events of sites that were removed, from the store and from what still comes out of the spool.
//!
//! Invariant: a removed site stays on the list in the control data until none of its events can be left: a crash, a
//! store that is away, or an event that was on its way only delays.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use passant_control::{Control, RemovedSite};
use passant_store::Store;
use tokio::sync::Notify;

/// How often the list is looked at, unless someone tells.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long a site stays on the list. Events of another node's spool may be that late when the store was away.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Erases for ever.
pub(crate) async fn follow(
    control: Arc<Control>,
    store: Store,
    (told, clock): (Arc<Notify>, fn() -> Timestamp),
) {
    loop {
        match control.removed_sites() {
            Ok(removed) => {
                for site in removed {
                    if let Err(error) = erase(&control, &store, (site, clock())).await {
                        tracing::warn!(%error, site = site.id, "the events of a removed site are not erased yet");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the removed sites cannot be read; trying again"),
        }
        let _ = tokio::time::timeout(LOOK_EVERY, told.notified()).await;
    }
}

async fn erase(
    control: &Control,
    store: &Store,
    (site, now): (RemovedSite, Timestamp),
) -> anyhow::Result<()> {
    let rows = store.site_rows(site.id).await?;
    if rows > 0 {
        store.delete_site(site.id).await?;
        tracing::info!(site = site.id, rows, "the events of a removed site are erased");
    } else if now.duration_since(site.removed_at) > KEPT {
        control.forget_removed_site(site.id)?;
    }
    Ok(())
}
