//! `passant rollup`: what a running server does by itself, on demand.

use anyhow::Result;
use jiff::Timestamp;
use passant_query::rollup::Rollups;
use serde_json::json;

use super::{Session, list, say};
use crate::{access, cli, progress};

/// # Errors
/// What the control data and the store say.
pub(crate) async fn run(session: &Session, command: cli::Rollup) -> Result<()> {
    match command {
        cli::Rollup::Rebuild { domain } => rebuild(session, domain.as_deref()).await,
        cli::Rollup::Status { output } => status(session, &output).await,
    }
}

async fn rebuild(session: &Session, domain: Option<&str>) -> Result<()> {
    let sites = match domain {
        Some(domain) => vec![session.control.site(domain)?],
        None => session.control.sites()?,
    };
    let sites: Vec<u32> = sites.iter().map(|site| site.id).collect();
    let zones = access::zones(&session.control)?;
    let access = session.store().await?;
    let rollups = Rollups::new(access.store.clone());
    let bar = progress::days("rolling up");
    let built = rollups
        .rebuild((zones, &sites), Timestamp::now(), |progress| {
            bar.set_length(progress.days as u64);
            bar.set_position(progress.done as u64);
        })
        .await;
    bar.finish_and_clear();
    access.close().await;
    say(&format!("rolled up {} days", built?))
}

async fn status(session: &Session, output: &cli::Output) -> Result<()> {
    let sites = session.control.sites()?;
    let zones = access::zones(&session.control)?;
    let access = session.store().await?;
    let found = Rollups::new(access.store.clone()).status(zones, Timestamp::now()).await;
    access.close().await;
    let found = found?;
    let of = |site: &passant_control::Site| {
        found.iter().find(|status| status.site_id == site.id).copied().unwrap_or_default()
    };
    list(
        output,
        &sites,
        |site| {
            let status = of(site);
            json!({ "domain": site.domain, "closed_days": status.closed_days, "rolled_days": status.rolled_days })
        },
        |site| {
            let status = of(site);
            let counted = format!("{} of {} closed days with events", status.rolled_days, status.closed_days);
            vec![site.domain.clone(), counted]
        },
    )
}
