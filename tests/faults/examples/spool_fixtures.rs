//! Writes a spool of this version's format into a folder, for `tests/fixtures/spool`; see the README there.

use std::path::PathBuf;

use anyhow::{Context, Result};
use passant_ingest::{Event, Origin, PAGEVIEW, Revenue, SCROLL_DEPTH_MISSING, encode};
use passant_spool::{Config, Foundation, Spool};

/// 2026-11-01T10:00:00Z, on which the fixtures' visits begin.
const BEGIN: u32 = 1_793_527_200;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("which folder?")?;
    let (spool, _segments) = Spool::open(&folder, Config::default(), Foundation::default())?;
    let records = events().iter().map(encode).collect();
    spool.append_all(records).await?;
    spool.close().await;
    // The lock is this process's, not the fixture's.
    std::fs::remove_file(folder.join("LOCK"))?;
    Ok(())
}

/// Two visitors of the first site, three pages and an event with everything that an event can have.
fn events() -> Vec<Event> {
    let page = |visitor_id: u64, seconds: u32, pathname: &str| Event {
        site_id: 1,
        timestamp: BEGIN + seconds,
        visitor_id,
        name: PAGEVIEW.into(),
        hostname: "example.com".into(),
        pathname: pathname.into(),
        origin: Origin { browser: "Firefox".into(), country: "DE".into(), ..Origin::default() },
        interactive: true,
        scroll_depth: SCROLL_DEPTH_MISSING,
        ..Event::default()
    };
    let order = Event {
        name: "Order".into(),
        previous_visitor_id: Some(3),
        props: vec![("plan".into(), "größer".into())],
        revenue: Some(Revenue { thousandths: 12_500, currency: "EUR".into() }),
        ..page(7, 90, "/order")
    };
    vec![page(7, 0, "/"), page(7, 60, "/order"), page(u64::MAX, 75, "/"), order]
}
