//! The control data as the running halves need it: sites for ingest, sites and tokens for reports.
//!
//! Invariant: what another process changed (`passant site add` beside a running server) is seen within half a second,
//! without a connection to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::tz::TimeZone;
use passant_control::{Control, Grant, ReferrerDetail, Scope};
use passant_ingest::{SiteTable, Sites};

/// How often the control data's version is looked at: one read of a shared page, no query.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The sites for the pipeline.
///
/// # Errors
/// When the control data cannot be read.
pub(crate) fn sites_for_ingest(control: &Control) -> Result<SiteTable> {
    let sites = control.sites()?;
    Ok(sites.into_iter().filter_map(|site| for_ingest(&site)).collect())
}

fn for_ingest(site: &passant_control::Site) -> Option<passant_ingest::Site> {
    let mut known = passant_ingest::Site::new(site.id, &site.domain, timezone(site)?);
    known.allowed_hostnames.clone_from(&site.allowed_hostnames);
    known.blocked_pages.clone_from(&site.blocked_pages);
    known.referrer = match site.referrer_detail {
        ReferrerDetail::Domain => passant_ingest::ReferrerDetail::Domain,
        ReferrerDetail::Page => passant_ingest::ReferrerDetail::Page,
    };
    Some(known)
}

fn timezone(site: &passant_control::Site) -> Option<TimeZone> {
    let found = TimeZone::get(&site.timezone);
    if found.is_err() {
        tracing::error!(
            site = site.id,
            "the time zone of a site is not known here; its beacons are discarded"
        );
    }
    found.ok()
}

/// Keeps `sites` as the control data has them, for ever.
pub(crate) async fn follow(control: Arc<Control>, sites: Sites) {
    let mut seen = control.version().ok();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let version = control.version().ok();
        if version == seen {
            continue;
        }
        match sites_for_ingest(&control) {
            Ok(table) => {
                sites.store(Arc::new(table));
                seen = version;
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the control data cannot be read; trying again")
            }
        }
    }
}

/// Who may read which site's reports.
pub(crate) struct ReportAccess(pub(crate) Arc<Control>);

impl ReportAccess {
    /// What a bearer token allows; nothing where the control data cannot be read.
    pub(crate) fn grant(&self, bearer: &str) -> Option<Grant> {
        self.0.grant(bearer).unwrap_or_else(|error| {
            tracing::error!(%error, "a token cannot be looked up");
            None
        })
    }

    /// The sites that a token may read.
    pub(crate) fn readable(&self, grant: Grant) -> Vec<passant_control::Site> {
        let sites = self.0.sites().unwrap_or_default();
        sites.into_iter().filter(|site| grant.allows(Scope::StatsRead, site.id)).collect()
    }
}

impl passant_query::Access for ReportAccess {
    fn site(&self, domain: &str) -> Option<passant_query::Site> {
        let site = self.0.site(domain).ok()?;
        let time_zone = timezone(&site)?;
        Some(passant_query::Site::new(site.id, site.domain, time_zone))
    }

    fn authorize(&self, bearer: &str, site: &passant_query::Site) -> passant_query::Permission {
        match self.grant(bearer) {
            Some(grant) if grant.allows(Scope::StatsRead, site.id) => passant_query::Permission::Granted,
            Some(_) | None => passant_query::Permission::Refused,
        }
    }
}
