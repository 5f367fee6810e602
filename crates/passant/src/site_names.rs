//! The names of the sites, in the store: its rows have numbers, and who reads it by SQL wants domains.
//!
//! Invariant: whatever is in the store, it comes to what the control data has; a store that is away only delays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passant_control::Control;
use passant_store::{SiteName, Store};

/// How often the control data are looked at: a new site shows up in other people's tools that late.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The names by the sites' numbers.
type Names = BTreeMap<u32, SiteName>;

/// Keeps the store's names as the control data has them, for ever.
pub(crate) async fn follow(control: Arc<Control>, store: Store) {
    let mut written = None;
    let mut timer = tokio::time::interval(LOOK_EVERY);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let Ok(wanted) = names(&control) else { continue };
        if written.as_ref() == Some(&wanted) {
            continue;
        }
        match write(&store, &wanted).await {
            Ok(()) => written = Some(wanted),
            Err(error) => tracing::debug!(%error, "the names of the sites are not in the store yet"),
        }
    }
}

fn names(control: &Control) -> passant_control::Result<Names> {
    let name = |site: passant_control::Site| {
        (site.id, SiteName { site_id: site.id, domain: site.domain, timezone: site.timezone })
    };
    Ok(control.sites()?.into_iter().map(name).collect())
}

async fn write(store: &Store, wanted: &Names) -> passant_store::Result<()> {
    let found: Names = store.site_names().await?.into_iter().map(|name| (name.site_id, name)).collect();
    for name in wanted.values().filter(|name| found.get(&name.site_id) != Some(*name)) {
        store.write_site_name(name).await?;
    }
    for gone in found.keys().filter(|id| !wanted.contains_key(*id)) {
        store.erase_site_name(*gone).await?;
    }
    Ok(())
}
